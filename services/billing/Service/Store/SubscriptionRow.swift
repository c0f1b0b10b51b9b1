import BillingCore
import Money
import Postgres

/// A subscription as its row.
struct SubscriptionRow: Sendable {
  var merchant: MerchantID
  var id: SubscriptionID
  var customer: CustomerID
  var price: PriceID
  var paymentMethod: PaymentMethodID
  var contract: BillingContract
  var status: SubscriptionStatus
  /// The last period that has its invoice.
  var currentPeriod: BillingPeriod
  var latestInvoice: InvoiceID
  var version: Int64
  var createdAt: Timestamp
  var canceledAt: Timestamp?

  var livemode: Bool { merchant.isLive }
}

extension SubscriptionRow {
  /// The columns that `init(row:)` reads, of `subscription s`.
  static let columns = """
    s.merchant_id, s.id, s.customer_id, s.price_id, s.payment_method_id, s.quantity, s.currency,
    s.unit_amount_minor, s.description, s.anchor_at, s.interval_unit, s.interval_count, s.status,
    s.current_period, s.latest_invoice_id, s.version, s.created_at, s.canceled_at
    """

  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    id = try row[1, as: SubscriptionID.self]
    customer = try row[2, as: CustomerID.self]
    price = try row[3, as: PriceID.self]
    paymentMethod = try row[4, as: PaymentMethodID.self]
    let unit = try StoredValue.known(IntervalUnit(rawValue: row[10, as: Int16.self]))
    let interval = try StoredValue.known(
      BillingInterval(unit, count: Int(row[11, as: Int16.self])))
    contract = BillingContract(
      schedule: BillingSchedule(anchor: try row[9, as: Timestamp.self], interval: interval),
      unitAmount: Amount(try row[6, as: Currency.self], minor: try row[7, as: Int64.self]),
      quantity: try row[5, as: Int64.self], description: try row[8, as: String.self])
    status = try StoredValue.known(SubscriptionStatus(rawValue: row[12, as: Int16.self]))
    // Computed from the anchor like every period; the stored bounds are for finding what is due.
    currentPeriod = try StoredValue.known(
      contract.schedule.period(Int(row[13, as: Int32.self])))
    latestInvoice = try row[14, as: InvoiceID.self]
    version = try row[15, as: Int64.self]
    createdAt = try row[16, as: Timestamp.self]
    canceledAt = try row[17, as: Timestamp?.self]
  }
}

/// Values of the database that this release does not know.
enum StoredValue {
  static func known<Value>(_ value: Value?) throws(PostgresError) -> Value {
    guard let value else { throw PostgresError(.decoding, "a row holds an unknown value") }
    return value
  }
}
