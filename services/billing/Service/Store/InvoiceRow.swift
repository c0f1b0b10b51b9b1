import BillingCore
import Money
import Postgres
import Seal

/// An invoice as its row.
struct InvoiceRow: Sendable {
  var merchant: MerchantID
  var id: InvoiceID
  var subscription: SubscriptionID
  var period: Int
  var number: InvoiceNumber
  var status: InvoiceStatus
  var total: Amount
  /// The one intent of its life.
  var intent: PaymentIntentID?
  var paymentStatus: PaymentStatus?
  /// The newest version of the intent that counted; 0 before the first.
  var paymentVersion: Int64
  var paymentFailureCode: String?
  var paymentTries: Int
  var version: Int64
  var createdAt: Timestamp
  var paidAt: Timestamp?
  /// Whether a try's answer is missing.
  var hasOpenTry: Bool

  /// Money may still move without anybody asking again.
  var isPaymentUnderWay: Bool { hasOpenTry || paymentStatus?.isUnderWay == true }
}

extension InvoiceRow {
  /// The columns that `init(row:)` reads, of `invoice i`.
  static let columns = """
    i.merchant_id, i.id, i.subscription_id, i.period, i.number, i.status, i.currency,
    i.total_minor, i.payment_intent_id, i.payment_status, i.payment_version,
    i.payment_failure_code, i.payment_tries, i.version, i.created_at, i.paid_at,
    exists (select from payment_try t where t.merchant_id = i.merchant_id
      and t.invoice_id = i.id and t.state = 1)
    """

  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    id = try row[1, as: InvoiceID.self]
    subscription = try row[2, as: SubscriptionID.self]
    period = Int(try row[3, as: Int32.self])
    number = try StoredValue.known(InvoiceNumber(try row[4, as: Int64.self]))
    status = try StoredValue.known(InvoiceStatus(rawValue: row[5, as: Int16.self]))
    total = Amount(try row[6, as: Currency.self], minor: try row[7, as: Int64.self])
    intent = try row[8, as: PaymentIntentID?.self]
    paymentStatus = try row[9, as: Int16?.self].map {
      try StoredValue.known(PaymentStatus(rawValue: $0))
    }
    paymentVersion = try row[10, as: Int64.self]
    paymentFailureCode = try row[11, as: String?.self]
    paymentTries = Int(try row[12, as: Int32.self])
    version = try row[13, as: Int64.self]
    createdAt = try row[14, as: Timestamp.self]
    paidAt = try row[15, as: Timestamp?.self]
    hasOpenTry = try row[16, as: Bool.self]
  }
}

/// A line as its row, with the invoice it belongs to.
struct InvoiceLineRow: Sendable {
  var invoice: InvoiceID
  var line: BillLine

  static let columns = """
    l.invoice_id, l.description, l.quantity, i.currency, l.amount_minor, l.period_start,
    l.period_end
    """

  init(row: Row) throws {
    let (invoice, description, quantity, currency, amountMinor, start, end) = try row.decode(
      (InvoiceID, String, Int64, Currency, Int64, Timestamp, Timestamp).self)
    self.invoice = invoice
    line = BillLine(
      description: description, quantity: quantity, amount: Amount(currency, minor: amountMinor),
      start: start, end: end)
  }
}

/// One time that intents is asked to move an invoice's money.
struct PaymentTryRow: Sendable {
  enum Kind: Int16, Sendable {
    /// Create the intent and confirm it.
    case create = 1
    /// Confirm the intent that there is.
    case confirm = 2
  }

  enum State: Int16, Sendable {
    case open = 1
    case answered = 2
    /// Refused before any money moved.
    case refused = 3
  }

  var merchant: MerchantID
  var invoice: InvoiceID
  var number: Int
  var kind: Kind
  var state: State
  var looks: Int
  /// Letters and digits. Kept with the try: what was asked under it once is asked under it again.
  var key: String

  static let columns = "t.merchant_id, t.invoice_id, t.try, t.kind, t.state, t.looks, t.key"

  init(
    merchant: MerchantID, invoice: InvoiceID, number: Int, kind: Kind, state: State, looks: Int,
    key: String
  ) {
    self.merchant = merchant
    self.invoice = invoice
    self.number = number
    self.kind = kind
    self.state = state
    self.looks = looks
    self.key = key
  }

  /// A period that is billed anew, because a restore of the database has lost its invoice, has another
  /// invoice and the same keys: intents answers them with what was paid.
  static func key(of subscription: SubscriptionID, period: Int, try number: Int) -> String {
    "sub\(EntityIDText.letters(of: subscription.bits))p\(period)try\(number)"
  }

  /// The same for the first try of a subscription that its caller makes anew, with another id.
  static func firstKey(ofCaller key: String) -> String {
    let digest = SHA256.hash(key).prefix(16)
    return "new\(EntityIDText.letters(of: digest.reduce(0) { $0 << 8 | UInt128($1) }))try1"
  }

  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    invoice = try row[1, as: InvoiceID.self]
    number = Int(try row[2, as: Int32.self])
    kind = try StoredValue.known(Kind(rawValue: row[3, as: Int16.self]))
    state = try StoredValue.known(State(rawValue: row[4, as: Int16.self]))
    looks = Int(try row[5, as: Int32.self])
    key = try row[6, as: String.self]
  }
}
