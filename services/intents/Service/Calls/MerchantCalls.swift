import GRPCCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.intents.v1.Merchants.
struct MerchantCalls: IntentsV1.Merchants.SimpleServiceProtocol {
  /// Merchants listed at most.
  static let listMax: Int64 = 1_000

  let environment: ServiceEnvironment

  func createMerchant(
    request: IntentsV1.CreateMerchantRequest, context: ServerContext
  ) async throws -> IntentsV1.CreateMerchantResponse {
    let made = environment.identifiers.make(MerchantID.self)
    // The lowest bit of a merchant's id says live or test, so that no table can disagree.
    let id = MerchantID(bits: request.livemode ? made.bits | 1 : made.bits & ~1)
    let now = environment.clock.now
    return try await environment.idempotency.perform(request) { transaction, call in
      _ = try await transaction.query(
        """
        insert into merchant (id, name, livemode, created_at, actor, trace_id)
        values (\(id), \(request.name), \(request.livemode), \(now), \(call.actor),
          \(call.trace.traceIDBytes))
        """)
      return IntentsV1.CreateMerchantResponse(
        merchant: IntentsV1.Merchant(
          id: id.description, name: request.name, livemode: request.livemode, createdAt: now.wire))
    }
  }

  func listMerchants(
    request: IntentsV1.ListMerchantsRequest, context: ServerContext
  ) async throws -> IntentsV1.ListMerchantsResponse {
    let rows = try await environment.database.query(
      "select id, name, livemode, created_at from merchant order by id limit \(Self.listMax)")
    return IntentsV1.ListMerchantsResponse(
      merchants: try rows.map { row in
        let (id, name, livemode, createdAt) = try row.decode(
          (MerchantID, String, Bool, Timestamp).self)
        return IntentsV1.Merchant(
          id: id.description, name: name, livemode: livemode, createdAt: createdAt.wire)
      })
  }
}
