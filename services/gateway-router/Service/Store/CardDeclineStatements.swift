import GatewayCore
import Money
import Postgres
import ServiceKit

/// The SQL of the declines that a card has had.
enum CardDeclineStatements {
  /// Whether the operation is there, and the declines of its card that count: one statement, whose
  /// second part is one look into an index for a card that was never declined.
  static func begin(_ record: OperationRecord, now: Timestamp) -> Statement {
    let since = now - .seconds(NetworkCeiling.windowDaysMax * 24 * 3_600)
    return """
      select exists (
          select from operation where intent_id = \(record.intent) and id = \(record.id)),
        d.declined_at, d.currency, d.amount_minor, d.is_forbidden
      from (values (true)) one
      left join lateral (
        select declined_at, currency, amount_minor, is_forbidden from card_decline
        where merchant_id = \(record.merchant) and payment_method_id = \(record.paymentMethod)
          and (is_forbidden or declined_at > \(since))
        order by is_forbidden desc, declined_at desc
        limit \(Int64(NetworkCeiling.declinesMax))
      ) d on true
      """
  }

  /// The declines that count before a set-up, which has no operation.
  static func list(of setup: SetupRecord, now: Timestamp) -> Statement {
    let since = now - .seconds(NetworkCeiling.windowDaysMax * 24 * 3_600)
    return """
      select true, declined_at, currency, amount_minor, is_forbidden from card_decline
      where merchant_id = \(setup.merchant) and payment_method_id = \(setup.paymentMethod)
        and (is_forbidden or declined_at > \(since))
      order by is_forbidden desc, declined_at desc
      limit \(Int64(NetworkCeiling.declinesMax))
      """
  }

  /// The bank's decline of an attempt, once; others of the card that no longer count are forgotten.
  static func insert(
    _ decline: Decline, of attempt: AttemptID, _ record: OperationRecord, now: Timestamp,
    _ stamp: Stamp
  ) -> [Statement] {
    insert(
      decline, of: UUIDBits(attempt.bits), record.paymentMethod, of: record.merchant,
      record.operation.amount, now: now, stamp)
  }

  /// The same of a set-up, which asks the bank about nothing: its id stands for the attempt's.
  static func insert(
    _ decline: Decline, of setup: SetupRecord, now: Timestamp, _ stamp: Stamp
  ) -> [Statement] {
    insert(
      decline, of: UUIDBits(setup.setup.id.bits), setup.paymentMethod, of: setup.merchant,
      setup.amount, now: now, stamp)
  }

  private static func insert(
    _ decline: Decline, of asked: UUIDBits, _ method: PaymentMethodID, of merchant: MerchantID,
    _ amount: Amount, now: Timestamp, _ stamp: Stamp
  ) -> [Statement] {
    let before = now - .seconds(NetworkCeiling.windowDaysMax * 24 * 3_600)
    return [
      """
      insert into card_decline (merchant_id, payment_method_id, attempt_id, currency, amount_minor,
        declined_at, is_forbidden, actor, trace_id)
      values (\(merchant), \(method), \(asked), \(amount.currency.code), \(amount.minor), \(now),
        \(decline.isForbiddenByNetwork), \(stamp.actor), \(stamp.traceID))
      on conflict do nothing
      """,
      """
      delete from card_decline
      where merchant_id = \(merchant) and payment_method_id = \(method)
        and not is_forbidden and declined_at < \(before)
      """,
    ]
  }
}

/// What `CardDeclineStatements.begin` found.
struct OperationBeginning: Sendable {
  var isKnown: Bool
  var declines: [CardDecline]

  init(_ rows: Rows) throws {
    isKnown = try rows.first?[0, as: Bool.self] ?? false
    declines = try rows.compactMap { row in
      guard let at = try row[1, as: Timestamp?.self] else { return nil }
      guard let currency = Currency(try row[2, as: String.self]) else {
        throw PostgresError(.decoding, "card_decline holds an unknown currency")
      }
      return CardDecline(
        at: at, amount: Amount(currency, minor: try row[3, as: Int64.self]),
        isForbidden: try row[4, as: Bool.self])
    }
  }
}
