import GRPCCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// Repeats every fact to intents until it is applied there once.
enum FactRelay {
  /// Facts of one batch; the contract's limit.
  static let batchMax = 200

  static func make(_ environment: ServiceEnvironment) -> ServiceRelay {
    var limits = OutboxRelay.Limits()
    limits.batchMax = batchMax
    let peers = environment.peers
    return ServiceRelay(OperationWriter.intents, environment, limits: limits) { rows in
      let facts = try rows.map { try GatewayV1.Fact(decoding: $0.payload, strict: false) }
      guard let first = rows.first else { return }
      let client = IntentsV1.PaymentFacts.Client(wrapping: try peers.client(.intents))
      let response = try await client.applyFacts(
        IntentsV1.ApplyFactsRequest(facts: facts),
        metadata: OutgoingCall.metadata(key: "facts/\(EventID(bits: first.id.bits))"))
      for result in response.results where result.result != "applied" && result.result != "duplicate" {
        throw NotApplied(result: result.result)
      }
    }
  }

  /// Intents could not apply a fact yet: it is repeated, and an alert tells of it by age.
  struct NotApplied: Error { let result: String }
}
