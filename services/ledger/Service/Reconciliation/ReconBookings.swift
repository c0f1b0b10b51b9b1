import LedgerCore
import Money
import Postgres
import ReportFormats
import ServiceKit

/// Something that a report proves and the books do not have.
struct ReconCandidate: Sendable {
  enum Part: String, Sendable { case line, fee, payout }

  var part: Part
  var file: ReconFileID
  /// Of a line and of the fee within it.
  var line: Int32?
  /// Of a payout without a line of its own.
  var batch: String?
  var amount: Amount
  var command: PostingCommand
}

/// The SQL of what reconciliation books from reports. Candidates are read in the order of files and
/// lines, each from behind the last one: whatever cannot be booked holds up nothing.
struct ReconBookings: Sendable {
  /// Where the next page begins.
  typealias Place = (file: ReconFileID, line: Int32, batch: String)
  static var start: Place { (ReconFileID(bits: 0), 0, "") }

  let book: ReconBook
  private var account: GatewayAccount { book.account }

  init(_ book: ReconBook) { self.book = book }

  /// Each row by its key, in the order of the keys, whatever the planner thinks of how many there are: a
  /// page is one of thousands, and the sets change by the million.
  static func byKeys() -> Statement {
    """
    select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
      set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
      set_config('enable_sort', 'off', true), set_config('jit', 'off', true),
      set_config('plan_cache_mode', 'force_custom_plan', true)
    """
  }

  /// The merchants that have something on the clearing account; more than one is enough to know.
  func merchants() -> Statement {
    """
    select distinct merchant_id from account
    where shard = \(LedgerShard.only) and code = \(PostingTemplate.clearing(account))
      and livemode = \(book.isLive) limit 2
    """
  }

  /// Whether the clearing account is only in the other books; no row: it is nowhere yet.
  func isOfTheOtherBooks() -> Statement {
    """
    select bool_and(livemode <> \(book.isLive)) from account
    where shard = \(LedgerShard.only) and code = \(PostingTemplate.clearing(account))
    having count(*) > 0
    """
  }

  /// Whether there may be something to book, without looking whether it can be.
  func isAnythingOpen() -> Statement {
    let types = LineTemplate.allCases.filter(\.isAutomatic).map(\.type.rawValue)
    return """
      select exists (
          select from recon_open_fee where gateway = \(account.gateway)
            and account = \(account.account) and livemode = \(book.isLive))
        or exists (
          select from recon_open_line where gateway = \(account.gateway)
            and account = \(account.account) and livemode = \(book.isLive)
            and type = any(\(types)))
        or exists (
          select from recon_payout p where p.gateway = \(account.gateway)
            and p.account = \(account.account) and p.livemode = \(book.isLive) and not exists (
              select from recon_booking b where b.part = 'payout' and b.gateway = p.gateway
                and b.account = p.account and b.livemode = p.livemode and b.batch = p.batch
                and b.currency = p.currency))
      """
  }

  // MARK: Candidates

  private static func kind(_ row: Row, _ column: Int) throws -> ReportKind {
    guard let kind = ReportKind(rawValue: try row[column, as: String.self]) else {
      throw PostgresError(.decoding, "recon_file holds an unknown kind")
    }
    return kind
  }

  /// People have said what becomes of the line (accepted, or its difference settled): nothing more is
  /// booked for it.
  private static func isDecided(_ line: String) -> String {
    """
    exists (
      select from recon_break d where d.file_id = \(line).file_id and d.line = \(line).line
        and (d.state = 'accepted'
          or exists (select from recon_settlement s where s.break_id = d.id)))
    """
  }

  /// Lines that nothing answers, of types that a run books by itself.
  func lines(after place: Place, limit: Int64) -> Statement {
    let types = LineTemplate.allCases.filter(\.isAutomatic).map(\.type.rawValue)
    return """
      select o.file_id, o.line, o.type, o.source_references, o.currency, o.gross_minor, l.booked_on,
        o.payment_reference, o.batch, g.kind
      from recon_open_line o
      -- Each by its key, whatever the planner thinks of how many there are.
      cross join lateral (
        select booked_on from recon_line where file_id = o.file_id and line = o.line limit 1
      ) l
      cross join lateral (select kind from recon_file where id = o.file_id limit 1) g
      cross join lateral (
        select class from recon_match where file_id = o.file_id and line = o.line limit 1
      ) m
      where o.gateway = \(account.gateway) and o.account = \(account.account)
        and o.livemode = \(book.isLive) and o.type = any(\(types))
        and o.source_references <> '{}' and o.gross_minor <> 0 and m.class = 'missing_internal'
        and not \(raw: Self.isDecided("o"))
        and (o.file_id, o.line) > (\(place.file), \(place.line))
      order by o.file_id, o.line limit \(limit)
      """
  }

  func decodeLine(_ row: Row, of merchant: MerchantID) throws -> ReconCandidate? {
    let (file, line, word) = try row.decode((ReconFileID, Int32, String).self)
    let references = try row[3, as: [String].self]
    guard let type = ReportRowType(rawValue: word), let template = LineTemplate.automatic(type),
      let reference = references.first
    else { return nil }
    let amount = Amount(try row[4, as: Currency.self], minor: try row[5, as: Int64.self])
    return ReconCommands.line(
      template,
      amount,
      name: MovementName.of(
        reference,
        payment: try row[7, as: String.self],
        batch: try row[8, as: String.self],
        in: book,
        try Self.kind(row, 9)
      ),
      reference: reference,
      on: try row[6, as: CivilDate.self],
      of: merchant,
      at: account
    ).map {
      ReconCandidate(part: .line, file: file, line: line, amount: amount, command: $0)
    }
  }

  /// Fees within lines that an item answers: whose item it is pays the fee.
  func fees(after place: Place, limit: Int64) -> Statement {
    """
    select f.file_id, f.line, f.movement_reference, f.currency, f.fee_minor, f.booked_on,
      i.merchant_id, t.subject, l.payment_reference, l.batch, g.kind
    from recon_open_fee f
    cross join lateral (
      select shard, sequence, currency from recon_match
      where file_id = f.file_id and line = f.line and sequence is not null
        and class in ('matched', 'fee_mismatch') limit 1
    ) m
    cross join lateral (
      select merchant_id from recon_item
      where shard = m.shard and sequence = m.sequence and currency = m.currency
        and gateway = f.gateway and account = f.account limit 1
    ) i
    cross join lateral (
      select payment_reference, batch from recon_line
      where file_id = f.file_id and line = f.line limit 1
    ) l
    cross join lateral (select kind from recon_file where id = f.file_id limit 1) g
    cross join lateral (
      select subject from transaction where shard = m.shard and sequence = m.sequence limit 1
    ) t
    where f.gateway = \(account.gateway) and f.account = \(account.account)
      and f.livemode = \(book.isLive) and f.movement_reference <> ''
      and (f.file_id, f.line) > (\(place.file), \(place.line))
    order by f.file_id, f.line limit \(limit)
    """
  }

  func decodeFee(_ row: Row) throws -> ReconCandidate? {
    let (file, line, reference) = try row.decode((ReconFileID, Int32, String).self)
    let fee = Amount(try row[3, as: Currency.self], minor: try row[4, as: Int64.self])
    guard let amount = try? fee.negated() else { return nil }
    return ReconCommands.fee(
      fee,
      name: MovementName.of(
        reference,
        payment: try row[8, as: String.self],
        batch: try row[9, as: String.self],
        in: book,
        try Self.kind(row, 10)
      ),
      reference: reference,
      on: try row[5, as: CivilDate.self],
      of: try row[6, as: MerchantID.self],
      subject: try row[7, as: String.self],
      at: account
    ).map {
      ReconCandidate(part: .fee, file: file, line: line, amount: amount, command: $0)
    }
  }

  /// Payouts that somebody has named, that their lines come to, and that no line and no item is about.
  func payouts(after place: Place, limit: Int64) -> Statement {
    """
    with twice as (
      select l.batch, l.net_currency, sum(l.net_minor)::bigint as net
      from recon_match m join recon_line l on l.file_id = m.file_id and l.line = m.line
      where m.gateway = \(account.gateway) and m.account = \(account.account)
        and m.livemode = \(book.isLive) and m.class = 'duplicate'
        and l.type not in ('payout', 'payoutReversed')
      group by l.batch, l.net_currency
    )
    select p.file_id, p.batch, p.currency, p.net_minor, p.paid_on, g.kind
    from recon_payout p
    join recon_file g on g.id = p.file_id
    join recon_batch n on n.gateway = p.gateway and n.account = p.account
      and n.livemode = p.livemode and n.batch = p.batch and n.currency = p.currency
    -- A line that came twice was paid out once, as the breaks have it (`ReconBreaks`).
    left join twice w on w.batch = n.batch and w.net_currency = n.currency
    where n.net_minor - coalesce(w.net, 0) = p.net_minor
      and p.gateway = \(account.gateway) and p.account = \(account.account)
      and p.livemode = \(book.isLive) and \(raw: Self.isUnbookedPayout)
      and (p.file_id, p.batch) > (\(place.file), \(place.batch))
    order by p.file_id, p.batch limit \(limit)
    """
  }

  /// Nothing in books or reports is about the payout that was named.
  private static let isUnbookedPayout = """
    p.net_minor <> 0
      and not exists (
        select from recon_booking b where b.part = 'payout' and b.gateway = p.gateway
          and b.account = p.account and b.livemode = p.livemode and b.batch = p.batch
          and b.currency = p.currency)
      and not exists (
        select from recon_item i where i.external_reference <> ''
          and i.external_reference = p.batch and i.gateway = p.gateway and i.account = p.account
          and i.livemode = p.livemode and i.kind = 'payout')
      and not exists (
        select from recon_line l where l.gateway = p.gateway and l.account = p.account
          and l.batch = p.batch and l.livemode = p.livemode and l.type = 'payout')
    """

  /// Payouts that were named and are not booked: how many, and one of them. No line and no item is there
  /// that could be a break.
  func unbookedPayouts() -> Statement {
    """
    select count(*), coalesce(min(p.batch), '') from recon_payout p
    where p.gateway = \(account.gateway) and p.account = \(account.account)
      and p.livemode = \(book.isLive) and \(raw: Self.isUnbookedPayout)
    """
  }

  func decodePayout(_ row: Row, of merchant: MerchantID) throws -> ReconCandidate? {
    let (file, batch) = try row.decode((ReconFileID, String).self)
    let net = Amount(try row[2, as: Currency.self], minor: try row[3, as: Int64.self])
    guard let amount = try? net.negated() else { return nil }
    return ReconCommands.line(
      .payout,
      amount,
      name: MovementName.of(batch, payment: "", batch: batch, in: book, try Self.kind(row, 5)),
      reference: batch,
      on: try row[4, as: CivilDate.self],
      of: merchant,
      at: account
    ).map {
      ReconCandidate(part: .payout, file: file, batch: batch, amount: amount, command: $0)
    }
  }

  /// How many of the candidates are open still: read before the turn was taken, they may be old.
  func stillOpen(_ part: ReconCandidate.Part, _ candidates: [ReconCandidate]) -> Statement {
    let files = candidates.map(\.file)
    let lines = candidates.map { $0.line ?? 0 }
    switch part {
    case .line:
      return """
        select count(*) from unnest(\(files), \(lines)) u(file_id, line)
        join recon_match m on m.file_id = u.file_id and m.line = u.line
        where m.class = 'missing_internal' and not \(raw: Self.isDecided("u"))
        """
    case .fee:
      return """
        select count(*) from unnest(\(files), \(lines)) u(file_id, line)
        join recon_open_fee f on f.gateway = \(account.gateway)
          and f.account = \(account.account) and f.livemode = \(book.isLive)
          and f.file_id = u.file_id and f.line = u.line
        """
    case .payout:
      return """
        select count(*) from unnest(\(candidates.map { $0.batch ?? "" }),
          \(candidates.map(\.amount.currency))) u(batch, currency)
        where not exists (
          select from recon_booking b where b.part = 'payout' and b.gateway = \(account.gateway)
            and b.account = \(account.account) and b.livemode = \(book.isLive)
            and b.batch = u.batch and b.currency = u.currency)
        """
    }
  }

  // MARK: Facts

  static func insert(
    _ candidates: [ReconCandidate],
    of book: ReconBook,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    Statement(
      sql: """
        insert into recon_booking (transaction_id, gateway, account, livemode, part, file_id, line,
          batch, kind, currency, amount_minor, merchant_id, booked_at, actor, trace_id)
        select u.id, $1, $2, $3, u.part, u.file_id, u.line, u.batch, u.kind, u.currency, u.amount,
          u.merchant, $4, $5, $6
        from unnest($7, $8, $9, $10, $11, $12, $13, $14, $15)
          u(id, part, file_id, line, batch, kind, currency, amount, merchant)
        on conflict do nothing
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      now,
      stamp.actor,
      stamp.traceID,
      candidates.map(\.command.id),
      candidates.map(\.part.rawValue),
      candidates.map(\.file),
      candidates.map(\.line),
      candidates.map(\.batch),
      candidates.map(\.command.kind),
      candidates.map(\.amount.currency),
      candidates.map(\.amount.minor),
      candidates.map { $0.command.merchant ?? MerchantID(bits: 0) }
    )
  }

  /// Fees that nobody has booked, by currency; what was reported twice has none.
  func unbookedFees() -> Statement {
    """
    select f.currency::text, sum(f.fee_minor)::bigint from recon_open_fee f
    left join recon_match m on m.file_id = f.file_id and m.line = f.line
    where f.gateway = \(account.gateway) and f.account = \(account.account)
      and f.livemode = \(book.isLive) and m.class is distinct from 'duplicate'
    group by f.currency
    """
  }
}
