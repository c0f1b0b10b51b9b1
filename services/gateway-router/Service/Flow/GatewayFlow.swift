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
  /// The payer's budget for one operation, before the answer is `processing`.
  static let budgetMilliseconds: Int64 = 4_300
  /// Left for the commit and the way back.
  static let commitReserveMilliseconds: Int64 = 300

  let environment: ServiceEnvironment
  let ports: GatewayPorts
  let writer: OperationWriter
  let runs: OperationRuns
  let wake: @Sendable () -> Void

  init(_ environment: ServiceEnvironment, ports: GatewayPorts, wake: @escaping @Sendable () -> Void)
  {
    self.environment = environment
    self.ports = ports
    self.wake = wake
    writer = OperationWriter(identifiers: environment.identifiers, clock: environment.clock)
    runs = OperationRuns(loop: environment.loop)
  }

  // MARK: Loading and moving

  func load(_ id: OperationID, of intent: PaymentIntentID) async throws -> OperationRecord? {
    let statements = OperationStatements.load(id, of: intent, lock: false)
    let rows = try await environment.database.transaction(batch: statements)
    return try OperationRecord(rows: rows)
  }

  func facts(_ id: OperationID, of intent: PaymentIntentID) async throws -> [GatewayV1.Fact] {
    try await environment.database.query(OperationStatements.facts(id, of: intent)).map { row in
      try GatewayV1.Fact(decoding: row[0, as: [UInt8].self], strict: false)
    }
  }

  /// What an event did.
  struct Moved: Sendable {
    var record: OperationRecord
    var actions: [OperationAction]
    var refusal: OperationRefusal?
  }

  /// Applies events to the operation under its lock, in one transaction. `events` is asked again
  /// after each step, with the operation as it is then, until it answers nil.
  func move(
    _ id: OperationID, of intent: PaymentIntentID, _ notes: OperationWriter.Notes,
    _ events: @Sendable @escaping (Operation, Int) -> OperationEvent?
  ) async throws -> Moved {
    let stamp = environment.stamp
    let moved = try await environment.database.transaction { [self] transaction in
      let rows = try await transaction.batch(
        OperationStatements.load(id, of: intent, lock: true))
      guard var record = try OperationRecord(rows: rows) else {
        throw RPCFailure.notFound("OPERATION_NOT_FOUND", "There is no operation \(id).")
      }
      var all: [OperationAction] = []
      var refusal: OperationRefusal?
      var step = 0
      while refusal == nil, let event = events(record.operation, step) {
        step += 1
        switch OperationMachine.next(record.operation, event) {
        case .moved(let operation, let actions):
          record.operation = operation
          all += actions
        case .unchanged: break
        case .refused(let reason): refusal = reason
        }
      }
      guard !all.isEmpty else { return Moved(record: record, actions: [], refusal: refusal) }
      try await transaction.commit(
        with: writer.statements(all, record, notes, stamp) + [OperationStatements.update(record)])
      return Moved(record: record, actions: all, refusal: refusal)
    }
    if moved.actions.contains(where: { if case .writeFact = $0 { true } else { false } }) { wake() }
    return moved
  }
}
