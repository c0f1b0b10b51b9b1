import GatewayCore
import Wire

@testable import GatewayService

extension GatewayHarness {
  /// What the books hold, by gateway: "stripe canceled 0", sorted.
  func books() async throws -> [String] {
    try await gateways.payments().map { "\($0.gateway) \($0.status) \($0.captured - $0.refunded)" }
      .sorted()
  }

  /// Runs the jobs of both replicas, as if their time had come, until the condition holds.
  func work(until condition: () async throws -> Bool) async throws {
    while !(try await condition()) {
      try Task.checkCancellation()
      try await hurry()
      try await first.recover()
      try await second.recover()
    }
  }
}

extension [GatewayV1.Fact] {
  var kinds: [GatewayV1.FactKind] { map(\.kind) }
}

extension OperationRecord {
  /// "1 stripe condemned canceled" for each attempt.
  var story: [String] {
    operation.attempts.map {
      "\($0.attempt.sequence) \($0.attempt.gateway) \($0.disposition) \($0.attempt.evidence.name)"
    }
  }
}
