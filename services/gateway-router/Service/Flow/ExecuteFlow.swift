import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// ExecuteOperation: route, attempt, decide, capture.
extension GatewayFlow {
  /// - Returns: all facts so far.
  func execute(_ asked: OperationRecord) async throws -> [GatewayV1.Fact] {
    try await ports.routing.restore.requireOpen()
    return try await runs.exclusively(asked.id) { [self] in
      let started = environment.loop.now
      let isPaid = try await ports.routing.restore.resolved(asked.intent, of: asked.merchant)
      let beginning = try OperationBeginning(
        try await environment.database.query(
          CardDeclineStatements.begin(asked, now: environment.clock.now)))
      if !beginning.isKnown, isPaid,
        let facts = try await closeUnsent(asked, PaidBeforeRestore.decline)
      {
        return facts
      }
      if !beginning.isKnown, !isPaid,
        let facts = try await begin(asked, after: beginning.declines, started: started)
      {
        return facts
      }
      guard let existing = try await load(asked.id, of: asked.intent) else {
        throw RPCFailure.internalError
      }
      guard existing.isSame(as: asked) else {
        throw RPCFailure.failedPrecondition(
          "OPERATION_MISMATCH", "This operation id was used for another operation.")
      }
      try await resume(existing, started: started)
      return try await facts(asked.id, of: asked.intent)
    }
  }

  // MARK: A new operation

  /// - Returns: all facts; nil if another replica wrote the operation first.
  private func begin(
    _ asked: OperationRecord, after declines: [CardDecline], started: MonotonicInstant
  ) async throws -> [GatewayV1.Fact]? {
    let now = environment.clock.now
    guard now < asked.sendBefore else {
      return try await closeUnsent(asked, .unsent("send_window_passed"))
    }
    guard let method = try await resolve(asked) else {
      return try await closeUnsent(asked, .unsent("payment_method_not_found"))
    }
    // Before any gateway is asked: the networks charge for tries that they do not allow.
    if method.kind == .card,
      let refusal = NetworkCeiling.refusal(
        of: asked.operation.amount, brand: method.brand, after: declines, now: now)
    {
      return try await closeUnsent(asked, refusal)
    }
    var asked = asked
    asked.method = method.kind
    let route = ports.route(asked, method)
    guard let first = route.candidates.first else {
      return try await closeUnsent(asked, .unsent("no_gateway_available"))
    }
    let mode = route.mode(asked.operation.captureMethod)
    let event = OperationEvent.start(
      NewAttempt(
        id: environment.identifiers.make(), gateway: first.gateway, account: first.account,
        mode: mode), allowsSpeculation: false)
    let notes = OperationWriter.Notes(
      route: route.explanation, decision: RouteDecision(route, method))
    guard let record = try await insert(asked, event, notes) else { return nil }
    let driven = try await drive(Course(record, method, route, started))
    // Another replica may have written facts meanwhile, for example from a notification.
    guard driven.facts.count == driven.record.operation.factCount else {
      return try await facts(record.id, of: record.intent)
    }
    return driven.facts
  }

  /// T2: operation and first attempt, committed before a byte leaves. Nil: it was there already.
  private func insert(
    _ asked: OperationRecord, _ event: OperationEvent, _ notes: OperationWriter.Notes
  ) async throws -> OperationRecord? {
    guard case .moved(let operation, let actions) = OperationMachine.next(asked.operation, event)
    else { throw RPCFailure.internalError }
    var record = asked
    record.operation = operation
    let stamp = environment.stamp
    let statements = writer.statements(actions, record, notes, [], stamp)
    return try await insertNew(record, statements, stamp) ? record : nil
  }

  /// The operation with what belongs to it, in one round trip.
  /// - Returns: false if the operation was there already: then nothing is written.
  private func insertNew(
    _ record: OperationRecord, _ statements: [Statement], _ stamp: Stamp
  ) async throws -> Bool {
    do {
      try await environment.database.transaction(
        batch: [OperationStatements.insert(record, stamp)] + statements)
      return true
    } catch let error as PostgresError
      where error.isUniqueViolation(of: OperationStatements.primaryKey)
    {
      return false
    }
  }

  /// An operation that ends before anything was sent: its row refuses every later attempt.
  /// - Parameter reason: a code that callers can act on.
  /// - Returns: its facts; nil if the operation was there already.
  @discardableResult
  func closeUnsent(
    _ asked: OperationRecord, _ reason: Decline
  ) async throws -> [GatewayV1.Fact]? {
    let event = OperationEvent.close(.abandoned, onlyIfUnsent: true)
    guard case .moved(let operation, let actions) = OperationMachine.next(asked.operation, event)
    else { throw RPCFailure.internalError }
    var record = asked
    record.operation = operation
    let stamp = environment.stamp
    let named = actions.map { $0.naming(reason) }
    let facts = writer.facts(named, record)
    let statements = writer.statements(named, record, .init(), facts, stamp)
    guard try await insertNew(record, statements, stamp) else { return nil }
    announce(facts)
    return facts
  }

  // MARK: An operation that is there already

  /// A live caller asks again: what is unknown is looked at now, not when its turn comes.
  private func resume(_ record: OperationRecord, started: MonotonicInstant) async throws {
    if let capture = record.operation.winner?.captures.first(where: \.isUnderway) {
      try await advanceCapture(capture, record, within: left(since: started))
      return
    }
    guard let attempt = record.operation.liveAttempt else { return }
    try await look(at: attempt.id, record, within: left(since: started))
  }
}

extension OperationAction {
  fileprivate func naming(_ reason: Decline) -> OperationAction {
    guard case .writeFact(var fact) = self else { return self }
    fact.decline = reason
    return .writeFact(fact)
  }
}

extension Decline {
  /// Nothing was sent; the same may be asked again.
  static func unsent(_ code: String) -> Decline {
    Decline(class: .later, code: code, gatewayCode: "", origin: .request)
  }
}

extension OperationRecord {
  /// The same order: an id may not come back with other content.
  func isSame(as other: OperationRecord) -> Bool {
    merchant == other.merchant && operation.amount == other.operation.amount
      && operation.captureMethod == other.operation.captureMethod
      && paymentMethod == other.paymentMethod
  }
}
