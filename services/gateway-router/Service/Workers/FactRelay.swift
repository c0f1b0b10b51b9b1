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
  /// Of their bytes; the contract takes 262,144.
  static let partBytesMax = 200_000
  /// Around each fact in the call.
  static let overheadBytes = 16

  static func make(_ environment: ServiceEnvironment) -> ServiceRelay {
    var limits = OutboxRelay.Limits()
    limits.batchMax = batchMax
    let peers = environment.peers
    return ServiceRelay(OperationWriter.intents, environment, limits: limits) { rows in
      let client = IntentsV1.PaymentFacts.Client(wrapping: try peers.client(.intents))
      for part in parts(rows, bytes: { $0.payload.count }) {
        guard let first = part.first else { continue }
        let facts = try part.map { try GatewayV1.Fact(decoding: $0.payload, strict: false) }
        let response = try await client.applyFacts(
          IntentsV1.ApplyFactsRequest(facts: facts),
          metadata: OutgoingCall.metadata(key: "facts/\(EventID(bits: first.id.bits))"))
        for result in response.results
        where result.result != "applied" && result.result != "duplicate" {
          throw NotApplied(result: result.result)
        }
      }
    }
  }

  /// In order, each within what one call takes: addresses of payers' pages are long.
  static func parts<Row>(_ rows: [Row], bytes: (Row) -> Int) -> [[Row]] {
    var parts: [[Row]] = []
    var sum = 0
    for row in rows {
      let own = bytes(row) + overheadBytes
      sum += own
      if parts.isEmpty || sum > partBytesMax {
        parts.append([])
        sum = own
      }
      parts[parts.count - 1].append(row)
    }
    return parts
  }

  /// Intents could not apply a fact yet: it is repeated, and an alert tells of it by age.
  struct NotApplied: Error { let result: String }
}
