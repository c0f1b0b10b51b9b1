import Faults
import GRPCCore
import IntentsCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Transport
import Wire

/// The phases of a refund that belong to intents: T1 writes claim and refund, then gateway-router
/// is asked, then T4 commits what it told: state, events, ledger command, stored answer.
///
/// A refund has no last moment to be sent: its id and key make it one refund however often it is
/// asked for, so that whoever finds it without an answer drives it on.
struct RefundFlow: Sendable {
  /// How long vault-token may take to say what a payment method is.
  static let kindSeconds: Int64 = 2

  let flow: IntentFlow

  /// A refund as asked for: checked, not yet written.
  struct Order: Sendable {
    var id: RefundID
    var intent: PaymentIntentID
    var amount: Amount?
    var reason: RefundReason
    var metadata: [CommonV1.MetadataEntry]
    var acceptsReturnRisk: Bool
  }

  /// Whether the refund needs the caller's word depends on what the payment method is. vault-token
  /// knows: it is asked outside of any transaction, then T1 begins anew.
  struct KindNeeded: Error {
    var paymentMethod: PaymentMethodID
  }

  // MARK: T1

  /// Under the intent's lock: of two that do not fit together, one wins.
  /// - Throws: PAYMENT_INTENT_NOT_FOUND, CURRENCY_MISMATCH, PAYMENT_INTENT_STATE, AMOUNT_TOO_LARGE,
  ///   RETURN_RISK_NOT_ACCEPTED; `KindNeeded` while `kind` is nil and decides.
  func begin(
    _ order: Order, of merchant: MerchantID, kind: MethodType?,
    in transaction: borrowing Transaction
  ) async throws {
    let application = try await flow.locked(
      order.intent, of: merchant, claim: nil, in: transaction)
    var intent = application.intent
    if let amount = order.amount, amount.currency != intent.amount.currency {
      throw IntentRefusal.currency(intent.amount.currency)
    }
    let minor: Int64
    switch intent.amounts.refund(requestedMinor: order.amount?.minor, in: intent.state) {
    case .success(let allowed): minor = allowed
    case .failure(let refusal): throw IntentRefusal.refund(refusal, intent.state.status)
    }
    guard let operation = intent.currentOperation else { throw RPCFailure.internalError }
    let now = flow.environment.clock.now
    if !order.acceptsReturnRisk { try checkReturnRisk(application, kind, at: now) }
    let stamp = flow.environment.stamp
    let refund = RefundRow(
      merchant: merchant, intent: intent.id, id: order.id, operation: operation,
      amount: Amount(intent.amount.currency, minor: minor), reason: order.reason,
      state: .pending(.outcomeUnknown), gateway: intent.gateway,
      gatewayAccount: intent.gatewayAccount, gatewayReference: "",
      metadataKeys: order.metadata.map(\.key), metadataValues: order.metadata.map(\.value),
      nextCheckAt: nil, version: 1, createdAt: now, updatedAt: now)
    intent.take(refund.state, minor)
    intent.version += 1
    intent.updatedAt = now
    try await transaction.commit(with: [
      RefundStatements.write(refund, stamp), IntentStatements.update(intent, stamp),
      IntentStatements.change(intent, cause: "refund", stamp),
      OutboxWriter.insert([flow.writer.event("refund.created", refund, intent, stamp)]),
    ])
  }

  private func checkReturnRisk(
    _ application: FactApplication, _ kind: MethodType?, at now: Timestamp
  ) throws {
    guard let debitedAt = application.money.capturedAt,
      let method = application.intent.paymentMethod
    else { return }
    guard let kind else {
      guard ReturnRisk.mayBeOpen(debitedAt: debitedAt, at: now) else { return }
      throw KindNeeded(paymentMethod: method)
    }
    if let until = ReturnRisk.end(of: kind, debitedAt: debitedAt), now < until {
      throw IntentRefusal.returnRisk(until: until)
    }
  }

  /// What a payment method is; a deleted one still says so.
  /// - Throws: UNAVAILABLE.
  func kind(
    of method: PaymentMethodID, _ merchant: MerchantID
  ) async throws -> MethodType {
    let client = VaultV1.PaymentMethods.Client(
      wrapping: try flow.environment.peers.client(.vaultToken))
    do {
      let answer = try await Deadline.$current.withValue(.within(.seconds(Self.kindSeconds))) {
        try await client.describePaymentMethod(
          VaultV1.DescribePaymentMethodRequest(paymentMethodID: method.description),
          metadata: OutgoingCall.metadata(merchant: merchant))
      }
      let type = answer.paymentMethod.map { Int16(clamping: $0.type.rawValue) }
      if let kind = type.flatMap(MethodType.init(rawValue:)) { return kind }
    } catch let error as RPCError where error.code == .notFound {
      // Nothing says that it is a card: the caller is asked for their word.
      return .sepaDebit
    } catch is RPCError {}
    throw RPCFailure.unavailable("vault-token did not say what the payment method is. Try again.")
  }

  // MARK: The rest

  /// Drives the refund to an answer and stores it for the claim.
  func finish(
    _ claim: Claim, _ id: RefundID, of merchant: MerchantID
  ) async throws -> IntentsV1.CreateRefundResponse {
    let environment = flow.environment
    defer { environment.idempotency.release(claim) }
    let refund = try await get(id, of: merchant)
    let facts = await facts(for: refund)
    #if TENDER_FAULTS
      CrashPoint.beforeStoredAnswer.pass()
    #endif
    let written = try await commit(facts, to: refund, claim)
    #if TENDER_FAULTS
      CrashPoint.afterStoredAnswer.pass()
    #endif
    flow.wake()
    return Self.answer(written)
  }

  /// The same without a claim: for refunds whose claims are answered and whose outcome is unknown.
  func settle(_ id: RefundID, of merchant: MerchantID) async throws {
    let refund = try await get(id, of: merchant)
    let facts = await facts(for: refund)
    let written = facts.isEmpty ? refund : try await commit(facts, to: refund, nil)
    flow.wake()
    let age = flow.environment.clock.now.seconds - written.createdAt.seconds
    guard case .pending(.outcomeUnknown) = written.state, age > RefundStatements.alertSeconds
    else { return }
    _ = try await flow.environment.database.query(
      flow.writer.alert("refund_outcome_unknown", written, flow.environment.stamp))
  }

  func get(_ id: RefundID, of merchant: MerchantID) async throws -> RefundRow {
    let rows = try await flow.environment.database.query(RefundStatements.get(id, of: merchant))
    guard let row = rows.first else { throw IntentRefusal.refundNotFound(id) }
    return try RefundRow(row: row)
  }

  /// None when the outcome is known, or when gateway-router says nothing: silence changes nothing.
  private func facts(for refund: RefundRow) async -> [GatewayV1.Fact] {
    guard case .pending(.outcomeUnknown) = refund.state else { return [] }
    let request = GatewayV1.RefundOperationRequest(
      operationID: refund.operation.description, intentID: refund.intent.description,
      refundID: refund.id.description, amount: CommonV1.Money(refund.amount))
    let metadata = OutgoingCall.metadata(merchant: refund.merchant, key: "refund/\(refund.id)")
    let putOff = RefundStatements.putOff(refund)
    return await flow.asking("refund", whenHeld: putOff) {
      do {
        return try await flow.router().refundOperation(request, metadata: metadata).facts
      } catch let error as RPCError where Self.contradicts(error) {
        _ = try await flow.environment.database.query(
          flow.writer.alert("refund_refused", refund, flow.environment.stamp))
        throw error
      }
    }
  }

  /// What the two sides know differs: that decides nothing about the refund, and asking again will not
  /// change it. A refund that can never be comes as a fact.
  private static func contradicts(_ error: RPCError) -> Bool {
    [.failedPrecondition, .notFound, .invalidArgument].contains(error.code)
  }

  /// T4. Repeating it changes nothing.
  private func commit(
    _ facts: [GatewayV1.Fact], to refund: RefundRow, _ claim: Claim?
  ) async throws -> RefundRow {
    let environment = flow.environment
    let stamp = environment.stamp
    return try await environment.database.transaction { [flow] transaction in
      var application = try await flow.locked(
        refund.intent, of: refund.merchant, claim: claim, in: transaction)
      application.apply(facts)
      guard let written = application.refunds.row(refund.id) else {
        throw IntentRefusal.refundNotFound(refund.id)
      }
      var statements = flow.writer.statements(application, stamp)
      if let claim {
        let answer = StoredAnswer.response(Self.answer(written).encode())
        statements.append(environment.idempotency.finishStatement(claim, answer))
      }
      try await transaction.commit(with: statements)
      flow.metrics.count(application)
      return written
    }
  }

  private static func answer(_ refund: RefundRow) -> IntentsV1.CreateRefundResponse {
    IntentsV1.CreateRefundResponse(refund: IntentsV1.Refund(refund))
  }
}
