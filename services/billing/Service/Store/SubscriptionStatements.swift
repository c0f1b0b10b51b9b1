import BillingCore
import Money
import Postgres
import ServiceKit

/// The SQL of subscriptions and of merchants' clocks.
enum SubscriptionStatements {
  static func insert(_ subscription: SubscriptionRow, _ stamp: Stamp) -> Statement {
    let contract = subscription.contract
    let interval = contract.schedule.interval
    return """
      insert into subscription (merchant_id, id, livemode, customer_id, price_id,
        payment_method_id, quantity, currency, unit_amount_minor, description, anchor_at,
        interval_unit, interval_count, status, current_period, current_period_start,
        current_period_end, latest_invoice_id, version, created_at, actor, trace_id)
      values (\(subscription.merchant), \(subscription.id), \(subscription.livemode),
        \(subscription.customer), \(subscription.price), \(subscription.paymentMethod),
        \(contract.quantity), \(contract.unitAmount.currency), \(contract.unitAmount.minor),
        \(contract.description), \(contract.schedule.anchor), \(interval.unit.rawValue),
        \(Int16(interval.count)), \(subscription.status.rawValue),
        \(Int32(subscription.currentPeriod.index)), \(subscription.currentPeriod.start),
        \(subscription.currentPeriod.end), \(subscription.latestInvoice),
        \(subscription.version), \(subscription.createdAt), \(stamp.actor), \(stamp.traceID))
      """
  }

  /// Writes everything that can change.
  static func update(_ subscription: SubscriptionRow, _ stamp: Stamp) -> Statement {
    """
    update subscription set status = \(subscription.status.rawValue),
      current_period = \(Int32(subscription.currentPeriod.index)),
      current_period_start = \(subscription.currentPeriod.start),
      current_period_end = \(subscription.currentPeriod.end),
      latest_invoice_id = \(subscription.latestInvoice), version = \(subscription.version),
      canceled_at = \(subscription.canceledAt), actor = \(stamp.actor),
      trace_id = \(stamp.traceID)
    where merchant_id = \(subscription.merchant) and id = \(subscription.id)
    """
  }

  static func get(_ id: SubscriptionID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: SubscriptionRow.columns) from subscription s
    where s.merchant_id = \(merchant) and s.id = \(id)
    """
  }

  /// Locks the subscription; it and its invoices change only under this lock.
  static func lock(_ id: SubscriptionID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: SubscriptionRow.columns) from subscription s
    where s.merchant_id = \(merchant) and s.id = \(id) for update of s
    """
  }

  static func lock(owning invoice: InvoiceID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: SubscriptionRow.columns) from subscription s
    where s.merchant_id = \(merchant) and s.id = (
      select i.subscription_id from invoice i
      where i.merchant_id = \(merchant) and i.id = \(invoice))
    for update of s
    """
  }

  /// Subscriptions whose period is over by their merchant's clock, the longest overdue first.
  static func due(_ time: BillingTime, limit: Int64) -> Statement {
    """
    select merchant_id, id from (
      (select s.merchant_id, s.id, s.current_period_end from subscription s
        where s.status in (2, 3)
          and s.current_period_end <= coalesce(\(time.moment)::timestamptz, now())
        order by s.current_period_end limit \(limit))
      union
      (select s.merchant_id, s.id, s.current_period_end
        from merchant_clock c join subscription s on s.merchant_id = c.merchant_id
        where c.now_at > coalesce(\(time.moment)::timestamptz, now())
          and s.status in (2, 3) and s.current_period_end <= c.now_at
        order by s.current_period_end limit \(limit))
    ) due order by current_period_end limit \(limit)
    """
  }

  /// The same for one merchant.
  static func due(of merchant: MerchantID, at now: Timestamp, limit: Int64) -> Statement {
    """
    select s.merchant_id, s.id from subscription s
    where s.merchant_id = \(merchant) and s.status in (2, 3) and s.current_period_end <= \(now)
    order by s.current_period_end, s.id limit \(limit)
    """
  }

  /// Subscriptions whose first payment is overdue by their merchant's clock.
  static func firstPaymentOverdue(_ time: BillingTime, limit: Int64) -> Statement {
    """
    select s.merchant_id, s.id from subscription s
    left join merchant_clock c on c.merchant_id = s.merchant_id
    where s.status = 1 and s.created_at
      <= greatest(coalesce(\(time.moment)::timestamptz, now()), c.now_at)
        - make_interval(hours => \(Int32(BillingLimits.firstPaymentHours)))
      and not exists (select from invoice i where i.merchant_id = s.merchant_id
        and i.id = s.latest_invoice_id and (i.payment_status in (1, 2, 3, 4) or exists (
          select from payment_try t where t.merchant_id = i.merchant_id
            and t.invoice_id = i.id and t.state = 1)))
    order by s.created_at limit \(limit)
    """
  }

  // MARK: Clocks

  /// The time of a merchant: the database's, or that of its own clock while that is ahead. One row.
  static func now(of merchant: MerchantID, _ time: BillingTime) -> Statement {
    """
    select greatest(coalesce(\(time.moment)::timestamptz, now()),
      (select c.now_at from merchant_clock c where c.merchant_id = \(merchant)))
    """
  }

  /// To where a merchant's own clock was moved last, and from where; no row for one without.
  static func clock(of merchant: MerchantID) -> Statement {
    "select now_at, advanced_from from merchant_clock where merchant_id = \(merchant)"
  }

  /// Locks the clock, which the statement makes if need be.
  static func advanceClock(
    of merchant: MerchantID, from: Timestamp, to: Timestamp, _ stamp: Stamp
  ) -> Statement {
    """
    insert into merchant_clock as c (merchant_id, now_at, advanced_from, actor, trace_id)
    values (\(merchant), \(to), \(from), \(stamp.actor), \(stamp.traceID))
    on conflict (merchant_id) do update set now_at = excluded.now_at,
      advanced_from = greatest(c.now_at, excluded.advanced_from), actor = excluded.actor,
      trace_id = excluded.trace_id
    where c.now_at <= excluded.now_at
    returning now_at
    """
  }
}
