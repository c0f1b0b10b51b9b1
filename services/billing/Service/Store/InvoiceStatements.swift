import BillingCore
import Money
import Postgres
import ServiceKit

/// The SQL of invoices and their payment tries.
enum InvoiceStatements {
  /// Takes the merchant's next number. Last before the commit: the counter stays locked until then.
  static func nextNumber(of merchant: MerchantID) -> Statement {
    """
    insert into invoice_counter as c (merchant_id, last_number) values (\(merchant), 1)
    on conflict (merchant_id) do update set last_number = c.last_number + 1
    returning last_number
    """
  }

  /// No row: this period has its invoice already.
  static func claimPeriod(
    _ period: Int, of subscription: SubscriptionID, _ merchant: MerchantID, for invoice: InvoiceID
  ) -> Statement {
    """
    insert into billed_period (merchant_id, subscription_id, period, invoice_id)
    values (\(merchant), \(subscription), \(Int32(period)), \(invoice))
    on conflict (merchant_id, subscription_id, period) do nothing
    returning invoice_id
    """
  }

  static func insert(_ invoice: InvoiceRow, _ stamp: Stamp) -> Statement {
    """
    insert into invoice (merchant_id, id, livemode, subscription_id, period, number, status,
      currency, total_minor, payment_tries, version, created_at, paid_at, actor, trace_id)
    values (\(invoice.merchant), \(invoice.id), \(invoice.merchant.isLive),
      \(invoice.subscription), \(Int32(invoice.period)), \(invoice.number.value),
      \(invoice.status.rawValue), \(invoice.total.currency), \(invoice.total.minor),
      \(Int32(invoice.paymentTries)), \(invoice.version), \(invoice.createdAt),
      \(invoice.paidAt), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func insert(_ lines: [BillLine], of invoice: InvoiceRow) -> Statement {
    """
    insert into invoice_line (merchant_id, invoice_id, line, description, quantity,
      amount_minor, period_start, period_end)
    select \(invoice.merchant), \(invoice.id), place::smallint, description, quantity,
      amount_minor, period_start, period_end
    from unnest(\(lines.map(\.description)), \(lines.map(\.quantity)),
      \(lines.map(\.amount.minor)), \(lines.map(\.start)), \(lines.map(\.end)))
      with ordinality as line
        (description, quantity, amount_minor, period_start, period_end, place)
    """
  }

  /// Writes everything that can change.
  static func update(_ invoice: InvoiceRow, _ stamp: Stamp) -> Statement {
    """
    update invoice set status = \(invoice.status.rawValue), payment_intent_id = \(invoice.intent),
      payment_status = \(invoice.paymentStatus?.rawValue),
      payment_version = \(invoice.paymentVersion),
      payment_failure_code = \(invoice.paymentFailureCode),
      payment_tries = \(Int32(invoice.paymentTries)), version = \(invoice.version),
      paid_at = \(invoice.paidAt), actor = \(stamp.actor), trace_id = \(stamp.traceID)
    where merchant_id = \(invoice.merchant) and id = \(invoice.id)
    """
  }

  static func get(_ id: InvoiceID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: InvoiceRow.columns) from invoice i
    where i.merchant_id = \(merchant) and i.id = \(id)
    """
  }

  /// The invoice of a subscription's first period.
  static func first(of subscription: SubscriptionID, _ merchant: MerchantID) -> Statement {
    """
    select invoice_id from billed_period
    where merchant_id = \(merchant) and subscription_id = \(subscription) and period = 0
    """
  }

  /// The open invoices of a subscription, oldest first.
  static func openOnes(of subscription: SubscriptionID, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: InvoiceRow.columns) from invoice i
    where i.merchant_id = \(merchant) and i.subscription_id = \(subscription) and i.status = 2
    order by i.number
    """
  }

  /// How many others of the same subscription are open.
  static func otherOpenOnes(than invoice: InvoiceID, of merchant: MerchantID) -> Statement {
    """
    select count(*) from invoice i
    where i.merchant_id = \(merchant) and i.status = 2 and i.id <> \(invoice)
      and i.subscription_id = (select o.subscription_id from invoice o
        where o.merchant_id = \(merchant) and o.id = \(invoice))
    """
  }

  static func list(
    of subscription: SubscriptionID, _ merchant: MerchantID, limit: Int64
  ) -> Statement {
    """
    select \(raw: InvoiceRow.columns) from invoice i
    where i.merchant_id = \(merchant) and i.subscription_id = \(subscription)
    order by i.number desc limit \(limit)
    """
  }

  static func lines(of invoices: [InvoiceID], _ merchant: MerchantID) -> Statement {
    """
    select \(raw: InvoiceLineRow.columns) from invoice_line l
    join invoice i on i.merchant_id = l.merchant_id and i.id = l.invoice_id
    where l.merchant_id = \(merchant) and l.invoice_id = any(\(invoices))
    order by l.invoice_id, l.line
    """
  }

  static func linesOfOpenOnes(of subscription: SubscriptionID, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: InvoiceLineRow.columns) from invoice i
    join invoice_line l on l.merchant_id = i.merchant_id and l.invoice_id = i.id
    where i.merchant_id = \(merchant) and i.subscription_id = \(subscription) and i.status = 2
    order by l.invoice_id, l.line
    """
  }

  /// How many invoices there are for periods, other than first ones, that begin in a stretch.
  static func renewals(
    of merchant: MerchantID, after from: Timestamp, until to: Timestamp
  ) -> Statement {
    """
    select count(*) from invoice i
    join invoice_line l on l.merchant_id = i.merchant_id and l.invoice_id = i.id and l.line = 1
    where i.merchant_id = \(merchant) and i.period > 0
      and l.period_start > \(from) and l.period_start <= \(to)
    """
  }

  // MARK: Tries

  /// - Parameter pauseSeconds: until the worker makes it.
  static func insert(
    _ payment: PaymentTryRow, after pauseSeconds: Int64, _ time: BillingTime, _ stamp: Stamp
  ) -> Statement {
    """
    insert into payment_try (merchant_id, invoice_id, try, kind, key, state, look_at, created_at,
      actor, trace_id)
    values (\(payment.merchant), \(payment.invoice), \(Int32(payment.number)),
      \(payment.kind.rawValue), \(payment.key), \(payment.state.rawValue),
      coalesce(\(time.moment)::timestamptz, now()) + make_interval(secs => \(Double(pauseSeconds))),
      coalesce(\(time.moment)::timestamptz, now()), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func openTry(of invoice: InvoiceID, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: PaymentTryRow.columns) from payment_try t
    where t.merchant_id = \(merchant) and t.invoice_id = \(invoice) and t.state = 1
    order by t.try limit 1
    """
  }

  static func close(_ payment: PaymentTryRow, as state: PaymentTryRow.State) -> Statement {
    """
    update payment_try set state = \(state.rawValue)
    where merchant_id = \(payment.merchant) and invoice_id = \(payment.invoice)
      and try = \(Int32(payment.number)) and state = 1
    """
  }

  /// Open tries that nobody is at work on; each is put off before it is looked at, so that another
  /// replica looks elsewhere.
  static func takeOpenTries(_ time: BillingTime, limit: Int64) -> Statement {
    """
    update payment_try t set looks = t.looks + 1,
      look_at = coalesce(\(time.moment)::timestamptz, now())
        + make_interval(secs => least(300, 15 * power(2, least(t.looks, 8))))
    from (
      select merchant_id, invoice_id, try from payment_try
      where state = 1 and look_at <= coalesce(\(time.moment)::timestamptz, now())
      order by look_at limit \(limit) for update skip locked
    ) due
    where t.merchant_id = due.merchant_id and t.invoice_id = due.invoice_id and t.try = due.try
    returning \(raw: PaymentTryRow.columns)
    """
  }
}
