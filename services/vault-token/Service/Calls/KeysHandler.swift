package import GRPCCore
import Money
import Postgres
import ServiceKit
import VaultCore
package import Wire

/// tender.vault.v1.Keys, for operators.
package struct KeysHandler: VaultV1.Keys.SimpleServiceProtocol {
  /// Most merchants rotated by one call.
  static let rotatedMax: Int64 = 10_000
  static let keysMax: Int64 = 1_000
  static let accessMax: Int64 = 200

  let environment: ServiceEnvironment
  let ring: KeyRing
  let reencryption: Reencryption

  package func rotateKeys(
    request: VaultV1.RotateKeysRequest,
    context: ServerContext
  ) async throws -> VaultV1.RotateKeysResponse {
    let only = try Self.merchant(request.merchantID)
    let response = try await environment.idempotency.perform(request) {
      [self] transaction, call in
      try await rotate(only, call, in: transaction)
    }
    reencryption.wake()
    return response
  }

  private func rotate(
    _ only: MerchantID?,
    _ call: CallContext,
    in transaction: borrowing Transaction
  ) async throws -> VaultV1.RotateKeysResponse {
    let locked = try await transaction.query(
      MerchantKeys.lockVersions(of: only, limit: Self.rotatedMax + 1)
    )
    guard locked.count <= Self.rotatedMax else {
      throw RPCFailure.failedPrecondition(
        "TOO_MANY_MERCHANTS",
        "Rotate the keys of one merchant at a time."
      )
    }
    let active = try await transaction.query(
      """
      select merchant_id, version from merchant_key
      where purpose = 'data' and state = 'active'
        and merchant_id = any(\(try locked.column(as: MerchantID.self)))
      """
    )
    let old = try active.decode((MerchantID, Int32).self)
    let fresh = try old.map { merchant, version in
      let name = KeyName(merchant: merchant, purpose: .data, version: version + 1)
      return (name: name, wrapped: try ring.make(name))
    }
    let (now, actor, traceID) = (environment.clock.now, call.actor, call.trace.traceIDBytes)
    let merchants = fresh.map(\.name.merchant)
    let results = try await transaction.batch([
      """
      update merchant_key set state = 'retiring', changed_at = \(now), actor = \(actor),
        trace_id = \(traceID)
      where purpose = 'data' and state = 'active' and merchant_id = any(\(merchants))
      """,
      """
      insert into merchant_key (
        merchant_id, purpose, version, state, wrapped_by, wrapped, created_at, changed_at, actor,
        trace_id)
      select merchant_id, 'data', version, 'active', \(ring.wrapping.id), wrapped, \(now), \(now),
        \(actor), \(traceID)
      from unnest(\(merchants), \(fresh.map(\.name.version)), \(fresh.map(\.wrapped)))
        u(merchant_id, version, wrapped)
      """,
      """
      select count(*) from gateway_reference r join merchant_key k
        on k.merchant_id = r.merchant_id and k.purpose = 'data' and k.version = r.key_version
      where r.merchant_id = any(\(merchants)) and r.sealed is not null and k.state = 'retiring'
      """,
    ])
    return VaultV1.RotateKeysResponse(
      merchants: UInt32(fresh.count),
      rowsPending: UInt64(try results[2].single()[0, as: Int64.self])
    )
  }

  package func listKeys(
    request: VaultV1.ListKeysRequest,
    context: ServerContext
  ) async throws -> VaultV1.ListKeysResponse {
    let rows = try await environment.database.query(
      """
      select k.merchant_id, k.version, k.state, k.created_at,
        (select count(*) from gateway_reference r where r.merchant_id = k.merchant_id
          and r.key_version = k.version and r.sealed is not null)
      from merchant_key k where k.purpose = 'data'
      order by k.merchant_id, k.version limit \(Self.keysMax)
      """
    )
    return VaultV1.ListKeysResponse(
      keys: try rows.map { row in
        let (merchant, version, state, createdAt, count) = try row.decode(
          (MerchantID, Int32, String, Timestamp, Int64).self
        )
        return VaultV1.KeyVersion(
          merchantID: merchant.description,
          version: UInt32(clamping: version),
          state: state,
          rows: UInt64(clamping: count),
          createdAt: GoogleProtobuf.Timestamp(createdAt)
        )
      }
    )
  }

  package func listAccess(
    request: VaultV1.ListAccessRequest,
    context: ServerContext
  ) async throws -> VaultV1.ListAccessResponse {
    let merchant = try CallContext.require().requireMerchant()
    guard let id = PaymentMethodID(request.paymentMethodID) else {
      throw RPCFailure.invalid(
        "payment_method_id",
        "ID_INVALID",
        "The id is not a `tok_` id."
      )
    }
    let rows = try await environment.database.query(
      AccessAudit.list(of: id, merchant, limit: Self.accessMax)
    )
    return VaultV1.ListAccessResponse(
      entries: try rows.map { row in
        let (at, actor, action, purpose, outcome) = try row.decode(
          (Timestamp, String, String, String, String).self
        )
        return VaultV1.AccessEntry(
          at: GoogleProtobuf.Timestamp(at),
          actor: actor,
          action: action,
          purpose: purpose,
          outcome: outcome
        )
      }
    )
  }
}
