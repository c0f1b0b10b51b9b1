import Money
import Postgres
import ServiceKit
import VaultCore
import Wire

/// Resolving: the references and the audit row in one statement, one round trip, one commit.
enum ResolveStatement {
  static func make(
    _ id: PaymentMethodID,
    of merchant: MerchantID,
    for purpose: String,
    at now: Timestamp,
    _ call: CallContext
  ) -> Statement {
    """
    with method as (
      select type, brand, last4, expiry_month, expiry_year, country from payment_method
      where merchant_id = \(merchant) and id = \(id) and deleted_at is null
    ), logged as (
      insert into access (
        merchant_id, id, payment_method_id, at, action, purpose, outcome, actor, trace_id)
      select \(merchant), \(AccessID.generate(milliseconds: now.milliseconds)), \(id), \(now),
        'resolve', \(purpose),
        case when exists (select from method) then 'ok' else 'not_found' end, \(call.actor),
        \(call.trace.traceIDBytes)
    )
    select m.type, m.brand, m.last4, m.expiry_month, m.expiry_year, m.country, r.gateway,
      r.key_version, r.sealed, k.wrapped_by, k.wrapped
    from method m
    join gateway_reference r on r.merchant_id = \(merchant) and r.payment_method_id = \(id)
      and r.sealed is not null
    join merchant_key k on k.merchant_id = r.merchant_id and k.purpose = 'data'
      and k.version = r.key_version
    order by r.gateway
    """
  }

  /// Nil without rows: no such method, or deleted.
  static func decode(
    _ rows: Rows,
    _ id: PaymentMethodID,
    of merchant: MerchantID,
    _ ring: KeyRing
  ) throws -> VaultV1.ResolvePaymentMethodResponse? {
    guard let first = rows.first else { return nil }
    let references = try rows.map { row in
      let (gateway, version, sealed, wrappedBy, wrapped) = (
        try row[6, as: String.self], try row[7, as: Int32.self], try row[8, as: [UInt8].self],
        try row[9, as: String.self], try row[10, as: [UInt8]?.self]
      )
      let clear = try SealedReference(
        gateway: gateway,
        keyVersion: version,
        sealed: sealed,
        wrappedBy: wrappedBy,
        wrapped: wrapped
      ).open(id, of: merchant, ring)
      return VaultV1.GatewayReference(
        gateway: gateway,
        reference: clear.reference,
        customerReference: clear.customerReference
      )
    }
    return VaultV1.ResolvePaymentMethodResponse(
      type: VaultV1.PaymentMethodType(try first[0, as: String.self]),
      references: references,
      card: try MethodStore.decodeCard(first, from: 1)
    )
  }
}

/// A reference as it lies in the table, with its wrapped key.
struct SealedReference: Sendable {
  var gateway: String
  var keyVersion: Int32
  var sealed: [UInt8]
  var wrappedBy: String
  var wrapped: [UInt8]?

  /// The row was changed, moved, or sealed with another key.
  struct Unreadable: Error {}

  static func place(
    _ id: PaymentMethodID,
    of merchant: MerchantID,
    gateway: KnownGateway,
    keyVersion: Int32
  ) -> SealedPlace {
    SealedPlace(
      merchant: merchant,
      paymentMethod: id,
      column: gateway.column,
      keyVersion: keyVersion
    )
  }

  func open(
    _ id: PaymentMethodID,
    of merchant: MerchantID,
    _ ring: KeyRing
  ) throws -> ClearReference {
    guard let gateway = KnownGateway(rawValue: gateway) else { throw Unreadable() }
    let key = try ring.key(
      KeyName(merchant: merchant, purpose: .data, version: keyVersion),
      wrappedBy: wrappedBy,
      wrapped: wrapped
    )
    let place = Self.place(id, of: merchant, gateway: gateway, keyVersion: keyVersion)
    guard let plain = try? Envelope.open(sealed, at: place, with: key),
      let clear = ClearReference(plaintext: plain)
    else { throw Unreadable() }
    return clear
  }
}
