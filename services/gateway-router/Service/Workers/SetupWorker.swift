import GatewayCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Goes on with set-ups whose outcome is not stored: no money moves, and the key makes them one. A
/// loop of its own, so that they never keep captures and reversals waiting. One is taken at a time:
/// its lease is longer than the work on it.
final class SetupWorker: Sendable {
  static let interval = Duration.milliseconds(500)
  /// Of one round; the next begins at once after the pause.
  static let roundMax = 20

  private let environment: ServiceEnvironment
  private let flow: GatewayFlow
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment, flow: GatewayFlow) {
    self.environment = environment
    self.flow = flow
    worker = WorkerLoop("setups", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// One round.
  func work() async throws {
    // After a restore none goes on: what is known here is older than what the gateways know.
    guard !(try await flow.ports.routing.restore.gate().isClosed) else { return }
    for _ in 0..<Self.roundMax {
      guard try await endAbandonedClaim() else { break }
    }
    for _ in 0..<Self.roundMax {
      guard try await advanceDue() else { break }
    }
  }

  /// - Returns: whether there was one.
  private func endAbandonedClaim() async throws -> Bool {
    let claims = try await environment.idempotency.takeAbandoned(
      method: SetupFlow.method, limit: 1)
    guard let claim = claims.first else { return false }
    guard claim.subject.bits != 0 else {
      environment.idempotency.release(claim)
      return true
    }
    await bounded("an abandoned claim") { [flow] in
      _ = try await SetupFlow(flow: flow).finish(
        claim, SetupIntentID(bits: claim.subject.bits),
        of: MerchantID(bits: claim.scope.merchant.bits))
    }
    return true
  }

  /// - Returns: whether there was one.
  private func advanceDue() async throws -> Bool {
    let due = try await environment.database.query(SetupStatements.takeDue())
    guard let row = due.first else { return false }
    let (merchant, id) = try row.decode((MerchantID, SetupIntentID).self)
    await bounded("a setup intent") { [flow] in
      try await SetupFlow(flow: flow).advance(id, of: merchant)
    }
    return true
  }

  /// One that cannot be worked on now holds up no other: its lease ends and it is taken again.
  private func bounded(_ what: String, _ work: () async throws -> Void) async {
    do {
      try await Deadline.$current.withValue(.after(.seconds(RecoveryWorker.itemSeconds))) {
        try await work()
      }
    } catch is Idempotency.FenceLost {
      // Somebody else has ended it.
    } catch {
      environment.logger.warning("recovery of \(what)", metadata: ["error": "\(error)"])
    }
  }
}
