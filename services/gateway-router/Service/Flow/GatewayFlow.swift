import Faults
import GatewayCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// The work on operations: T2 and T3 of a payment (DESIGN sections 7 and 9). Rules decide, this
/// shell stores what they decided and talks to gateways.
final class GatewayFlow: Sendable {
  /// Whoever raises an alert outside a call.
  static let actor = "service:gateway-router"

  let environment: ServiceEnvironment
  let ports: GatewayPorts
  let writer: OperationWriter
  let times: RecoveryTimes
  let runs: OperationRuns
  let wake: @Sendable () -> Void

  init(
    _ environment: ServiceEnvironment, ports: GatewayPorts, times: RecoveryTimes = RecoveryTimes(),
    wake: @escaping @Sendable () -> Void
  ) {
    self.environment = environment
    self.times = times
    self.ports = ports
    self.wake = wake
    writer = OperationWriter(
      identifiers: environment.identifiers, clock: environment.clock, times: times)
    runs = OperationRuns(loop: environment.loop)
  }

  // MARK: Loading and moving

  func load(_ id: OperationID, of intent: PaymentIntentID) async throws -> OperationRecord? {
    let statements = OperationStatements.load(id, of: intent, lock: false)
    let rows = try await environment.database.transaction(batch: statements)
    do {
      return try OperationRecord(rows: rows)
    } catch is OperationRestoreError {
      // Another replica committed between the statements: under the lock nobody does.
      return try await environment.database.transaction { transaction in
        try OperationRecord(
          rows: try await transaction.batch(
            OperationStatements.load(id, of: intent, lock: true)))
      }
    }
  }

  func facts(_ id: OperationID, of intent: PaymentIntentID) async throws -> [GatewayV1.Fact] {
    var facts = try await environment.database.query(OperationStatements.facts(id, of: intent))
      .map { row in try GatewayV1.Fact(decoding: row[0, as: [UInt8].self], strict: false) }
    guard facts.contains(where: { $0.kind == .requiresAction }) else { return facts }
    // Stored without it; only what the payer is asked now is told again.
    for row in try await environment.database.query(OperationStatements.actions(id, of: intent)) {
      let (attempt, action) = try row.decode((AttemptID, [UInt8]).self)
      let last = facts.lastIndex {
        $0.kind == .requiresAction && $0.attemptID == attempt.description
      }
      if let last { facts[last].nextAction = action }
    }
    return facts
  }

  func jobs(
    _ id: OperationID, of intent: PaymentIntentID
  ) async throws -> [AttemptID: AttemptJobs] {
    let rows = try await environment.database.query(OperationStatements.jobs(id, of: intent))
    return Dictionary(
      try rows.map { (try $0[0, as: AttemptID.self], try AttemptJobs($0)) }) { first, _ in first }
  }

  /// What an event did.
  struct Moved: Sendable {
    var record: OperationRecord
    var actions: [OperationAction]
    var refusal: OperationRefusal?
    /// The facts that were written.
    var facts: [GatewayV1.Fact] = []

    /// Whether it says that the operation has ended without money.
    var isEnd: Bool { PaidBeforeRestore.isEnd(actions, of: record.operation) }

    /// The end of an operation beside a payment that stands does not invite to pay once more.
    mutating func tell(_ hold: RestoreHold) {
      if hold == .stands { actions = PaidBeforeRestore.told(actions) }
    }
  }

  /// The next event for an operation as it is after so many steps; nil when there is none.
  typealias Events = @Sendable (Operation, Int) -> OperationEvent?

  /// Applies events to the operation under its lock, in one transaction. `events` is asked again
  /// after each step, with the operation as it is then, until it answers nil.
  @discardableResult
  func move(
    _ id: OperationID, of intent: PaymentIntentID, _ notes: OperationWriter.Notes,
    _ events: @escaping Events
  ) async throws -> Moved {
    let stamp = environment.stamp
    let mayHold = try await ports.routing.restore.mayHold()
    let moved = try await environment.database.transaction { [self] transaction in
      let rows = try await transaction.batch(
        OperationStatements.load(id, of: intent, lock: true))
      guard let record = try OperationRecord(rows: rows) else {
        throw RPCFailure.notFound("OPERATION_NOT_FOUND", "There is no operation \(id).")
      }
      var moved = Self.apply(events, to: record)
      guard !moved.actions.isEmpty else { return moved }
      if mayHold, moved.isEnd {
        try moved.tell(
          RestoreHold(
            try await transaction.query(
              RestoreHoldStatements.hold(on: intent, of: record.merchant, id))))
      }
      moved.facts = writer.facts(moved.actions, moved.record)
      try await transaction.commit(
        with: [OperationStatements.update(moved.record)]
          + writer.statements(moved.actions, moved.record, notes, moved.facts, stamp))
      moved.record.version += 1
      return moved
    }
    #if TENDER_FAULTS
      moved.passCrashPoints()
    #endif
    announce(moved.facts)
    return moved
  }

  /// The same for whoever has just written the operation: nothing is read when nobody else has
  /// changed it since, as its version says.
  func move(
    _ record: OperationRecord, _ notes: OperationWriter.Notes, _ events: @escaping Events
  ) async throws -> Moved {
    var moved = Self.apply(events, to: record)
    guard !moved.actions.isEmpty else { return moved }
    if moved.isEnd {
      moved.tell(
        try await ports.routing.restore.hold(
          on: record.intent, of: record.merchant, operation: record.id))
    }
    moved.facts = writer.facts(moved.actions, moved.record)
    let stamp = environment.stamp
    do {
      try await environment.database.transaction(
        batch: [OperationStatements.update(moved.record)]
          + writer.statements(moved.actions, moved.record, notes, moved.facts, stamp))
    } catch let error as PostgresError
      where error.sqlState == OperationStatements.changedMeanwhile
    {
      return try await move(record.id, of: record.intent, notes, events)
    }
    moved.record.version += 1
    #if TENDER_FAULTS
      moved.passCrashPoints()
    #endif
    announce(moved.facts)
    return moved
  }

  /// A caller who is there gets the facts with the answer: their repetition waits for its time.
  func announce(_ facts: [GatewayV1.Fact]) {
    if !facts.isEmpty, CallContext.current == nil { wake() }
  }

  private static func apply(_ events: Events, to record: OperationRecord) -> Moved {
    var moved = Moved(record: record, actions: [], refusal: nil)
    var step = 0
    while moved.refusal == nil, let event = events(moved.record.operation, step) {
      step += 1
      switch OperationMachine.next(moved.record.operation, event) {
      case .moved(let operation, let actions):
        moved.record.operation = operation
        moved.actions += actions
      case .unchanged: break
      case .refused(let reason): moved.refusal = reason
      }
    }
    return moved
  }
}

#if TENDER_FAULTS
  extension GatewayFlow.Moved {
    fileprivate func passCrashPoints() {
      let hasWinner = actions.contains { if case .setWinner = $0 { true } else { false } }
      if hasWinner { CrashPoint.afterWinner.pass() }
    }
  }
#endif
