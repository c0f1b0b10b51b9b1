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
    try await runs.exclusively(asked.id) { [self] in
      let started = environment.loop.now
      let known = OperationStatements.exists(asked.id, of: asked.intent)
      if try await environment.database.query(known).isEmpty,
        let facts = try await begin(asked, started: started)
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
    _ asked: OperationRecord, started: MonotonicInstant
  ) async throws -> [GatewayV1.Fact]? {
    guard environment.clock.now < asked.sendBefore else {
      return try await closeUnsent(asked, code: "send_window_passed")
    }
    guard let method = try await resolve(asked) else {
      return try await closeUnsent(asked, code: "payment_method_not_found")
    }
    let route = ports.route(asked, method)
    guard let first = route.candidates.first else {
      return try await closeUnsent(asked, code: "no_gateway_available")
    }
    let mode = route.mode(asked.operation.captureMethod)
    let event = OperationEvent.start(
      NewAttempt(
        id: environment.identifiers.make(), gateway: first.gateway, account: first.account,
        mode: mode), allowsSpeculation: false)
    guard let record = try await insert(asked, event, route: route.explanation) else { return nil }
    let driven = try await drive(record, method: method, route: route, started: started)
    // Another replica may have written facts meanwhile, for example from a notification.
    guard driven.facts.count == driven.record.operation.factCount else {
      return try await facts(record.id, of: record.intent)
    }
    return driven.facts
  }

  /// T2: operation and first attempt, committed before a byte leaves. Nil: it was there already.
  private func insert(
    _ asked: OperationRecord, _ event: OperationEvent, route: String
  ) async throws -> OperationRecord? {
    guard case .moved(let operation, let actions) = OperationMachine.next(asked.operation, event)
    else { throw RPCFailure.internalError }
    var record = asked
    record.operation = operation
    let stamp = environment.stamp
    let statements = writer.statements(actions, record, .init(route: route), [], stamp)
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
  /// - Returns: its facts; nil if the operation was there already.
  @discardableResult
  func closeUnsent(_ asked: OperationRecord, code: String) async throws -> [GatewayV1.Fact]? {
    let event = OperationEvent.close(.abandoned, onlyIfUnsent: true)
    guard case .moved(let operation, let actions) = OperationMachine.next(asked.operation, event)
    else { throw RPCFailure.internalError }
    var record = asked
    record.operation = operation
    let stamp = environment.stamp
    let named = actions.map { $0.naming(code) }
    let facts = writer.facts(named, record)
    let statements = writer.statements(named, record, .init(), facts, stamp)
    guard try await insertNew(record, statements, stamp) else { return nil }
    announce(facts)
    return facts
  }

  // MARK: Attempts

  /// Sends the operation's live attempt and follows it until there is a winner, a definite end, or
  /// the budget is spent.
  /// - Returns: the operation as it is then, and the facts that were written here.
  private func drive(
    _ record: OperationRecord, method: ResolvedMethod, route: Route, started: MonotonicInstant
  ) async throws -> (record: OperationRecord, facts: [GatewayV1.Fact]) {
    var record = record
    var facts: [GatewayV1.Fact] = []
    var remaining = Array(route.candidates.dropFirst())
    var send = Send.first
    while let attempt = record.operation.liveAttempt {
      let budget = left(since: started)
      guard budget > .zero else { return (record, facts) }
      let heard = await ports.authorize(record, attempt, method, send, within: budget)
      let next = remaining.first.map { candidate in
        NewAttempt(
          id: environment.identifiers.make(), gateway: candidate.gateway,
          account: candidate.account, mode: route.mode(record.operation.captureMethod))
      }
      let notes = OperationWriter.Notes(
        route: route.explanation, detail: heard.detail, milliseconds: heard.milliseconds)
      let moved = try await move(record, notes) { operation, step in
        switch step {
        case 0: return .outcome(attempt.id, heard.outcome)
        case 1: return Self.after(operation, attempt.id, next)
        default: return nil
        }
      }
      record = moved.record
      facts += moved.facts
      if moved.actions.startsAttempt { remaining.removeFirst() }
      if let capture = record.operation.winner?.captures.first(where: { $0.state == .queued }) {
        let sent = try await sendCapture(capture, record, within: left(since: started))
        return (sent.record, facts + sent.facts)
      }
      guard case .open = record.operation.phase, let live = record.operation.liveAttempt else {
        return (record, facts)
      }
      if live.id == attempt.id {
        // Unknown: as the sole attempt, the same request under the same key is the best look.
        guard case .unknown = heard.outcome, try await pauseBeforeReplay(since: started) else {
          return (record, facts)
        }
        let age = environment.clock.now.seconds - record.createdAt.seconds
        guard case .replay = ProbeRule.step(
          for: live.id, in: record.operation, ageSeconds: age,
          sendWindowIsOpen: environment.clock.now < record.sendBefore)
        else { return (record, facts) }
        if heard.outcome.isIndeterminate, attempt.gateway.traits.findsByReference {
          try await look(at: attempt.id, record, within: left(since: started))
          return (try await load(record.id, of: record.intent) ?? record, facts)
        }
        send = .replay
      } else {
        send = .first
      }
    }
    return (record, facts)
  }

  /// A second gateway after proof that nothing was executed, or a decline that allows another one;
  /// otherwise the routes are exhausted. An unknown outcome waits.
  private static func after(
    _ operation: Operation, _ id: AttemptID, _ next: NewAttempt?
  ) -> OperationEvent? {
    guard case .open(let live, _) = operation.phase,
      let attempt = live.first(where: { $0.id == id }), attempt.evidence.isNegative
    else { return nil }
    if let next, case .moved = OperationMachine.next(
      operation, .start(next, allowsSpeculation: false))
    {
      return .start(next, allowsSpeculation: false)
    }
    return .routesExhausted
  }

  // MARK: An operation that is there already

  /// A live caller asks again: what is unknown is looked at now, not when its turn comes.
  private func resume(_ record: OperationRecord, started: MonotonicInstant) async throws {
    if let capture = record.operation.winner?.captures.first(where: \.isUnderway) {
      try await advanceCapture(capture, record, within: left(since: started))
      return
    }
    guard let attempt = record.operation.liveAttempt, !attempt.evidence.isNegative else { return }
    try await look(at: attempt.id, record, within: left(since: started))
  }

  // MARK: Time

  func left(since started: MonotonicInstant) -> Duration {
    let spent = started.duration(to: environment.loop.now)
    let budget = Duration.milliseconds(
      Self.budgetMilliseconds - Self.commitReserveMilliseconds)
    return budget - spent
  }

  private func pauseBeforeReplay(since started: MonotonicInstant) async throws -> Bool {
    guard left(since: started) > .milliseconds(500) else { return false }
    try await environment.loop.sleep(for: .milliseconds(100))
    return true
  }
}

extension Operation {
  /// The attempt that is out, while nothing is decided. There is never a second one without a
  /// policy that allows it.
  var liveAttempt: Attempt? {
    guard case .open(let live, _) = phase else { return nil }
    return live.last
  }
}

extension [OperationAction] {
  fileprivate var startsAttempt: Bool {
    contains { if case .insertAttempt = $0 { true } else { false } }
  }
}

extension OperationAction {
  /// A closing fact with a code that callers can act on.
  fileprivate func naming(_ code: String) -> OperationAction {
    guard case .writeFact(var fact) = self else { return self }
    fact.decline = Decline(class: .later, code: code, gatewayCode: "", origin: .request)
    return .writeFact(fact)
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
