import LedgerCore
import Money
import Postgres
import ReportFormats

/// The SQL that classifies the lines of an account: each statement takes all lines at once, and
/// only those that have no class yet.
struct ReconSteps: Sendable {
  let account: GatewayAccount
  let fees: [FeeSchedule.Terms]

  /// One row of the pairing table for each type and kind.
  private let types: [String]
  private let families: [String]
  private let kinds: [String]

  init(_ account: GatewayAccount, _ fees: FeeSchedule) {
    self.account = account
    self.fees = fees.terms(at: account)
    let rows = ReconPairing.all.flatMap { pairing in pairing.kinds.map { (pairing, $0) } }
    types = rows.map { $0.0.type.rawValue }
    families = rows.map { $0.0.family.rawValue }
    kinds = rows.map { $0.1.rawValue }
  }

  /// Lines that no row of `recon_match` names.
  private static let isOpenLine = """
    l.gateway = $1 and l.account = $2 and not exists (
      select from recon_match m where m.file_id = l.file_id and m.line = l.line)
    """
  static let isOpenItem = """
    not exists (
      select from recon_match m
      where m.shard = i.shard and m.sequence = i.sequence and m.currency = i.currency
        and m.gateway = i.gateway and m.account = i.account)
    """

  /// What earlier runs found, but for what has matched.
  func forget() -> Statement {
    """
    delete from recon_match
    where gateway = \(account.gateway) and account = \(account.account) and class <> 'matched'
    """
  }

  /// Takes over what the books have on the clearing accounts, through a place: sequences ascend
  /// with the commits, so nothing appears behind the last one taken.
  func takeItems(through place: UUIDBits) -> Statement {
    Statement(
      sql: """
        insert into recon_item (shard, sequence, currency, gateway, account, transaction_id,
          merchant_id, livemode, kind, external_reference, amount_minor, effective_on)
        select e.shard, e.sequence, e.currency, $1, $2, t.id, t.merchant_id, bool_or(a.livemode),
          t.kind, t.external_reference, sum(e.side * e.amount_minor)::bigint,
          (t.effective_at at time zone 'UTC')::date
        from account a
        join entry e on e.shard = a.shard and e.account_id = a.id
        join transaction t on t.shard = e.shard and t.sequence = e.sequence
        where a.shard = $3 and a.code = $4 and e.sequence <= $5 and e.sequence > coalesce((
          select i.sequence from recon_item i where i.gateway = $1 and i.account = $2
          order by i.sequence desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid)
        group by e.shard, e.sequence, e.currency, t.id, t.merchant_id, t.kind,
          t.external_reference, t.effective_at
        having sum(e.side * e.amount_minor) <> 0
        """,
      account.gateway,
      account.account,
      LedgerShard.only,
      PostingTemplate.clearing(account),
      place
    )
  }

  /// Before any pairing: types that no booking is known for, and what was reported before.
  func setAside() -> [Statement] {
    [
      Statement(
        sql: """
          insert into recon_match (file_id, line, gateway, account, class)
          select l.file_id, l.line, $1, $2, 'unknown_type' from recon_line l
          where l.type <> all ($3) and \(Self.isOpenLine)
          """,
        account.gateway,
        account.account,
        types
      ),
      Statement(
        sql: """
          insert into recon_match (file_id, line, gateway, account, class)
          select l.file_id, l.line, $1, $2, 'duplicate' from recon_line l
          where l.movement_reference <> '' and \(Self.isOpenLine) and exists (
            select from recon_line e
            where e.gateway = $1 and e.account = $2
              and e.movement_reference = l.movement_reference and e.type_text = l.type_text
              and e.payment_reference = l.payment_reference and e.batch = l.batch
              and e.currency = l.currency and (e.file_id, e.line) < (l.file_id, l.line))
          """,
        account.gateway,
        account.account
      ),
    ]
  }

  /// One step of the ladder. Lines and items that agree in what the step asks are numbered, and the
  /// same numbers meet: so each answers one of the other side.
  func pair(_ step: MatchLadder.Step) -> Statement {
    let lineKey: String
    let itemKey: String
    switch step.rung {
    case .movement: (lineKey, itemKey) = ("unnest(l.movement_ids)", "i.transaction_id")
    case .source: (lineKey, itemKey) = ("unnest(l.source_references)", "i.external_reference")
    case .payment:
      (lineKey, itemKey) = ("nullif(l.payment_reference, '')", "i.external_reference")
    }
    let (lineParts, itemParts) = Self.parts(step.fit)
    let meets = zip(lineParts, itemParts).map { "b.\($1) = a.\($0)" }.joined(separator: " and ")
    let isOther = step.fit == .otherStatus ? "and b.type <> a.type" : ""
    let label = step.fit == .exact ? "a.class" : "'\(step.fit.reconClass.rawValue)'"
    return Statement(
      sql: """
        insert into recon_match (file_id, line, gateway, account, class, rung, shard, sequence,
          currency)
        with pairing as (
          select * from unnest($3, $4, $5) u(type, family, kind)
        ), fee as (
          select * from unnest($6, $7, $8, $9) u(currency, basis_points, fixed, tolerance)
        ), lines as (
          select x.*, row_number() over (
            partition by \(lineParts.joined(separator: ", ")) order by file_id, line) as n
          from (
            select l.file_id, l.line, l.type, f.family, l.currency, l.gross_minor,
              \(lineKey) as key, \(Self.exactClass) as class
            from recon_line l
            join (select distinct type, family from pairing) f on f.type = l.type
            left join fee s on s.currency = l.currency and l.net_currency = l.currency
              and l.type = 'captured'
            where \(Self.isOpenLine)
          ) x where key is not null
        ), items as (
          select i.shard, i.sequence, i.currency, i.amount_minor, p.type, p.family,
            \(itemKey) as key
          from recon_item i join pairing p on p.kind = i.kind
          where i.gateway = $1 and i.account = $2 and \(Self.isOpenItem)
        ), numbered as (
          select *, row_number() over (
            partition by \(itemParts.joined(separator: ", ")) order by sequence) as n
          from items
        ), met as (
          select distinct on (a.file_id, a.line) a.file_id, a.line, \(label) as class, b.shard,
            b.sequence, b.currency
          from lines a join numbered b on \(meets) and b.n = a.n \(isOther)
          order by a.file_id, a.line, b.sequence
        )
        select distinct on (shard, sequence, currency) file_id, line, $1, $2, class,
          \(step.rung.rawValue), shard, sequence, currency
        from met order by shard, sequence, currency, file_id, line
        """,
      account.gateway,
      account.account,
      types,
      families,
      kinds,
      fees.map(\.currency),
      fees.map(\.basisPoints),
      fees.map(\.fixedMinor),
      fees.map(\.toleranceMinor)
    )
  }

  /// What must agree, on either side.
  private static func parts(_ fit: MatchFit) -> (line: [String], item: [String]) {
    switch fit {
    case .exact:
      (
        ["key", "type", "currency", "gross_minor"], ["key", "type", "currency", "amount_minor"]
      )
    case .otherAmount: (["key", "type", "currency"], ["key", "type", "currency"])
    case .otherCurrency: (["key", "type"], ["key", "type"])
    case .otherStatus: (["key", "family"], ["key", "family"])
    }
  }

  /// `FeeSchedule.Terms.expectedMinor`; null without terms.
  static let expectedFee = """
    (floor((l.gross_minor::numeric * s.basis_points + 5000) / 10000) + s.fixed)
    """

  /// `FeeSchedule.Terms.allows`, and that the line adds up. Without terms in the currency that the
  /// fee was taken in nothing was agreed.
  private static let exactClass = """
    case when not l.adds or abs(l.fee_minor - \(expectedFee)) > s.tolerance
      then 'fee_mismatch' else 'matched' end
    """

  /// What is left is not booked; a reversal whose payment nobody knows is an orphan.
  func closeLines() -> Statement {
    let reversals = ReconPairing.all.filter(\.isReversal).map(\.type.rawValue)
    return Statement(
      sql: """
        insert into recon_match (file_id, line, gateway, account, class)
        select l.file_id, l.line, $1, $2, case
          when l.type = any ($3) and l.payment_reference <> '' and not exists (
              select from recon_item i where i.gateway = $1 and i.account = $2
                and i.external_reference = l.payment_reference)
            and not exists (
              select from recon_line o where o.gateway = $1 and o.account = $2
                and o.payment_reference = l.payment_reference and o.type = 'captured')
          then 'orphan_reversal' else 'missing_internal' end
        from recon_line l where \(Self.isOpenLine)
        """,
      account.gateway,
      account.account,
      reversals
    )
  }
}
