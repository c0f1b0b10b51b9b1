import LedgerCore
import Money
import Postgres
import ServiceKit

/// Makes breaks of what should have been paid out: `missing_external`, for each booking that no
/// report has answered, as a run of reconciliation would. So they are found also where no report
/// ever comes; where reports come, runs resolve them. Where none has come, what is paid by now is
/// resolved here.
struct ForecastOverdue: Sendable {
  /// Bookings of one look; the oldest first. The next day's forecast goes on.
  static let itemsMax: Int64 = 5_000

  let environment: ServiceEnvironment
  let settings: ForecastSettings
  let lease: WorkerLease

  typealias Late = (currency: Currency, overdue: SettlementForecast.Overdue)

  /// False when the lease was lost.
  func settle(_ book: ReconBook, _ late: [Late], _ today: CivilDate) async throws -> Bool {
    guard try await isAnythingToDo(book, late) else { return true }
    while let taken = try await takeItems(book) {
      if !taken { return false }
    }
    let now = try await environment.database.query(ForecastStore.now()).single()[
      0,
      as: Timestamp.self
    ]
    return try await environment.database.transaction { transaction in
      let turn = try await transaction.batch([
        lease.renewal(), ReconTurn.lock(book.account), ReconAlerts.lock(book),
      ])
      guard turn[0].affected == 1 else { return false }
      let items = try await transaction.query(overdueItems(book, late))
      if !items.isEmpty {
        _ = try await transaction.batch([
          try open(book, items, at: now), try reopen(book, items, at: now),
        ])
      }
      if items.count < Int(Self.itemsMax) {
        _ = try await transaction.query(try resolve(book, items, at: now))
      }
      let left = try await transaction.query(ReconBreakStore.open(book, today))
      _ = try await transaction.query(
        ReconAlerts.breaks(book, try ReconOpenBreaks(try left.single()))
      )
      return true
    }
  }

  private func isAnythingToDo(_ book: ReconBook, _ late: [Late]) async throws -> Bool {
    if !late.isEmpty { return true }
    return try await !environment.database.query(
      """
      select 1 from recon_break
      where gateway = \(book.account.gateway) and account = \(book.account.account)
        and livemode = \(book.isLive) and class = 'missing_external' and state <> 'resolved'
        and \(raw: Self.noReport) limit 1
      """
    ).isEmpty
  }

  /// A piece of what the books have, as a run takes it over: nil when all is, false without the
  /// lease.
  private func takeItems(_ book: ReconBook) async throws -> Bool? {
    let steps = ReconSteps(environment.identifiers.make(ReconRunID.self), book, FeeSchedule())
    return try await environment.database.transaction { transaction in
      let head = try await transaction.batch([
        lease.renewal(), ReconTurn.lock(book.account), HistoryStore.end(), steps.lastTaken(),
      ])
      guard head[0].affected == 1 else { return false }
      let last = try head[3].single()[0, as: UUIDBits.self]
      let end = try await transaction.query(
        ClearingPages.end(
          book.account,
          after: last,
          through: try head[2].single()[0, as: UUIDBits.self]
        )
      )
      guard let place = try end.first?[0, as: UUIDBits.self] else { return nil }
      _ = try await transaction.query(steps.takeItems(after: last, through: place))
      // A piece whose entries cancel out leaves no item, and would come again.
      let now = try await transaction.query(steps.lastTaken()).single()[0, as: UUIDBits.self]
      return now == last ? nil : true
    }
  }

  // MARK: SQL

  /// Of the day's bookings the last ones: the gateway pays what it has held longest. Sequence,
  /// currency, merchant, amount, day.
  private func overdueItems(_ book: ReconBook, _ late: [Late]) -> Statement {
    Statement(
      sql: """
        with late as (
          select * from unnest($4::date[], $5::text[], $6::bigint[], $7::integer[], $9::text[])
            u(day, currency, open_minor, minute, method)
        ), items as (
          select i.sequence, i.currency, i.merchant_id, i.amount_minor, i.effective_on,
            l.open_minor, sum(i.amount_minor) over (
              partition by l.day, l.currency, l.method order by i.sequence desc)
              - i.amount_minor as later
          from late l join recon_open_item i on i.currency::text = l.currency
            -- By the cut-off a day begins on the day before.
            and i.effective_on between l.day - 1 and l.day
          cross join lateral (
            select t.effective_at, \(ForecastStore.method(parameter: 10)) as method
            from transaction t where t.shard = i.shard and t.sequence = i.sequence limit 1
          ) t
          -- The piece of the books with which the forecast has taken it over.
          cross join lateral (
            select through from forecast_flow
            where gateway = $1 and account = $2 and through >= i.sequence order by through limit 1
          ) p
          where i.gateway = $1 and i.account = $2 and i.livemode = $3 and i.amount_minor > 0
            and (t.effective_at at time zone 'UTC'
              + make_interval(mins => 1440 - l.minute))::date = l.day
            -- The release before took all of a piece for unknown, whatever it says.
            and case when exists (
                select from forecast_flow f where f.gateway = $1 and f.account = $2
                  and f.through = p.through and f.method = t.method)
              then t.method else '\(PaidMethod.unknown.rawValue)' end = l.method
            and \(ReconSteps.isOpenItem)
            -- What people have settled, and what settles it, asks for nothing more.
            and not exists (
              select from recon_settlement s where s.transaction_id = i.transaction_id)
            and not exists (
              select from recon_break d join recon_settlement s on s.break_id = d.id
              where d.file_id is null and d.shard = i.shard and d.sequence = i.sequence
                and d.item_currency = i.currency and d.gateway = i.gateway
                and d.account = i.account)
        )
        select sequence, currency::text, merchant_id, amount_minor, effective_on from items
        where later < open_minor order by sequence limit $8
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      late.map(\.overdue.day),
      late.map(\.currency.code),
      late.map(\.overdue.openMinor),
      late.map {
        Int32(settings.contracts.terms(of: book.account, $0.currency).cutOffMinute)
      },
      Self.itemsMax,
      late.map(\.overdue.method.rawValue),
      PaidMethod.words
    )
  }

  private func open(_ book: ReconBook, _ items: Rows, at now: Timestamp) throws -> Statement {
    let stamp = environment.stamp
    return Statement(
      sql: """
        insert into recon_break (id, gateway, account, livemode, class, shard, sequence,
          item_currency, merchant_id, currency, booked_minor, occurred_on, state, opened_at,
          updated_at, actor, trace_id)
        select u.id, $1, $2, $3, 'missing_external', $4, u.sequence, u.currency::char(3),
          u.merchant, u.currency::char(3), u.amount, u.day, 'opened', $5, $5, $6, $7
        from unnest($8::uuid[], $9::uuid[], $10::text[], $11::uuid[], $12::bigint[], $13::date[])
          u(id, sequence, currency, merchant, amount, day)
        on conflict do nothing
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      LedgerShard.only,
      now,
      stamp.actor,
      stamp.traceID,
      items.map { _ in environment.identifiers.make(ReconBreakID.self) },
      try sequences(items),
      try items.map { try $0[1, as: String.self] },
      try items.map { try $0[2, as: MerchantID.self] },
      try items.map { try $0[3, as: Int64.self] },
      try items.map { try $0[4, as: CivilDate.self] }
    )
  }

  private func reopen(_ book: ReconBook, _ items: Rows, at now: Timestamp) throws -> Statement {
    """
    update recon_break set state = 'reopened', version = version + 1, updated_at = \(now),
      actor = \(environment.stamp.actor), trace_id = \(environment.stamp.traceID)
    where gateway = \(book.account.gateway) and account = \(book.account.account)
      and livemode = \(book.isLive) and file_id is null and state = 'resolved'
      and shard = \(LedgerShard.only) and sequence = any(\(try sequences(items)))
    """
  }

  private func resolve(_ book: ReconBook, _ items: Rows, at now: Timestamp) throws -> Statement {
    """
    update recon_break set state = 'resolved', snoozed_until = null, version = version + 1,
      updated_at = \(now), actor = \(environment.stamp.actor),
      trace_id = \(environment.stamp.traceID)
    where gateway = \(book.account.gateway) and account = \(book.account.account)
      and livemode = \(book.isLive) and class = 'missing_external' and file_id is null
      and state <> 'resolved' and sequence <> all(\(try sequences(items)))
      and \(raw: Self.noReport)
    """
  }

  /// Where reports come, a run alone says what is answered.
  private static let noReport = """
    not exists (
      select from recon_file f where f.gateway = recon_break.gateway
        and f.account = recon_break.account and f.livemode = recon_break.livemode)
    """

  private func sequences(_ items: Rows) throws -> [UUIDBits] {
    try items.map { try $0[0, as: UUIDBits.self] }
  }
}
