import Money
import Postgres
import VaultCore

/// A reference under a retiring key, with the active key of its merchant.
struct RetiringRow: Sendable {
  var merchant: MerchantID
  var method: PaymentMethodID
  var gateway: String
  var old: SealedReference
  var active: KeyName
  var activeWrappedBy: String
  var activeWrapped: [UInt8]?

  init(_ row: Row) throws(PostgresError) {
    merchant = try row[0, as: MerchantID.self]
    method = try row[1, as: PaymentMethodID.self]
    gateway = try row[2, as: String.self]
    old = SealedReference(
      gateway: gateway,
      keyVersion: try row[3, as: Int32.self],
      sealed: try row[4, as: [UInt8].self],
      wrappedBy: try row[5, as: String.self],
      wrapped: try row[6, as: [UInt8]?.self]
    )
    active = KeyName(merchant: merchant, purpose: .data, version: try row[7, as: Int32.self])
    activeWrappedBy = try row[8, as: String.self]
    activeWrapped = try row[9, as: [UInt8]?.self]
  }

  /// The same reference under the active key.
  func resealed(_ ring: KeyRing) throws -> [UInt8] {
    guard let known = KnownGateway(rawValue: gateway) else { throw SealedReference.Unreadable() }
    let clear = try old.open(method, of: merchant, ring)
    let key = try ring.key(active, wrappedBy: activeWrappedBy, wrapped: activeWrapped)
    let place = SealedReference.place(
      method,
      of: merchant,
      gateway: known,
      keyVersion: active.version
    )
    return try Envelope.seal(clear.plaintext, at: place, with: key)
  }
}

/// What one step of re-encryption writes.
struct ResealedBatch {
  private(set) var merchants: [MerchantID] = []
  private(set) var methods: [PaymentMethodID] = []
  private var gateways: [String] = []
  private var versions: [Int32] = []
  private var sealed: [[UInt8]] = []
  var unreadable: [PaymentMethodID: MerchantID] = [:]

  mutating func append(_ row: RetiringRow, sealed bytes: [UInt8]) {
    merchants.append(row.merchant)
    methods.append(row.method)
    gateways.append(row.gateway)
    versions.append(row.active.version)
    sealed.append(bytes)
  }

  /// The rows and their audit.
  func statements(at now: Timestamp) -> [Statement] {
    let ids = methods.map { _ in AccessID.generate(milliseconds: now.milliseconds) }
    return [
      """
      update gateway_reference r set key_version = u.version, sealed = u.sealed,
        actor = \(Reencryption.actor), trace_id = null
      from unnest(\(merchants), \(methods), \(gateways), \(versions), \(sealed))
        u(merchant_id, payment_method_id, gateway, version, sealed)
      where r.merchant_id = u.merchant_id and r.payment_method_id = u.payment_method_id
        and r.gateway = u.gateway
      """,
      """
      insert into access (
        merchant_id, id, payment_method_id, at, action, purpose, outcome, actor)
      select merchant_id, id, payment_method_id, \(now), 'reencrypt', '', 'ok',
        \(Reencryption.actor)
      from unnest(\(merchants), \(ids), \(methods)) u(merchant_id, id, payment_method_id)
      """,
    ]
  }
}
