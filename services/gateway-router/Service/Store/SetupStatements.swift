import GatewayCore
import Money
import Postgres
import ServiceKit

/// A setup intent as its row: the machine's value, and what the shell needs beside it.
struct SetupRecord: Sendable {
  let merchant: MerchantID
  var setup: SetupIntent
  let paymentMethod: PaymentMethodID
  let currency: Currency
  /// The gateway that was asked for.
  let wanted: GatewayName?
  /// The one it goes to; nil while none was chosen.
  let account: GatewayAccount?
  /// Of recovery.
  let tries: Int
  /// Since the one request may have been sent first.
  let ageSeconds: Int64
  let nextTryAt: Timestamp?
  var version: Int64
  let createdAt: Timestamp
  var updatedAt: Timestamp

  /// What the bank is asked about.
  var amount: Amount { Amount(currency, minor: 0) }

  /// The row's columns, in the order of `SetupStatements.columns`.
  init(_ row: Row) throws {
    let code = try row[3, as: String.self]
    guard let state = SetupIntent.State(rawValue: try row[7, as: Int16.self]),
      let currency = Currency(code)
    else { throw PostgresError(.decoding, "setup_intent holds an unknown state or currency") }
    merchant = try row[0, as: MerchantID.self]
    paymentMethod = try row[2, as: PaymentMethodID.self]
    self.currency = currency
    wanted = try row[4, as: String?.self].flatMap(GatewayName.init(rawValue:))
    let gateway = try row[5, as: String?.self].flatMap(GatewayName.init(rawValue:))
    let name = try row[6, as: String?.self] ?? ""
    account = gateway.map { GatewayAccount(gateway: $0, account: name) }
    let failure = try row[9, as: String?.self]
    let gatewayCode = try row[10, as: String?.self] ?? ""
    setup = SetupIntent(
      id: try row[1, as: SetupIntentID.self], state: state, reference: try row[8, as: String?.self],
      failure: failure.map { SetupIntent.Failure(code: $0, gatewayCode: gatewayCode) },
      wasRepeated: try row[17, as: Bool.self])
    tries = Int(try row[11, as: Int32.self])
    ageSeconds = try row[12, as: Int64.self]
    nextTryAt = try row[13, as: Timestamp?.self]
    version = try row[14, as: Int64.self]
    createdAt = try row[15, as: Timestamp.self]
    updatedAt = try row[16, as: Timestamp.self]
  }
}

/// The SQL of setup intents. All times are the database's.
enum SetupStatements {
  static let columns = """
    merchant_id, id, payment_method_id, currency, wanted_gateway, gateway, account, state,
    reference, failure_code, failure_gateway_code, tries,
    coalesce(extract(epoch from now() - sent_at), 0)::bigint, next_try_at, version, created_at,
    updated_at, repeated_at is not null
    """

  /// A setup intent as asked for.
  struct Order: Sendable {
    var id: SetupIntentID
    var paymentMethod: PaymentMethodID
    var currency: Currency
    var wanted: GatewayName?
  }

  static func insert(_ order: Order, of merchant: MerchantID, _ stamp: Stamp) -> Statement {
    """
    insert into setup_intent (merchant_id, id, livemode, payment_method_id, currency,
      wanted_gateway, state, next_try_at, actor, trace_id)
    values (\(merchant), \(order.id), \(merchant.isLive), \(order.paymentMethod),
      \(order.currency.code), \(order.wanted?.rawValue), \(SetupIntent.State.processing.rawValue),
      now() + make_interval(secs => \(SetupSchedule.firstSeconds)), \(stamp.actor),
      \(stamp.traceID))
    returning \(raw: columns)
    """
  }

  static func get(_ id: SetupIntentID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from setup_intent where merchant_id = \(merchant) and id = \(id)
    """
  }

  static func lock(_ id: SetupIntentID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from setup_intent where merchant_id = \(merchant) and id = \(id)
    for update
    """
  }

  /// For notifications, which name no merchant.
  static func find(_ id: SetupIntentID) -> Statement {
    "select \(raw: columns) from setup_intent where id = \(id)"
  }

  /// For operators, who name no merchant either.
  static func lock(_ id: SetupIntentID) -> Statement {
    "select \(raw: columns) from setup_intent where id = \(id) for update"
  }

  /// Committed before a byte leaves; no row when somebody else was first.
  static func choose(
    _ account: GatewayAccount, for id: SetupIntentID, of merchant: MerchantID, _ stamp: Stamp
  ) -> Statement {
    """
    update setup_intent set gateway = \(account.gateway.rawValue), account = \(account.account),
      sent_at = now(), version = version + 1, updated_at = now(), actor = \(stamp.actor),
      trace_id = \(stamp.traceID)
    where merchant_id = \(merchant) and id = \(id) and gateway is null
      and state = \(SetupIntent.State.processing.rawValue)
    returning \(raw: columns)
    """
  }

  /// Committed before the request goes out again; no row when it is decided meanwhile.
  static func noteRepetition(
    of id: SetupIntentID, of merchant: MerchantID, _ stamp: Stamp
  ) -> Statement {
    """
    update setup_intent set repeated_at = coalesce(repeated_at, now()), actor = \(stamp.actor),
      trace_id = \(stamp.traceID)
    where merchant_id = \(merchant) and id = \(id)
      and state = \(SetupIntent.State.processing.rawValue)
    returning \(raw: columns)
    """
  }

  /// What is decided is not tried again.
  static func update(
    _ setup: SetupIntent, of merchant: MerchantID, detail: String, _ stamp: Stamp
  ) -> Statement {
    """
    update setup_intent set state = \(setup.state.rawValue), reference = \(setup.reference),
      failure_code = \(setup.failure?.code), failure_gateway_code = \(setup.failure?.gatewayCode),
      detail = \(detail), version = version + 1, updated_at = now(),
      next_try_at = case when \(setup.isDecided) then null else next_try_at end,
      actor = \(stamp.actor), trace_id = \(stamp.traceID)
    where merchant_id = \(merchant) and id = \(setup.id)
    returning \(raw: columns)
    """
  }

  /// What a call has left open is looked at soon.
  static func leaveOpen(
    _ id: SetupIntentID, of merchant: MerchantID, detail: String
  ) -> Statement {
    """
    update setup_intent set detail = \(detail),
      next_try_at = case when tries = 0
        then now() + make_interval(secs => \(SetupSchedule.soonSeconds)) else next_try_at end
    where merchant_id = \(merchant) and id = \(id)
      and state = \(SetupIntent.State.processing.rawValue)
    """
  }

  /// The one that is due the longest; its lease is the next try, later each time.
  static func takeDue() -> Statement {
    """
    update setup_intent s set tries = s.tries + 1,
      next_try_at = now() + make_interval(secs =>
        \(SetupSchedule.baseSeconds) * power(2, least(s.tries, \(Int64(SetupSchedule.triesMax)))))
    from (
      select merchant_id, id from setup_intent where next_try_at < now()
      order by next_try_at limit 1 for update skip locked
    ) due
    where s.merchant_id = due.merchant_id and s.id = due.id
    returning s.merchant_id, s.id
    """
  }
}
