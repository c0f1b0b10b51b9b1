import Faults
import GRPCCore
import IntentsCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// The phases of a payment that belong to intents (DESIGN section 7): T1 has committed when a flow
/// begins; it calls gateway-router and commits T4: state, events, ledger command, stored answer.
///
/// From T1 on the work belongs to the process: the caller may leave, the flow goes on.
final class IntentFlow: Sendable {
  /// How long a flow may take after its caller has left; below `ClaimLease.heldMax`.
  static let limitSeconds: Int64 = 12
  /// How long one call to gateway-router may take: what is left is for the commit of T4.
  static let routerSeconds: Int64 = 9
  /// Calls to gateway-router for one step, while it is unreachable.
  static let routerTriesMax = 3
  static let routerPauseMilliseconds: Int64 = 150

  let environment: ServiceEnvironment
  let writer: IntentWriter
  let metrics: IntentMetrics
  /// Wakes the relays when something was committed for them.
  let wake: @Sendable () -> Void

  init(_ environment: ServiceEnvironment, wake: @escaping @Sendable () -> Void) {
    self.environment = environment
    self.wake = wake
    writer = IntentWriter(identifiers: environment.identifiers)
    metrics = IntentMetrics(environment.metrics)
  }

  /// Who ends an intent's open work: a caller who is there, or a worker without one.
  enum Driver: Sendable {
    case caller
    /// Begins no new money movement (interleavings 9).
    case worker
    /// A caller whose payer has come back, with what they brought; kept nowhere.
    case payer([UInt8])

    fileprivate var isPayer: Bool { if case .payer = self { true } else { false } }
  }

  /// Drives the intent's open work to an answer and stores it for the claim.
  /// - Parameter known: what T1 has just written, so that it need not be read.
  func finish<Response: WireMessage>(
    _ claim: Claim, _ intent: PaymentIntentID, of merchant: MerchantID, by driver: Driver,
    known: View? = nil, answer: @Sendable @escaping (IntentRow) -> Response
  ) async throws -> Response {
    defer { environment.idempotency.release(claim) }
    let work = if let known { known } else { try await view(intent, of: merchant) }
    let facts: [GatewayV1.Fact]
    do {
      facts = try await self.facts(for: work, by: driver)
    } catch let failure as RPCFailure where driver.isPayer {
      // Nobody else has what the payer brought: the same call says it again, whatever was done with it.
      try await environment.idempotency.forget(claim)
      throw failure
    }
    #if TENDER_FAULTS
      CrashPoint.beforeStoredAnswer.pass()
    #endif
    let stored: @Sendable (IntentRow) -> StoredAnswer = { .response(answer($0).encode()) }
    defer { wake() }
    let quick =
      known == nil ? nil : try await commit(facts, to: work, claim, answer: stored)
    let row =
      if let quick { quick } else {
        try await commit(facts, to: intent, of: merchant, claim: claim, answer: stored)
      }
    #if TENDER_FAULTS
      CrashPoint.afterStoredAnswer.pass()
    #endif
    return answer(row)
  }

  /// The same without a claim: for intents that are stuck although their claims are answered.
  func settle(_ intent: PaymentIntentID, of merchant: MerchantID) async throws {
    let facts = try await facts(for: try await view(intent, of: merchant), by: .worker)
    guard !facts.isEmpty else { return }
    _ = try await commit(facts, to: intent, of: merchant, claim: nil, answer: nil)
    wake()
  }

  // MARK: T4

  /// One transaction: facts, state, history, outbox, answer. Repeating it changes nothing.
  @discardableResult
  func commit(
    _ facts: [GatewayV1.Fact], to intent: PaymentIntentID, of merchant: MerchantID,
    claim: Claim?, answer: (@Sendable (IntentRow) -> StoredAnswer)?
  ) async throws -> IntentRow {
    let stamp = environment.stamp
    return try await environment.database.transaction { [self] transaction in
      var application = try await locked(intent, of: merchant, claim: claim, in: transaction)
      application.apply(facts)
      var statements = writer.statements(application, stamp)
      if let claim, let answer {
        statements.append(
          environment.idempotency.finishStatement(claim, answer(application.intent)))
      }
      try await transaction.commit(with: statements)
      metrics.count(application)
      return application.intent
    }
  }

  /// The same for whoever has just written the intent: nothing is read when nobody has changed it
  /// since, as its version and its operation's last fact say.
  /// - Returns: nil if somebody has, or nothing was heard.
  private func commit(
    _ facts: [GatewayV1.Fact], to work: View, _ claim: Claim,
    answer: @Sendable (IntentRow) -> StoredAnswer
  ) async throws -> IntentRow? {
    let stamp = environment.stamp
    var application = FactApplication(
      intent: work.intent, operations: work.operations, now: environment.clock.now)
    application.apply(facts)
    guard !application.touched.isEmpty else { return nil }
    let applied = application
    let intent = application.intent
    let guards =
      [
        // Locks the claim first, as every transaction that finishes one.
        environment.idempotency.finishStatement(claim, answer(intent)),
        IntentStatements.update(intent, from: work.intent.version, stamp),
      ]
      + work.operations.map { before in
        let after = application.operations.first { $0.id == before.id } ?? before
        return OperationStatements.applied(after, of: intent.id, from: before.appliedSequence)
      }
    let statements = writer.news(application, stamp)
    do {
      return try await environment.database.transaction { [metrics] transaction in
        let held = try await transaction.batch(guards)
        guard held[0].count == 1 else { throw Idempotency.FenceLost() }
        guard held.dropFirst().allSatisfy({ $0.affected == 1 }) else {
          #if TENDER_FAULTS
            if Sabotage.noCompareAndSet.isOn {
              try await transaction.commit(with: statements)
              return intent
            }
          #endif
          throw ChangedMeanwhile()
        }
        try await transaction.commit(with: statements)
        metrics.count(applied)
        return intent
      }
    } catch is ChangedMeanwhile {
      return nil
    }
  }

  private struct ChangedMeanwhile: Error {}

  /// Locks claim and intent, in this order everywhere, and reads what belongs to it.
  func locked(
    _ intent: PaymentIntentID, of merchant: MerchantID, claim: Claim?,
    in transaction: borrowing Transaction
  ) async throws -> FactApplication {
    var statements = [
      IntentStatements.lock(intent, of: merchant), OperationStatements.list(intent),
      RefundStatements.list(intent), OperationStatements.captures(intent),
      ReturnStatements.list(intent),
    ]
    if let claim { statements.insert(environment.idempotency.lockStatement(claim), at: 0) }
    var results = try await transaction.batch(statements)
    if claim != nil, results.removeFirst().count != 1 { throw Idempotency.FenceLost() }
    guard let row = results[0].first else { throw IntentRefusal.notFound(intent) }
    var locked = try IntentRow(row: row)
    let refunds = try results[2].map(RefundRow.init(row:))
    let money = MoneyRows(
      captures: try results[3].map(CaptureRow.init(row:)),
      returns: try results[4].map(ReturnRow.init(row:)))
    // The locking statement sums rows as they were before it waited; these came after it.
    locked.refundedMinor = 0
    locked.refundsReservedMinor = 0
    for refund in refunds { locked.take(refund.state, refund.amount.minor) }
    #if TENDER_FAULTS
      if Sabotage.refundByCounter.isOn { locked = try IntentRow(row: row) }
    #endif
    return FactApplication(
      intent: locked, operations: try results[1].map(OperationRow.init(row:)),
      refunds: refunds, money: money, now: environment.clock.now)
  }
}
