import LedgerCore
import Money
import Postgres
import ServiceKit

/// A book's forecast of one currency is one of these.
struct ForecastKey: Sendable, Hashable {
  var book: ReconBook
  var currency: Currency
}

/// The SQL of the forecast.
enum ForecastStore {
  /// Days of movements that are told apart; what was before is of the first of them.
  static let historyDays = 400
  /// Forecasts of one answer.
  static let forecastsMax = 200
  /// Scores of one answer.
  static let scoresMax: Int64 = 100_000
  /// Days back whose forecasts may still be scored.
  static let scoringDays = 40

  static func now() -> Statement { "select clock_timestamp()" }

  static func lastTaken(_ account: GatewayAccount) -> Statement {
    """
    select coalesce((
      select through from forecast_flow
      where gateway = \(account.gateway) and account = \(account.account)
      order by through desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid)
    """
  }

  /// Takes a piece of the books over: what moved, by the day on which it took effect at the
  /// gateway.
  static func take(
    _ account: GatewayAccount,
    after last: UUIDBits,
    through place: UUIDBits,
    cutOffs: [(currency: Currency, minute: Int)]
  ) -> Statement {
    Statement(
      sql: """
        insert into forecast_flow (gateway, account, livemode, currency, method, day, through,
          in_minor, out_minor, fee_minor, paid_minor)
        select $1, $2, m.livemode, m.currency, m.method, m.day, $6,
          coalesce(sum(m.amount) filter (where m.amount > 0), 0)::bigint,
          coalesce(-sum(m.amount) filter (
            where m.amount < 0 and m.kind not in ('fee', 'payout')), 0)::bigint,
          coalesce(-sum(m.amount) filter (where m.amount < 0 and m.kind = 'fee'), 0)::bigint,
          coalesce(-sum(m.amount) filter (where m.amount < 0 and m.kind = 'payout'), 0)::bigint
        from (
          select a.livemode, e.currency, e.side * e.amount_minor as amount, t.kind,
            \(method(parameter: 9)) as method,
            (t.effective_at at time zone 'UTC'
              + make_interval(mins => 1440 - coalesce(c.minute, 1440)))::date as day
          from account a
          join entry e on e.shard = a.shard and e.account_id = a.id
          -- Each by its key, whatever the planner thinks of how many there are.
          cross join lateral (
            select kind, effective_at, metadata_keys, metadata_values from transaction
            where shard = e.shard and sequence = e.sequence limit 1
          ) t
          left join unnest($7::text[], $8::integer[]) c(currency, minute)
            on c.currency = e.currency::text
          where a.shard = $3 and a.code = $4 and e.sequence > $5 and e.sequence <= $6
        ) m group by m.livemode, m.currency, m.method, m.day
        """,
      account.gateway,
      account.account,
      LedgerShard.only,
      PostingTemplate.clearing(account),
      last,
      place,
      cutOffs.map(\.currency.code),
      cutOffs.map { Int32($0.minute) },
      PaidMethod.words
    )
  }

  /// How a transaction `t` was paid, of the words in a parameter.
  static func method(parameter number: Int) -> String {
    let key = TransactionMetadata.paymentMethodKey
    let value = "t.metadata_values[array_position(t.metadata_keys, '\(key)')]"
    return "case when \(value) = any($\(number)::text[]) then \(value)"
      + " else '\(PaidMethod.unknown.rawValue)' end"
  }

  /// Gateway, account, livemode, currency and what `ClearingFlow` holds, in the order of these.
  /// Without a book: of every one. What takes effect after `last` is left out.
  static func flows(
    _ account: GatewayAccount?,
    isLive: Bool?,
    _ currency: Currency?,
    through last: CivilDate
  ) -> Statement {
    """
    select gateway, account, livemode, currency::text as code,
      greatest(day, \(last)::date - \(Int32(historyDays))) as flow_day, sum(in_minor)::bigint,
      sum(out_minor)::bigint, sum(fee_minor)::bigint, sum(paid_minor)::bigint, method
    from forecast_flow
    where (\(account == nil) or (gateway = \(account?.gateway ?? "")
        and account = \(account?.account ?? "")))
      and (\(isLive == nil) or livemode = \(isLive ?? false))
      and (\(currency == nil) or currency::text = \(currency?.code ?? "")) and day <= \(last)
    group by gateway, account, livemode, code, flow_day, method
    order by gateway, account, livemode, code, flow_day, method
    """
  }

  static func histories(_ rows: Rows) throws -> [(key: ForecastKey, history: ClearingHistory)] {
    var flows: [(key: ForecastKey, flows: [ClearingFlow])] = []
    for row in rows {
      let key = try self.key(row)
      if flows.last?.key != key { flows.append((key, [])) }
      flows[flows.count - 1].flows.append(
        ClearingFlow(
          try row[4, as: CivilDate.self],
          // A newer release may tell more apart.
          PaidMethod(rawValue: try row[9, as: String.self]) ?? .unknown,
          in: try row[5, as: Int64.self],
          out: try row[6, as: Int64.self],
          fee: try row[7, as: Int64.self],
          paid: try row[8, as: Int64.self]
        )
      )
    }
    return flows.map { ($0.key, ClearingHistory($0.flows)) }
  }

  /// Gateway, account, livemode, currency.
  private static func key(_ row: Row) throws -> ForecastKey {
    let (gateway, account, isLive, code) = try row.decode((String, String, Bool, String).self)
    guard let currency = Currency(code) else {
      throw PostgresError(.decoding, "a forecast is in an unknown currency")
    }
    return ForecastKey(
      book: ReconBook(GatewayAccount(gateway: gateway, account: account), isLive: isLive),
      currency: currency
    )
  }

  // MARK: Forecasts

  /// Livemode and currency of the forecasts of a day.
  static func made(_ account: GatewayAccount, on day: CivilDate) -> Statement {
    """
    select gateway, account, livemode, currency::text from forecast
    where gateway = \(account.gateway) and account = \(account.account) and made_on = \(day)
    """
  }

  static func decodeKeys(_ rows: Rows) throws -> Set<ForecastKey> {
    Set(try rows.map { try key($0) })
  }

  static func insert(
    _ forecast: SettlementForecast,
    _ key: ForecastKey,
    on day: CivilDate,
    _ stamp: Stamp
  ) -> [Statement] {
    let (account, lags) = (key.book.account, forecast.lags)
    let head: Statement = """
      insert into forecast (gateway, account, livemode, currency, made_on, open_minor, fees_minor,
        overdue_minor, lag_source, observations, lag_p10_days, lag_p50_days, lag_p90_days, actor,
        trace_id)
      values (\(account.gateway), \(account.account), \(key.book.isLive),
        \(key.currency.code)::char(3), \(day), \(forecast.openMinor), \(forecast.feesMinor), \(forecast.overdueMinor),
        \(lags.source.rawValue), \(Int32(clamping: lags.observations)),
        \(Int32(lags.quantile(0.1))), \(Int32(lags.quantile(0.5))), \(Int32(lags.quantile(0.9))), \(stamp.actor),
        \(stamp.traceID))
      """
    let days = Statement(
      sql: """
        insert into forecast_day (gateway, account, livemode, currency, made_on, day, p10_minor,
          p50_minor, p90_minor)
        select $1, $2, $3, $4::char(3), $5, u.day, u.p10, u.p50, u.p90
        from unnest($6::date[], $7::bigint[], $8::bigint[], $9::bigint[]) u(day, p10, p50, p90)
        """,
      account.gateway,
      account.account,
      key.book.isLive,
      key.currency.code,
      day,
      forecast.days.map(\.day),
      forecast.days.map(\.p10Minor),
      forecast.days.map(\.p50Minor),
      forecast.days.map(\.p90Minor)
    )
    return forecast.days.isEmpty ? [head] : [head, days]
  }

  /// Forecasts that may not be scored to their end: livemode, currency, the day they were made on,
  /// and their days; the day is null for a forecast of nothing.
  static func unscored(_ account: GatewayAccount, today: CivilDate) -> Statement {
    """
    select f.gateway, f.account, f.livemode, f.currency::text, f.made_on, d.day, d.p10_minor,
      d.p50_minor, d.p90_minor
    from forecast f left join forecast_day d on d.gateway = f.gateway and d.account = f.account
      and d.livemode = f.livemode and d.currency = f.currency and d.made_on = f.made_on
    where f.gateway = \(account.gateway) and f.account = \(account.account)
      and f.made_on >= \(today)::date - \(Int32(scoringDays)) and f.made_on < \(today)
    order by f.livemode, f.currency, f.made_on, d.day
    """
  }

  static func decodeUnscored(
    _ rows: Rows
  ) throws -> [ForecastKey: [CivilDate: [SettlementForecast.Day]]] {
    var found: [ForecastKey: [CivilDate: [SettlementForecast.Day]]] = [:]
    for row in rows {
      let (key, madeOn) = (try key(row), try row[4, as: CivilDate.self])
      var days = found[key]?[madeOn] ?? []
      if let day = try row[5, as: CivilDate?.self] {
        days.append(
          SettlementForecast.Day(
            day,
            p10: try row[6, as: Int64.self],
            p50: try row[7, as: Int64.self],
            p90: try row[8, as: Int64.self]
          )
        )
      }
      found[key, default: [:]][madeOn] = days
    }
    return found
  }

  /// What is scored already stays as it was.
  static func insert(_ scores: [ForecastScore], _ key: ForecastKey) -> Statement {
    Statement(
      sql: """
        insert into forecast_score (gateway, account, livemode, currency, made_on, day,
          horizon_days, p10_minor, p50_minor, p90_minor, actual_minor)
        select $1, $2, $3, $4::char(3), u.made_on, u.day, u.horizon, u.p10, u.p50, u.p90, u.actual
        from unnest($5::date[], $6::date[], $7::integer[], $8::bigint[], $9::bigint[],
          $10::bigint[], $11::bigint[]) u(made_on, day, horizon, p10, p50, p90, actual)
        on conflict do nothing
        """,
      key.book.account.gateway,
      key.book.account.account,
      key.book.isLive,
      key.currency.code,
      scores.map(\.madeOn),
      scores.map(\.day),
      scores.map { Int32($0.horizonDays) },
      scores.map(\.p10Minor),
      scores.map(\.p50Minor),
      scores.map(\.p90Minor),
      scores.map(\.actualMinor)
    )
  }

  // MARK: Errors

  static func scores(
    _ account: GatewayAccount?,
    isLive: Bool?,
    _ currency: Currency?,
    days: Int
  ) -> Statement {
    """
    select gateway, account, livemode, currency::text as code, made_on, day, p10_minor, p50_minor,
      p90_minor, horizon_days, actual_minor
    from forecast_score
    where (\(account == nil) or (gateway = \(account?.gateway ?? "")
        and account = \(account?.account ?? "")))
      and (\(isLive == nil) or livemode = \(isLive ?? false))
      and (\(currency == nil) or currency::text = \(currency?.code ?? ""))
      and day >= (clock_timestamp() at time zone 'UTC')::date - \(Int32(days))
    order by gateway, account, livemode, code, horizon_days, day, made_on limit \(scoresMax)
    """
  }

  /// By account, currency and horizon, in the order of these.
  static func errors(
    _ rows: Rows
  ) throws -> [(key: ForecastKey, horizonDays: Int, errors: ForecastErrors)] {
    var groups: [(key: ForecastKey, horizonDays: Int, scores: [ForecastScore])] = []
    for row in rows {
      let (key, horizon) = (try key(row), Int(try row[9, as: Int32.self]))
      if groups.last.map({ $0.key != key || $0.horizonDays != horizon }) ?? true {
        groups.append((key, horizon, []))
      }
      groups[groups.count - 1].scores.append(try score(row))
    }
    return groups.compactMap { group in
      ForecastErrors(group.scores).map { (group.key, group.horizonDays, $0) }
    }
  }

  /// Of all of them together.
  static func allErrors(_ rows: Rows) throws -> ForecastErrors? {
    ForecastErrors(try rows.map { try score($0) })
  }

  private static func score(_ row: Row) throws -> ForecastScore {
    ForecastScore(
      madeOn: try row[4, as: CivilDate.self],
      horizonDays: Int(try row[9, as: Int32.self]),
      SettlementForecast.Day(
        try row[5, as: CivilDate.self],
        p10: try row[6, as: Int64.self],
        p50: try row[7, as: Int64.self],
        p90: try row[8, as: Int64.self]
      ),
      actualMinor: try row[10, as: Int64.self]
    )
  }
}
