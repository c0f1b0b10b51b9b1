import Money
import Postgres
import ServiceKit
import VaultCore
import Wire

/// The rows of `payment_method` and what belongs to them.
enum MethodStore {
  static let columns = """
    m.id, m.type, m.brand, m.last4, m.expiry_month, m.expiry_year, m.country, m.fingerprint,
    m.customer_id, m.alias, m.created_at, m.deleted_at,
    array(select r.gateway from gateway_reference r where r.merchant_id = m.merchant_id
      and r.payment_method_id = m.id and r.sealed is not null order by r.gateway)
    """

  static func byID(_ id: PaymentMethodID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from payment_method m
    where m.merchant_id = \(merchant) and m.id = \(id)
    """
  }

  static func byAlias(_ alias: String, of merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from alias a join payment_method m
      on m.merchant_id = a.merchant_id and m.id = a.payment_method_id
    where a.merchant_id = \(merchant) and a.alias = \(alias)
    """
  }

  static func list(of merchant: MerchantID, limit: Int64) -> Statement {
    """
    select \(raw: columns) from payment_method m
    where m.merchant_id = \(merchant) and m.deleted_at is null
    order by m.id desc limit \(limit)
    """
  }

  static func decode(
    _ row: Row,
    of merchant: MerchantID
  ) throws(PostgresError) -> VaultV1.PaymentMethod {
    let fingerprint = try row[7, as: [UInt8]?.self]
    return VaultV1.PaymentMethod(
      id: try row[0, as: PaymentMethodID.self].description,
      merchantID: merchant.description,
      type: VaultV1.PaymentMethodType(try row[1, as: String.self]),
      card: try decodeCard(row, from: 2),
      gateways: try row[12, as: [String].self],
      customerID: try row[8, as: CustomerID?.self]?.description ?? "",
      fingerprint: fingerprint.map(FingerprintText.make) ?? "",
      createdAt: GoogleProtobuf.Timestamp(try row[10, as: Timestamp.self]),
      deletedAt: try row[11, as: Timestamp?.self].map { GoogleProtobuf.Timestamp($0) },
      alias: try row[9, as: String?.self] ?? ""
    )
  }

  /// Brand, last4, month, year and country, from a column on.
  static func decodeCard(
    _ row: Row,
    from column: Int
  ) throws(PostgresError) -> VaultV1.CardSummary {
    VaultV1.CardSummary(
      brand: try row[column, as: String.self],
      last4: try row[column + 1, as: String.self],
      expiryMonth: UInt32(try row[column + 2, as: Int16.self]),
      expiryYear: UInt32(try row[column + 3, as: Int16.self]),
      country: try row[column + 4, as: String.self]
    )
  }

  // MARK: Changes

  /// What a registration writes.
  struct Registration: Sendable {
    var id: PaymentMethodID
    var merchant: MerchantID
    var type: MethodType
    var card: CardDescription
    var fingerprint: [UInt8]?
    var customer: CustomerID?
    var alias: String?
    var createdAt: Timestamp
    var references: [(gateway: KnownGateway, keyVersion: Int32, sealed: [UInt8])]
  }

  /// One row if the alias was free.
  static func insertAlias(
    _ alias: String,
    _ id: PaymentMethodID,
    of merchant: MerchantID
  ) -> Statement {
    """
    insert into alias (merchant_id, alias, payment_method_id)
    values (\(merchant), \(alias), \(id)) on conflict do nothing
    """
  }

  static func insert(_ method: Registration, _ call: CallContext) -> [Statement] {
    let (actor, traceID) = (call.actor, call.trace.traceIDBytes)
    let references = method.references
    return [
      """
      insert into payment_method (
        merchant_id, id, livemode, type, brand, last4, expiry_month, expiry_year, country,
        fingerprint, customer_id, alias, created_at, actor, trace_id)
      values (
        \(method.merchant), \(method.id), \(method.merchant.isLive), \(method.type.rawValue),
        \(method.card.brand), \(method.card.last4), \(method.card.expiryMonth),
        \(method.card.expiryYear), \(method.card.country), \(method.fingerprint),
        \(method.customer), \(method.alias), \(method.createdAt), \(actor), \(traceID))
      """,
      """
      insert into gateway_reference (
        merchant_id, payment_method_id, gateway, key_version, sealed, actor, trace_id)
      select \(method.merchant), \(method.id), gateway, key_version, sealed, \(actor), \(traceID)
      from unnest(
        \(references.map(\.gateway.rawValue)), \(references.map(\.keyVersion)),
        \(references.map(\.sealed))) u(gateway, key_version, sealed)
      """,
    ]
  }

  /// Locks the row; its `deleted_at` if it exists.
  static func lock(_ id: PaymentMethodID, of merchant: MerchantID) -> Statement {
    """
    select deleted_at from payment_method
    where merchant_id = \(merchant) and id = \(id) for update
    """
  }

  /// Destroys the references, frees the alias and leaves a tombstone.
  static func shred(
    _ id: PaymentMethodID,
    of merchant: MerchantID,
    at now: Timestamp,
    _ call: CallContext
  ) -> [Statement] {
    let (actor, traceID) = (call.actor, call.trace.traceIDBytes)
    return [
      """
      update gateway_reference set sealed = null, actor = \(actor), trace_id = \(traceID)
      where merchant_id = \(merchant) and payment_method_id = \(id)
      """,
      """
      delete from alias a using payment_method m
      where m.merchant_id = \(merchant) and m.id = \(id)
        and a.merchant_id = m.merchant_id and a.alias = m.alias
      """,
      """
      update payment_method set deleted_at = \(now), alias = null, fingerprint = null,
        actor = \(actor), trace_id = \(traceID)
      where merchant_id = \(merchant) and id = \(id)
      """,
    ]
  }
}

extension VaultV1.PaymentMethodType {
  init(_ stored: String) {
    self =
      switch MethodType(rawValue: stored) {
      case .card: .card
      case .sepaDebit: .sepaDebit
      case nil: .unspecified
      }
  }

  var methodType: MethodType? {
    switch self {
    case .card: .card
    case .sepaDebit: .sepaDebit
    case .unspecified, .unrecognized: nil
    }
  }
}

/// A fingerprint as people see it: letters only, so that it is never taken for a number.
enum FingerprintText {
  /// Bytes shown.
  private static let shown = 16

  static func make(_ fingerprint: [UInt8]) -> String {
    let letters = fingerprint.prefix(shown).flatMap { byte in [byte >> 4, byte & 0xF] }
    return "fp_" + String(decoding: letters.map { UInt8(ascii: "a") + $0 }, as: UTF8.self)
  }
}
