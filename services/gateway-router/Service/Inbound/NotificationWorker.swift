import GatewayAdapters
import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit

/// Processes stored notifications, each once: finds the attempt, lets the rules judge, stores what
/// they decide. What cannot be processed is tried again, then parked with an alert.
final class NotificationWorker: Sendable {
  static let batchMax: Int64 = 32
  /// Longer than the work on one may take.
  static let leaseSeconds: Double = 10
  /// The limit of the work on one.
  static let workSeconds: Int64 = 8
  /// How long what another replica stored, or what became due, may lie unseen.
  static let pollInterval = Duration.seconds(1)
  /// A burst is taken in one statement and finished in one.
  static let gather = Duration.milliseconds(100)
  static let cleaningInterval = Duration.seconds(3_600)
  static let cleaningBatch: Int64 = 10_000

  private let environment: ServiceEnvironment
  private let flow: GatewayFlow
  private let reports: ReportFlow
  private let worker: WorkerLoop
  private let cleaner: WorkerLoop

  init(_ environment: ServiceEnvironment, flow: GatewayFlow, reports: ReportFlow) {
    self.environment = environment
    self.flow = flow
    self.reports = reports
    worker = WorkerLoop(
      "notifications", environment, every: Self.pollInterval, gather: Self.gather)
    cleaner = WorkerLoop("notification cleaning", environment, every: Self.cleaningInterval)
  }

  /// From any thread.
  func wake() { worker.wake() }

  func start() {
    worker.start { [self] in while try await work() {} }
    cleaner.start { [environment] in
      _ = try await environment.database.query(
        NotificationStatements.forget(limit: Self.cleaningBatch))
    }
  }

  func shutdown() async {
    await cleaner.shutdown()
    await worker.shutdown()
  }

  func report() async throws -> QueueReport {
    let row = try await environment.database.query(NotificationStatements.backlog).single()
    let oldest = try row[1, as: Timestamp?.self]
    let age = oldest.map { environment.clock.now.seconds - $0.seconds } ?? 0
    return QueueReport(
      name: "notifications", length: try row[0, as: Int64.self], oldestAgeSeconds: max(0, age))
  }

  // MARK: Work

  private struct Item: Sendable {
    var gateway: GatewayName
    var id: String
    var body: [UInt8]
    var tries: Int32
  }

  /// One batch; true when there may be more.
  func work() async throws -> Bool {
    let rows = try await environment.database.query(
      NotificationStatements.take(limit: Self.batchMax, leaseSeconds: Self.leaseSeconds))
    var items: [Item] = []
    for row in rows {
      let (gateway, id, body, tries) = try row.decode((String, String, [UInt8], Int32).self)
      guard let gateway = GatewayName(rawValue: gateway) else { continue }
      items.append(Item(gateway: gateway, id: id, body: body, tries: tries))
    }
    let finished = await withTaskGroup(of: NotificationStatements.Finished?.self) { group in
      for item in items { group.addTask { [self] in await settle(item) } }
      var finished: [NotificationStatements.Finished] = []
      for await result in group { if let result { finished.append(result) } }
      return finished
    }
    if !finished.isEmpty {
      _ = try await environment.database.query(NotificationStatements.finish(finished))
    }
    return items.count == Int(Self.batchMax)
  }

  /// Nil when it is not finished.
  private func settle(_ item: Item) async -> NotificationStatements.Finished? {
    do {
      return try await Deadline.$current.withValue(.after(.seconds(Self.workSeconds))) {
        try await process(item)
      }
    } catch {
      do {
        if Self.isOwnDatabase(error) {
          _ = try await environment.database.query(
            NotificationStatements.wait(item.gateway, item.id, seconds: 1))
        } else {
          try await fail(item, reason: "\(error)")
        }
      } catch {
        environment.logger.warning("a notification's failure", metadata: ["error": "\(error)"])
      }
      return nil
    }
  }

  /// Our database was away or in conflict, which says nothing of the notification: not counted as
  /// one of its tries. A statement that takes too long is.
  private static func isOwnDatabase(_ error: any Error) -> Bool {
    guard let error = error as? PostgresError else { return false }
    return switch error.code {
    case .connectionLost, .commitUnknown, .queueFull, .unavailable, .shutDown: true
    case .server(let state): state.isRetryable || state == .adminShutdown
    case .timeout, .cancelled, .rolledBack, .decoding, .misuse, .migration: false
    }
  }

  private func process(_ item: Item) async throws -> NotificationStatements.Finished? {
    guard let notice = Self.parse(item) else { throw NotificationTrouble.unreadable }
    if case .reportAvailable(let address) = notice.event {
      try await announce(address, notice.echo.account, item)
      return nil
    }
    if let id = notice.ownReference?.setupIntentID {
      let (merchant, note) = try await SetupFlow(flow: flow).apply(notice, about: id)
      return NotificationStatements.Finished(
        gateway: item.gateway, id: item.id, merchant: merchant, note: note)
    }
    // Without a word of ours it may be somebody else's payment on the same account.
    guard let subject = try await locate(notice) else { throw NotificationTrouble.noSuchAttempt }
    guard notice.isLive == subject.merchant.isLive else { throw NotificationTrouble.otherMode }
    switch try await flow.apply(notice, about: subject) {
    case .later:
      _ = try await environment.database.query(
        NotificationStatements.wait(item.gateway, item.id, seconds: 1))
      return nil
    case .done(let note):
      return NotificationStatements.Finished(
        gateway: item.gateway, id: item.id, merchant: subject.merchant, note: note)
    }
  }

  /// The row of a report that the gateway has made; it concerns no merchant's payment.
  private func announce(_ address: String, _ account: String?, _ item: Item) async throws {
    var note = "ignored: a report of another kind or account"
    if let name = ReportFileName(address), let own = reports.account(item.gateway),
      own.account == account, name.kind.gateway == item.gateway
    {
      try await reports.announce(
        ReportIdentity(account: own, kind: name.kind, name: name.text))
      note = "report \(name.text)"
    }
    _ = try await environment.database.query(
      NotificationStatements.finish(item.gateway, item.id, note: note))
  }

  private static func parse(_ item: Item) -> GatewayNotice? {
    switch item.gateway {
    case .stripe: StripeNotices.parse(item.body)
    case .adyen: AdyenNotices.parse(item.body).first { $0.deduplicationKey == item.id }
    }
  }

  private func locate(_ notice: GatewayNotice) async throws -> NoticeSubject? {
    if let id = notice.ownReference?.attemptID {
      let rows = try await environment.database.query(
        NotificationStatements.attempt(id, at: notice.gateway))
      if let row = rows.first { return try NoticeSubject(row) }
    }
    guard let reference = notice.paymentReference else { return nil }
    return try await environment.database.query(
      NotificationStatements.attempt(reference: reference, at: notice.gateway)
    ).first.map { try NoticeSubject($0) }
  }

  private func fail(_ item: Item, reason: String) async throws {
    environment.logger.warning(
      "a notification was not processed",
      metadata: ["gateway": "\(item.gateway)", "id": "\(item.id)", "error": "\(reason)"])
    guard item.tries >= NotificationStatements.triesMax else {
      _ = try await environment.database.query(
        NotificationStatements.postpone(
          item.gateway, item.id, tries: item.tries, reason: reason))
      return
    }
    let alert = Alert(
      .warning, kind: "notification_parked", subject: item.gateway.rawValue,
      message: "Notification \(item.id) could not be processed: \(reason). Compare it with the "
        + "gateway's own records; `tender notifications` lists it, `tender notifications retry` "
        + "has it tried again.",
      actor: "service:gateway-router")
    _ = try await environment.database.transaction(batch: [
      NotificationStatements.park(item.gateway, item.id, reason: reason), Alerts.raise(alert),
    ])
  }
}

/// Why a notification cannot be processed.
enum NotificationTrouble: Error {
  case unreadable
  case noSuchAttempt
  /// A return of money whose capture is not known yet: its own notice comes first.
  case notCapturedYet
  /// A test notification about a live merchant's payment, or the reverse.
  case otherMode
}

/// The attempt that a notification is about.
struct NoticeSubject: Sendable {
  var merchant: MerchantID
  var intent: PaymentIntentID
  var operation: OperationID
  var attempt: AttemptID

  init(_ row: Row) throws {
    (merchant, intent, operation, attempt) = try row.decode(
      (MerchantID, PaymentIntentID, OperationID, AttemptID).self)
  }
}
