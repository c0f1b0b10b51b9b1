import GRPCCore
import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// Set-ups of payment methods: the row is committed before a byte leaves, then one request goes out
/// under a key derived from the id, for ever. No money moves, so that whoever finds one without an
/// answer drives it on.
struct SetupFlow: Sendable {
  /// The method of the contract whose claims this ends.
  static let method = "CreateSetupIntent"
  /// Work goes on this long after its caller has left.
  static let limitSeconds: Int64 = 10
  /// The limit of the work on an answer, within those of a call and of recovery: enough is left to
  /// store the answer.
  static let advanceSeconds: Int64 = 6

  let flow: GatewayFlow

  var environment: ServiceEnvironment { flow.environment }

  // MARK: A call

  /// T1: the row and its event, in the transaction of the claim.
  func begin(
    _ order: SetupStatements.Order, of merchant: MerchantID, in transaction: borrowing Transaction
  ) async throws {
    let stamp = environment.stamp
    let rows = try await transaction.query(SetupStatements.insert(order, of: merchant, stamp))
    let record = try SetupRecord(try rows.single())
    _ = try await transaction.query(event("setup_intent.created", record, stamp))
  }

  /// Drives the set-up to an answer and stores it for the claim.
  func finish(
    _ claim: Claim, _ id: SetupIntentID, of merchant: MerchantID
  ) async throws -> GatewayV1.CreateSetupIntentResponse {
    defer { environment.idempotency.release(claim) }
    do {
      try await Deadline.$current.withValue(.after(.seconds(Self.advanceSeconds))) {
        try await advance(id, of: merchant)
      }
    } catch let error as RPCFailure where error.code == .notFound {
      throw error
    } catch {
      // Nothing is known to be decided: the answer says so, and recovery goes on.
      environment.logger.warning(
        "a setup intent goes on later", metadata: ["setup_intent": "\(id)", "error": "\(error)"])
    }
    let response = try await environment.database.transaction { [environment] transaction in
      // Claims are locked before what they work on.
      let held = try await transaction.query(environment.idempotency.lockStatement(claim))
      guard held.count == 1 else { throw Idempotency.FenceLost() }
      let rows = try await transaction.query(SetupStatements.get(id, of: merchant))
      let record = try SetupRecord(try rows.single())
      let response = GatewayV1.CreateSetupIntentResponse(
        setupIntent: GatewayV1.SetupIntent(record))
      try await environment.idempotency.finish(
        claim, .response(response.encode()), in: transaction)
      return response
    }
    flow.wake()
    return response
  }

  /// - Throws: SETUP_INTENT_NOT_FOUND.
  func get(_ id: SetupIntentID, of merchant: MerchantID) async throws -> SetupRecord {
    let rows = try await environment.database.query(SetupStatements.get(id, of: merchant))
    guard let row = rows.first else {
      throw RPCFailure.notFound(
        "SETUP_INTENT_NOT_FOUND", "This merchant has no setup intent \(id).")
    }
    return try SetupRecord(row)
  }

  // MARK: Going on

  /// The next step of a set-up that is not decided.
  func advance(_ id: SetupIntentID, of merchant: MerchantID) async throws {
    let record = try await get(id, of: merchant)
    let step = SetupRule.step(
      for: record.setup, at: record.account?.gateway, tries: record.tries,
      ageSeconds: record.ageSeconds)
    switch (step, record.account) {
    case (.done, _), (.wait, _): return
    case (.refuse, _): try await refuse(record, .notExecuted)
    case (.giveUp, _):
      try await learn(
        .givenUp, about: id, of: merchant, detail: "given up after \(record.tries - 1) tries")
    case (.get(let reference), let account?):
      let heard = await flow.ports.get(
        record, reference: reference, at: account, within: GatewayPorts.sendLimit)
      try await learn(heard, about: id, of: merchant)
    case (.replay, let account?): try await replay(record, at: account)
    case (.begin, _), (.get, nil), (.replay, nil): try await send(record)
    }
  }

  /// Chooses the gateway and sends the one request for the first time.
  func send(_ record: SetupRecord) async throws {
    let (id, merchant) = (record.setup.id, record.merchant)
    let method = try await flow.resolve(
      record.paymentMethod, of: merchant, for: id.description)
    guard let method else { return try await refuse(record, .methodNotFound) }
    guard method.kind == .card else { return try await refuse(record, .methodNotSupported) }
    let place = flow.ports.setupPlace(
      for: method, wanted: record.wanted, livemode: merchant.isLive)
    guard case .account(let account) = place else {
      if case .nowhere = place { return try await refuse(record, .noGateway) }
      return try await leave(record, "its gateway is full, or kept away from")
    }
    let now = environment.clock.now
    let declines = try await environment.database.query(
      CardDeclineStatements.list(of: record, now: now))
    // The networks count a question about nothing like a payment.
    let refusal = NetworkCeiling.refusal(
      of: record.amount, brand: method.brand,
      after: try OperationBeginning(declines).declines, now: now)
    guard refusal == nil else { return try await refuse(record, .networkLimit) }
    if try await isHeld(record) { return }
    let rows = try await environment.database.query(
      SetupStatements.choose(account, for: id, of: merchant, environment.stamp))
    // Somebody else was first: their request is under way.
    guard let row = rows.first else { return }
    let heard = await flow.ports.setUp(
      try SetupRecord(row), at: account, method, .first, within: GatewayPorts.sendLimit)
    try await learn(heard, about: id, of: merchant)
  }

  /// A restore has begun while the call or the round was under way: nothing goes out.
  private func isHeld(_ record: SetupRecord) async throws -> Bool {
    guard try await flow.ports.routing.restore.gate().isClosed else { return false }
    try await leave(record, "the database was restored and is not yet opened")
    return true
  }

  private func leave(_ record: SetupRecord, _ detail: String) async throws {
    _ = try await environment.database.query(
      SetupStatements.leaveOpen(record.setup.id, of: record.merchant, detail: detail))
  }

  /// Only what no gateway was chosen for meanwhile.
  func refuse(_ record: SetupRecord, _ failure: SetupIntent.Failure) async throws {
    try await learn(
      .refused(failure), about: record.setup.id, of: record.merchant, detail: "never sent")
  }

  /// The same request under the same key.
  private func replay(_ record: SetupRecord, at account: GatewayAccount) async throws {
    let (id, merchant) = (record.setup.id, record.merchant)
    let method = try await flow.resolve(
      record.paymentMethod, of: merchant, for: id.description)
    guard let method, method.has(account.gateway) else {
      return try await leave(record, "its payment method was deleted")
    }
    if try await isHeld(record) { return }
    let rows = try await environment.database.query(
      SetupStatements.noteRepetition(of: id, of: merchant, environment.stamp))
    // Decided meanwhile.
    guard let row = rows.first else { return }
    let heard = await flow.ports.setUp(
      try SetupRecord(row), at: account, method, .replay, within: GatewayPorts.sendLimit)
    try await learn(heard, about: id, of: merchant)
  }

  // MARK: Notifications

  /// - Returns: whose it is, and what came of the notice, in words.
  func apply(
    _ notice: GatewayNotice, about id: SetupIntentID
  ) async throws -> (MerchantID, String) {
    let rows = try await environment.database.query(SetupStatements.find(id))
    guard let row = rows.first, rows.count == 1 else { throw NotificationTrouble.noSuchAttempt }
    let record = try SetupRecord(row)
    guard notice.isLive == record.merchant.isLive else { throw NotificationTrouble.otherMode }
    guard let account = record.account, account.gateway == notice.gateway,
      case .payment = notice.event, let answer = notice.answer
    else { return (record.merchant, "ignored: not about the set-up") }
    let outcome = OutcomeRule.outcome(
      answer, to: record.sent(.lookSetup, .first, to: account), DeclineTable.current.classify)
    let isNews = try await learn(
      .outcome(outcome), about: id, of: record.merchant,
      detail: "notified: \(notice.deduplicationKey)")
    return (record.merchant, isNews ? "applied" : "nothing new")
  }

  // MARK: Storing

  private func learn(
    _ heard: GatewayPorts.Heard, about id: SetupIntentID, of merchant: MerchantID
  ) async throws {
    try await learn(.outcome(heard.outcome), about: id, of: merchant, detail: heard.detail)
  }

  /// Applies an event under the row's lock: row, event and alert in one transaction.
  /// - Returns: whether it changed anything.
  @discardableResult
  func learn(
    _ event: SetupEvent, about id: SetupIntentID, of merchant: MerchantID, detail: String
  ) async throws -> Bool {
    let stamp = environment.stamp
    let isNews = try await environment.database.transaction { [self] transaction in
      let rows = try await transaction.query(SetupStatements.lock(id, of: merchant))
      let known = try SetupRecord(try rows.single())
      // Somebody has chosen a gateway meanwhile: "never sent" is no longer true.
      if case .refused = event, known.account != nil { return false }
      guard let next = SetupMachine.next(known.setup, event) else {
        if !known.setup.isDecided {
          _ = try await transaction.query(
            SetupStatements.leaveOpen(id, of: merchant, detail: detail))
        }
        if case .outcome(.unknown(.conflicted(let conflict))) = event,
          let alert = Self.alert(conflict, known, detail)
        {
          _ = try await transaction.query(alert)
        }
        return false
      }
      let updated = try await transaction.query(
        SetupStatements.update(next, of: merchant, detail: detail, stamp))
      let record = try SetupRecord(try updated.single())
      guard let type = Self.eventType(next.state) else {
        _ = try await transaction.query(
          SetupStatements.leaveOpen(id, of: merchant, detail: detail))
        return true
      }
      _ = try await transaction.query(self.event(type, record, stamp))
      _ = try await transaction.query(
        Alerts.resolve(
          dedupKeys: [SetupConflict.answer.alertKey(about: id)], actor: GatewayFlow.actor))
      // What counts for the networks: a bank was asked and declined.
      if case .outcome(.declined(let decline)) = event, decline.tableVersion != nil {
        for statement in CardDeclineStatements.insert(
          decline, of: record, now: environment.clock.now, stamp)
        { _ = try await transaction.query(statement) }
      }
      return true
    }
    // A caller's answer is stored first.
    if isNews, CallContext.current == nil { flow.wake() }
    return isNews
  }

  private static func eventType(_ state: SetupIntent.State) -> String? {
    switch state {
    case .processing: nil
    case .succeeded: "setup_intent.succeeded"
    case .failed: "setup_intent.failed"
    case .canceled: "setup_intent.canceled"
    }
  }

  private func event(
    _ type: String, _ record: SetupRecord, _ stamp: Stamp
  ) -> Statement {
    SetupEvents.statement(
      type, record, id: environment.identifiers.make(), at: environment.clock.now, stamp)
  }

  /// Nil where nothing is left to compare: a decided one's answer about something else.
  private static func alert(
    _ seen: Conflict, _ record: SetupRecord, _ detail: String
  ) -> Statement? {
    let (id, conflict) = (record.setup.id, SetupConflict(seen))
    guard conflict == .money || !record.setup.isDecided else { return nil }
    let release = conflict == .money ? ", release there what is held" : ""
    return Alerts.raise(
      Alert(
        conflict == .money ? .critical : .warning, kind: conflict.rawValue,
        subject: id.description,
        message: "Setup intent \(id): a gateway's answer contradicts the request (\(detail)). "
          + "Compare it with the gateway's own records\(release), and say so: "
          + "tender setup resolve \(id)",
        actor: GatewayFlow.actor, merchant: UUIDBits(record.merchant.bits),
        dedupKey: conflict.alertKey(about: id)))
  }
}
