import GatewayCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Goes on with what nobody works on: attempts whose outcome is not stored, captures that are under
/// way, reversals that are due. By lease, so that several replicas share the work.
final class RecoveryWorker: Sendable {
  static let interval = Duration.milliseconds(500)
  static let batchMax: Int64 = 20
  /// The lease of one item, also the limit of the work on it.
  static let leaseSeconds: Double = 10
  static let workSeconds: Int64 = 8
  /// The work and its statements: longer than the lease, a row would have two workers.
  static let itemSeconds: Int64 = 9

  private let environment: ServiceEnvironment
  private let flow: GatewayFlow
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment, flow: GatewayFlow) {
    self.environment = environment
    self.flow = flow
    worker = WorkerLoop("recovery", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// One round.
  func work() async throws {
    // After a restore only looks: what is known here is older than what the gateways know.
    let isClosed = try await flow.ports.routing.restore.gate().isClosed
    try await looks(mayGiveUp: !isClosed)
    guard !isClosed else { return }
    try await captures()
    try await reversals()
    try await refunds()
  }

  private func refunds() async throws {
    let due = try await environment.database.query(
      RefundStatements.takeDue(limit: Self.batchMax))
    for row in due {
      let (intent, operation, id) = try row.decode((PaymentIntentID, OperationID, RefundID).self)
      try await exclusively(operation, of: intent) { [flow] _ in
        try await flow.advanceRefund(id, of: operation, intent, within: .seconds(Self.workSeconds))
      }
    }
  }

  private func looks(mayGiveUp: Bool) async throws {
    let due = try await environment.database.query(
      AttemptStatements.takeDue(limit: Self.batchMax, leaseSeconds: Self.leaseSeconds))
    for row in due {
      let (intent, operation, attempt) = try row.decode(
        (PaymentIntentID, OperationID, AttemptID).self)
      try await exclusively(operation, of: intent) { [flow] record in
        let limit = Duration.seconds(Self.workSeconds)
        if mayGiveUp, try await flow.giveUp(record, within: limit) { return }
        try await flow.look(at: attempt, record, within: limit)
        try await flow.alertByAge(attempt, record)
      }
    }
  }

  private func captures() async throws {
    let due = try await environment.database.query(
      AttemptStatements.takeDueCaptures(limit: Self.batchMax, leaseSeconds: Self.leaseSeconds))
    for row in due {
      let (intent, operation, id) = try row.decode((PaymentIntentID, OperationID, CaptureID).self)
      try await exclusively(operation, of: intent) { [flow] record in
        guard let capture = record.operation.winner?.captures.first(where: { $0.id == id }) else {
          return
        }
        try await flow.advanceCapture(capture, record, within: .seconds(Self.workSeconds))
        try await flow.alertByAge(id, of: operation, intent)
      }
    }
  }

  private func reversals() async throws {
    let due = try await environment.database.query(
      AttemptStatements.takeDueReversals(limit: Self.batchMax))
    for row in due {
      let (intent, operation, attempt, tries, condemnedAt, age) = try row.decode(
        (PaymentIntentID, OperationID, AttemptID, Int32, Timestamp, Int64).self)
      let isDone = try await exclusively(operation, of: intent) { [flow] record in
        try await flow.reverse(
          attempt, record, try: Int(tries) + 1,
          ageSeconds: flow.times.scheduled(Double(age) / 1_000),
          within: .seconds(Self.workSeconds))
      }
      guard isDone else { continue }
      let next = ReversalSchedule.due(
        condemnedAt: condemnedAt, try: Int(tries) + 1, scale: flow.times.scale)
      _ = try await environment.database.query(
        AttemptStatements.rescheduleReversal(attempt, of: intent, at: next))
    }
  }

  /// One operation that cannot be worked on now holds up no other: its lease ends and it is taken
  /// again.
  /// - Returns: whether it was worked on.
  @discardableResult
  private func exclusively(
    _ id: OperationID, of intent: PaymentIntentID,
    _ body: @escaping (OperationRecord) async throws -> Void
  ) async throws -> Bool {
    try await flow.runs.exclusively(id) { [flow, environment] in
      do {
        return try await Deadline.$current.withValue(.after(.seconds(Self.itemSeconds))) {
          guard let record = try await flow.load(id, of: intent) else { return false }
          try await body(record)
          return true
        }
      } catch {
        environment.logger.warning(
          "recovery of one operation", metadata: ["operation": "\(id)", "error": "\(error)"])
        return false
      }
    }
  }
}
