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
    let held = [Self.holdVersions(of: merchant), Self.active(of: merchant)]
    var found = try usable(await transaction.batch(held)[1], merchant)
    if found.count == KeyPurpose.allCases.count { return found }
    let made = try KeyPurpose.allCases.map { purpose in
      try insert(
        KeyName(merchant: merchant, purpose: purpose, version: 1),
        call,
        at: now
      )
    }
    let rows = try await transaction.batch(made + held)
    found = try usable(rows[made.count + 1], merchant)
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

  /// Until the transaction ends no version is added or retired (a rotation locks the same row).
  /// The fingerprint's row stands for all, because it never changes its version: who waits for the
  /// lock of a row that a rotation then retires finds neither that row nor the new one.
  private static func holdVersions(of merchant: MerchantID) -> Statement {
    """
    select from merchant_key
    where merchant_id = \(merchant) and purpose = 'fingerprint' and version = 1 for share
    """
  }

  /// Waits for every registration that holds the versions of these merchants; of all without a
  /// name. Ordered, so that two rotations do not wait for each other.
  static func lockVersions(of only: MerchantID?, limit: Int64) -> Statement {
    """
    select merchant_id from merchant_key
    where purpose = 'fingerprint' and version = 1
      and (\(only)::uuid is null or merchant_id = \(only))
    order by merchant_id limit \(limit) for update
    """
  }

  private static func active(of merchant: MerchantID) -> Statement {
    """
    select purpose, version, wrapped_by, wrapped from merchant_key
    where merchant_id = \(merchant) and state = 'active'
    """
  }
}
