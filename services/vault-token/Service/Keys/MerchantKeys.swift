import Money
import Postgres
import Seal
import ServiceKit
import VaultCore

/// A key of a merchant, ready for use.
struct UsableKey: Sendable {
  var name: KeyName
  var key: SecretBytes
}

/// The rows of `merchant_key`.
struct MerchantKeys: Sendable {
  let ring: KeyRing

  /// The active keys of a merchant, made if it has none. Until the transaction ends nobody can
  /// retire them, so that nothing is sealed with a retiring key.
  func active(
    of merchant: MerchantID,
    _ call: CallContext,
    at now: Timestamp,
    in transaction: borrowing Transaction
  ) async throws -> [KeyPurpose: UsableKey] {
    var found = try usable(await transaction.query(Self.lockActive(merchant)), merchant)
    if found.count == KeyPurpose.allCases.count { return found }
    // None yet, or a rotation has just replaced the row: make what is missing, look again.
    let made = try KeyPurpose.allCases.map { purpose in
      try insert(
        KeyName(merchant: merchant, purpose: purpose, version: 1),
        call,
        at: now
      )
    }
    let rows = try await transaction.batch(made + [Self.lockActive(merchant)])
    found = try usable(rows[made.count], merchant)
    guard found.count == KeyPurpose.allCases.count else { throw RPCFailure.internalError }
    return found
  }

  private func insert(
    _ name: KeyName,
    _ call: CallContext,
    at now: Timestamp
  ) throws -> Statement {
    """
    insert into merchant_key (
      merchant_id, purpose, version, state, wrapped_by, wrapped, created_at, changed_at, actor,
      trace_id)
    values (
      \(name.merchant), \(name.purpose.rawValue), \(name.version), 'active', \(ring.wrapping.id),
      \(try ring.make(name)), \(now), \(now), \(call.actor), \(call.trace.traceIDBytes))
    on conflict do nothing
    """
  }

  private func usable(
    _ rows: Rows,
    _ merchant: MerchantID
  ) throws -> [KeyPurpose: UsableKey] {
    var result: [KeyPurpose: UsableKey] = [:]
    for row in rows {
      let (text, version, wrappedBy, wrapped) = try row.decode(
        (String, Int32, String, [UInt8]?).self
      )
      guard let purpose = KeyPurpose(rawValue: text) else { continue }
      let name = KeyName(merchant: merchant, purpose: purpose, version: version)
      result[purpose] = UsableKey(
        name: name,
        key: try ring.key(name, wrappedBy: wrappedBy, wrapped: wrapped)
      )
    }
    return result
  }

  private static func lockActive(_ merchant: MerchantID) -> Statement {
    """
    select purpose, version, wrapped_by, wrapped from merchant_key
    where merchant_id = \(merchant) and state = 'active' for share
    """
  }
}
