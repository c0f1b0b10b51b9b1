import GRPCCore
import GatewayAdapters
import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization
import Wire

/// After a restore: reads each account's list of payments from its newest down to a day before the
/// point, keeps what this database does not know, then rebuilds it, the oldest first. It goes on when
/// operators have let money move again: what is not done holds its payment.
/// One replica reads an account at a time, by lease; a restart goes on behind the last page.
final class RestoreWorker: Sendable {
  static let interval = Duration.seconds(2)
  static let leaseSeconds: Double = 30
  static let failurePauseSeconds: Double = 10
  /// Pages of one round; the next round goes on behind them.
  static let pagesMax = 50
  static let rebuildMax: Int64 = 20
  /// Batches of one round; the next one goes on.
  static let batchesMax = 10
  static let rebuildLeaseSeconds: Double = 30
  /// The work on one payment.
  static let itemSeconds: Int64 = 15
  static let actor = "service:gateway-router"
  static let alertKind = "restored_payments_unresolved"

  /// What was found of an open restore last, so that only changes are told.
  private struct Rest: Equatable {
    var restore: RestoreID
    var left: RestoreRest
  }

  private let rest = Mutex<Rest?>(nil)
  private let flow: GatewayFlow
  private let restores: RestoreFlow
  private let worker: WorkerLoop
  private var environment: ServiceEnvironment { flow.environment }
  private var ports: GatewayPorts { flow.ports }

  init(_ flow: GatewayFlow, _ restores: RestoreFlow) {
    self.flow = flow
    self.restores = restores
    worker = WorkerLoop("restore", flow.environment, every: Self.interval)
  }

  func start() { worker.start { [self] in try await work() } }

  func wake() { worker.wake() }

  func shutdown() async { await worker.shutdown() }

  /// One round; nothing without a restore, or when all of it is done.
  func work() async throws {
    guard let restore = try await restores.newest() else { return }
    switch restore.state {
    case .closed:
      // Whatever came between: intents stays closed as long as this is.
      try await restores.setGate(closed: true, pointAt: restore.pointAt)
      // Unless it was opened between the reading and this word.
      guard try await restores.newest()?.state == .closed else {
        return try await restores.setGate()
      }
    case .open:
      guard rest.withLock({ $0?.restore != restore.id || $0?.left.isOver == false }) else {
        // A report that was fetched late may have named something.
        if try await ports.routing.restore.mayHold() { try await tell(restore) }
        return
      }
      // Who died between two words has left it closed.
      try await restores.setGate()
      try await tell(restore)
    }
    let unread = try await environment.database.query(RestoreStatements.unread())
    for restore in try unread.map({ try RestoreRecord($0) }) {
      for account in ports.listedAccounts {
        for subject in RestoreSubject.allCases { try await read(subject, account, restore) }
      }
    }
    for _ in 0..<Self.batchesMax {
      guard try await rebuild(restore) else { break }
    }
    if restore.state == .open { try await tell(restore) }
  }

  /// People hear of what holds payments although money moves again, whichever restore has left it, and
  /// of lists that nobody has read: what those would name holds nothing.
  private func tell(_ restore: RestoreRecord) async throws {
    let (unread, isUnresolved) = try await environment.database.query(
      RestoreHoldStatements.rest()
    ).single().decode(([String], Bool).self)
    let now = Rest(
      restore: restore.id, left: RestoreRest(unread: unread, isUnresolved: isUnresolved))
    let before = rest.withLock { $0 }
    if before != now {
      _ = try await environment.database.query(
        now.left.isOver
          ? Alerts.resolve(dedupKeys: [Self.alertKind], actor: Self.actor)
          : Alerts.raise(
            Alert(
              .critical, kind: Self.alertKind, subject: restore.id.description,
              message: now.left.words, actor: Self.actor, dedupKey: Self.alertKind)))
    }
    rest.withLock { $0 = now }
  }

  // MARK: Reading

  private struct Lease {
    var subject: RestoreSubject
    var fence: Int64
    var from: Timestamp
    var after: String?
  }

  private func read(
    _ subject: RestoreSubject, _ account: GatewayAccount, _ restore: RestoreRecord
  ) async throws {
    let rows = try await environment.database.query(
      RestoreStatements.take(restore.id, account, subject, leaseSeconds: Self.leaseSeconds))
    guard let row = rows.first else { return }
    let (fence, from, after) = try row.decode((Int64, Timestamp, String?).self)
    var lease = Lease(subject: subject, fence: fence, from: from, after: after)
    for _ in 0..<Self.pagesMax {
      do {
        guard try await page(account, restore, &lease) else { return }
      } catch let error as PageFailed {
        return try await release(account, restore, lease, error.what)
      } catch let error as RPCFailure {
        return try await release(account, restore, lease, error.message)
      } catch let error as RPCError {
        return try await release(account, restore, lease, "intents: \(error.message)")
      }
    }
    _ = try await environment.database.query(
      RestoreStatements.release(
        restore.id, account, subject, fence: lease.fence, pauseSeconds: 0, error: ""))
  }

  private struct PageFailed: Error { var what: String }

  private func release(
    _ account: GatewayAccount, _ restore: RestoreRecord, _ lease: Lease, _ error: String
  ) async throws {
    environment.logger.warning(
      "a gateway's books could not be read",
      metadata: [
        "account": "\(account)", "subject": "\(lease.subject)", "error": "\(error)",
      ])
    _ = try await environment.database.query(
      RestoreStatements.release(
        restore.id, account, lease.subject, fence: lease.fence,
        pauseSeconds: Self.failurePauseSeconds, error: error))
  }

  /// - Returns: whether there is another one.
  private func page(
    _ account: GatewayAccount, _ restore: RestoreRecord, _ lease: inout Lease
  ) async throws -> Bool {
    guard
      let facts = await ports.listed(
        lease.subject, account, fromSeconds: lease.from.seconds, after: lease.after)
    else { throw PageFailed(what: "the settings no longer name \(account)") }
    let after = lease.after
    switch lease.subject {
    case .payments:
      switch try await environment.workers.run({ StripePaymentList.read(facts, after: after) }) {
      case .failed(let error): throw PageFailed(what: error)
      case .cursorUnknown: return try await restart(account, restore, lease)
      case .items(let payments, let hasMore):
        lease.after = hasMore ? payments.last?.reference : nil
        return try await store(payments, account, restore, lease) && hasMore
      }
    case .refunds:
      switch try await environment.workers.run({ StripeRefundList.read(facts, after: after) }) {
      case .failed(let error): throw PageFailed(what: error)
      case .cursorUnknown: return try await restart(account, restore, lease)
      case .items(let refunds, let hasMore):
        lease.after = hasMore ? refunds.last?.reference : nil
        return try await store(refunds, account, restore, lease) && hasMore
      }
    }
  }

  private func restart(
    _ account: GatewayAccount, _ restore: RestoreRecord, _ lease: Lease
  ) async throws -> Bool {
    _ = try await environment.database.query(
      RestoreStatements.restart(restore.id, account, lease.subject, fence: lease.fence))
    return false
  }

  /// A refund that is not known here is for people: its intent must not give the money back again.
  private func store(
    _ refunds: [ListedRefund], _ account: GatewayAccount, _ restore: RestoreRecord, _ lease: Lease
  ) async throws -> Bool {
    let ours = refunds.compactMap { refund in refund.refundID.map { (id: $0, refund: refund) } }
    let rows = try await environment.database.query(
      RestoreStatements.knownRefunds(ours.map(\.id)))
    let known = Set(try rows.map { try $0[0, as: RefundID.self] })
    let found = ours.filter { !known.contains($0.id) }.map { _, refund in
      RestoreStatements.FoundRow(
        reference: refund.reference, ownReference: refund.ownReference ?? "",
        madeAt: Timestamp(seconds: refund.createdSeconds), state: .forPeople,
        detail: "a refund of \(refund.paymentReference)", claim: nil, identity: nil,
        amount: refund.amount, attempt: nil, payment: refund.paymentReference)
    }
    return try await store(
      found, read: refunds.count, foreign: refunds.count - ours.count, account, restore, lease)
  }

  private func store(
    _ payments: [ListedPayment], _ account: GatewayAccount, _ restore: RestoreRecord,
    _ lease: Lease
  ) async throws -> Bool {
    let marked = payments.map { (payment: $0, mark: PaymentMark($0)) }
    let ours = marked.filter { $0.mark != .foreign }
    let known = try await known(ours.compactMap { $0.payment.attempt })
    var rows: [RestoreStatements.FoundRow] = []
    for (payment, mark) in ours {
      guard let row = RestoreStatements.FoundRow(payment, mark, known) else { continue }
      // At once, not only when it is rebuilt: its key must not pay meanwhile.
      if let claim = row.claim ?? row.identity?.claim {
        try await RestoreRebuild(flow).claimOnly(
          claim, row.state == .found ? .pending : .forPeople, at: account.gateway.rawValue,
          account.account, reference: row.reference)
      }
      rows.append(row)
    }
    return try await store(
      rows, read: payments.count, foreign: payments.count - ours.count, account, restore, lease)
  }

  /// - Returns: false when somebody else has taken the lease over.
  private func store(
    _ rows: [RestoreStatements.FoundRow], read: Int, foreign: Int, _ account: GatewayAccount,
    _ restore: RestoreRecord, _ lease: Lease
  ) async throws -> Bool {
    let statements = RestoreStatements.store(
      rows, of: restore.id, account, lease.subject, fence: lease.fence, read: read,
      foreign: foreign, last: lease.after, leaseSeconds: Self.leaseSeconds, actor: Self.actor)
    return try await environment.database.transaction { transaction in
      let held = try await transaction.query(statements[0])
      guard held.count == 1 else { return false }
      try await transaction.commit(with: Array(statements.dropFirst()))
      return true
    }
  }

  /// The attempts that this database has, with what they belong to.
  private func known(
    _ attempts: [AttemptID]
  ) async throws -> [AttemptID: KnownAttempt] {
    guard !attempts.isEmpty else { return [:] }
    let rows = try await environment.database.query(RestoreStatements.known(attempts))
    return Dictionary(
      try rows.decode((AttemptID, OperationID, PaymentIntentID, MerchantID).self).map {
        ($0.0, KnownAttempt(operation: $0.1, intent: $0.2, merchant: $0.3))
      }) { first, _ in first }
  }

  // MARK: Rebuilding

  /// - Returns: whether there may be more.
  private func rebuild(_ restore: RestoreRecord) async throws -> Bool {
    let rows = try await environment.database.query(
      RestoreStatements.takeDue(
        restore.id, limit: Self.rebuildMax, leaseSeconds: Self.rebuildLeaseSeconds))
    let due = try rows.map { try FoundPayment($0) }
      .sorted { ($0.madeAt, $0.reference) < ($1.madeAt, $1.reference) }
    let rebuild = RestoreRebuild(flow)
    for payment in due {
      do {
        try await Deadline.$current.withValue(.after(.seconds(Self.itemSeconds))) {
          try await rebuild.rebuild(payment)
        }
      } catch {
        environment.logger.warning(
          "a payment was not rebuilt",
          metadata: ["payment": "\(payment.ownReference)", "error": "\(error)"])
        try await rebuild.later(payment, "it could not be rebuilt: see the log")
      }
    }
    return due.count == Int(Self.rebuildMax)
  }
}

/// What an attempt that is there belongs to.
struct KnownAttempt: Sendable {
  var operation: OperationID
  var intent: PaymentIntentID
  var merchant: MerchantID
}

extension ListedPayment {
  fileprivate var attempt: AttemptID? {
    ownReference.flatMap { GatewayReference($0)?.attemptID }
  }
}

extension RestoreStatements.FoundRow {
  /// Nil for what is known here.
  fileprivate init?(
    _ payment: ListedPayment, _ mark: PaymentMark, _ known: [AttemptID: KnownAttempt]
  ) {
    let there = payment.attempt.flatMap { known[$0] }
    self.init(
      reference: payment.reference, ownReference: payment.ownReference ?? "",
      madeAt: Timestamp(seconds: payment.createdSeconds), state: .forPeople, detail: "",
      claim: nil, identity: nil, amount: payment.amount, attempt: payment.attempt)
    switch mark {
    case .foreign: return nil
    case .unusable(let trouble, let found):
      guard there == nil else { return nil }
      (detail, claim) = (trouble.rawValue, found)
    case .ours(let found):
      if let there {
        guard
          there.operation != found.operation || there.intent != found.intent
            || there.merchant != found.merchant
        else { return nil }
        detail =
          "\(RestoreRule.Doubt.contradicts.rawValue): the attempt belongs to another operation"
        return
      }
      (state, identity) = (.found, found)
    }
  }
}
