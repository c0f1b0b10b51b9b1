import LedgerCore
import Postgres

/// The ladder in SQL. Mostly everything agrees in everything: these lines meet their items in the open
/// sets themselves. Of what is left, the keys that open lines and open items have in common go to
/// `recon_key`; then each step pairs all that meets there. It reads the open sets and nothing else.
/// A line has at most ten keys and there are seven families: at most 70 steps for each fit, mostly one
/// or two.
extension ReconSteps {
  func climb(in transaction: borrowing Transaction) async throws {
    // Open sets change by the million while nothing is known of them to the planner: for what it
    // takes to be few rows it would compare each with each.
    _ = try await transaction.query("select set_config('enable_nestloop', 'off', true)")
    let common = try await transaction.query(footholds()).map(Self.foothold)
    if !common.isEmpty {
      _ = try await transaction.batch(
        MatchLadder.steps(.exact, over: common).map { pairExactly($0) } + [keys()]
      )
      for fit in MatchFit.allCases where fit != .exact {
        let left = try await transaction.query(footholdsLeft()).map(Self.foothold)
        if left.isEmpty { break }
        _ = try await transaction.batch(MatchLadder.steps(fit, over: left).map { pair($0) })
      }
      _ = try await transaction.query("delete from recon_key where run_id = \(run)")
    }
    _ = try await transaction.query("select set_config('enable_nestloop', 'on', true)")
  }

  private static func foothold(_ row: Row) throws -> MatchLadder.Foothold {
    let (rung, place, family) = try row.decode((Int16, Int16, String).self)
    guard let rung = MatchRung(rawValue: rung),
      let family = ReconPairing.Family(rawValue: family)
    else { throw PostgresError(.decoding, "recon_key holds an unknown word") }
    return (rung, Int(place), family)
  }

  // MARK: Keys

  /// Lines that were not set aside, nor paired by a step before.
  static let isLeft = """
    l.gateway = $1 and l.account = $2 and l.livemode = $3 and not exists (
      select from recon_match m
      where m.gateway = $1 and m.account = $2 and m.livemode = $3 and m.class <> 'matched'
        and m.file_id = l.file_id and m.line = l.line)
    """
  private static let families = """
    with pairing as (
      select * from unnest($4, $5, $6) u(type, family, kind)
    ), family as (
      select distinct type, family from pairing
    )
    """
  private static let byMovement = """
    from (
      select l.file_id, l.line, l.type, l.currency, l.gross_minor, unnest(l.movement_ids) as key,
        generate_subscripts(l.movement_ids, 1) as place
      from recon_open_line l where \(isLeft)
    ) l
    join family f on f.type = l.type
    where exists (
      select from recon_open_item i join pairing p on p.kind = i.kind
      where i.gateway = $1 and i.account = $2 and i.livemode = $3
        and i.transaction_id = l.key and p.family = f.family)
    """
  /// The payment's reference stands behind the movement's own.
  private static let byReference = """
    from (
      select l.file_id, l.line, l.type, l.currency, l.gross_minor,
        cardinality(l.source_references) as sources,
        unnest(l.source_references || l.payment_reference) as key,
        generate_subscripts(l.source_references || l.payment_reference, 1) as place
      from recon_open_line l where \(isLeft)
    ) l
    join family f on f.type = l.type
    where l.key <> '' and exists (
      select from recon_open_item i join pairing p on p.kind = i.kind
      where i.gateway = $1 and i.account = $2 and i.livemode = $3
        and i.external_reference = l.key and p.family = f.family)
    """
  private static let movementPlace = "1::smallint as rung, l.place::smallint as place, f.family"
  private static let referencePlace = """
    (case when l.place > l.sources then 3 else 2 end)::smallint as rung,
      (case when l.place > l.sources then 1 else l.place end)::smallint as place, f.family
    """

  /// What open lines and open items have in common, before the first step.
  private func footholds() -> Statement {
    familyStatement(
      """
      \(Self.families)
      select distinct \(Self.movementPlace) \(Self.byMovement)
      union all
      select distinct \(Self.referencePlace) \(Self.byReference)
      """
    )
  }

  /// The same, line by line, of what did not agree in everything. The class is the step's (the release
  /// before reads the column).
  private func keys() -> Statement {
    let line = "l.file_id, l.line, l.key::text, l.type, l.currency, l.gross_minor, ''"
    return familyStatement(
      """
      insert into recon_key (run_id, rung, place, family, file_id, line, key, type, currency,
        gross_minor, class)
      \(Self.families)
      select $7, \(Self.movementPlace), \(line) \(Self.byMovement)
      union all
      select $7, \(Self.referencePlace), \(line) \(Self.byReference)
      """,
      run
    )
  }

  private func footholdsLeft() -> Statement {
    "select distinct rung, place, family from recon_key where run_id = \(run)"
  }

  private func familyStatement(_ sql: String, _ run: ReconRunID? = nil) -> Statement {
    let (types, kinds) = (pairings.map(\.type), pairings.map(\.kind))
    let families = pairings.map(\.family)
    guard let run else {
      return Statement(
        sql: sql, account.gateway, account.account, book.isLive, types, families, kinds)
    }
    return Statement(
      sql: sql, account.gateway, account.account, book.isLive, types, families, kinds, run)
  }

  // MARK: Steps

  /// Items that no step before has paired.
  static let isItemLeft = """
    i.gateway = $1 and i.account = $2 and i.livemode = $3 and not exists (
      select from recon_match m
      where m.gateway = $1 and m.account = $2 and m.livemode = $3 and m.class <> 'matched'
        and m.shard = i.shard and m.sequence = i.sequence and m.currency = i.currency)
    """

  /// One step of those that do not agree in everything. Lines and items that agree in what it asks are
  /// numbered, and the same numbers meet: so each answers one of the other side.
  private func pair(_ step: MatchLadder.Step) -> Statement {
    let itemKey = step.rung == .movement ? "i.transaction_id::text" : "i.external_reference"
    let (lineParts, itemParts) = Self.parts(step.fit)
    let meets = zip(lineParts, itemParts).map { "b.\($1) = a.\($0)" }.joined(separator: " and ")
    let isOther = step.fit == .otherStatus ? "and b.type <> a.type" : ""
    let family = pairings.filter { $0.family == step.family.rawValue }
    return Statement(
      sql: """
        with pairing as (
          select * from unnest($8, $9) u(type, kind)
        ), lines as (
          select k.*, row_number() over (
            partition by \(lineParts.joined(separator: ", ")) order by g.number, k.line) as n
          from recon_key k join recon_file g on g.id = k.file_id
          where k.run_id = $4 and k.rung = $5 and k.place = $6 and k.family = $7
        ), items as (
          select i.shard, i.sequence, i.currency, i.amount_minor, p.type, \(itemKey) as key
          from recon_open_item i join pairing p on p.kind = i.kind
          where \(Self.isItemLeft)
        ), numbered as (
          select *, row_number() over (
            partition by \(itemParts.joined(separator: ", ")) order by sequence, currency) as n
          from items
        ), met as materialized (
          select a.file_id, a.line, b.shard, b.sequence, b.currency
          from lines a join numbered b on \(meets) and b.n = a.n \(isOther)
        ), noted as (
          insert into recon_match (file_id, line, gateway, account, livemode, class, rung, shard,
            sequence, currency)
          select file_id, line, $1, $2, $3, $10, $5, shard, sequence, currency from met
        )
        delete from recon_key k using met m
        where k.run_id = $4 and k.file_id = m.file_id and k.line = m.line
        """,
      account.gateway,
      account.account,
      book.isLive,
      run,
      step.rung.rawValue,
      Int16(clamping: step.place),
      step.family.rawValue,
      family.map(\.type),
      family.map(\.kind),
      step.fit.reconClass.rawValue
    )
  }

  /// What must agree, on either side, beside the family.
  static func parts(_ fit: MatchFit) -> (line: [String], item: [String]) {
    switch fit {
    case .exact:
      (["key", "type", "currency", "gross_minor"], ["key", "type", "currency", "amount_minor"])
    case .otherAmount: (["key", "type", "currency"], ["key", "type", "currency"])
    case .otherCurrency: (["key", "type"], ["key", "type"])
    case .otherStatus: (["key"], ["key"])
    }
  }
}
