import LedgerCore
import Postgres

/// The steps of lines and items that agree in everything: nearly all of a run. They read the open sets
/// themselves, so that a line leaves one row behind, its match.
extension ReconSteps {
  /// As `pair`; the fee is still subject to the check.
  func pairExactly(_ step: MatchLadder.Step) -> Statement {
    let keys = Self.keys(step)
    let (lineParts, itemParts) = Self.parts(.exact)
    let meets = zip(lineParts, itemParts).map { "b.\($1) = a.\($0)" }.joined(separator: " and ")
    let family = pairings.filter { $0.family == step.family.rawValue }
    return Statement(
      sql: """
        with pairing as (
          select * from unnest($5, $6) u(type, kind)
        ), fee as (
          select * from unnest($7, $8, $9, $10) u(currency, basis_points, fixed, tolerance)
        ), lines as (
          select x.*, row_number() over (
            partition by \(keys.order)\(lineParts.joined(separator: ", ")) order by number, line) as n
          from (
            select l.file_id, l.line, l.type, l.currency, l.gross_minor, \(keys.line) as key,
              g.number, \(Self.exactClass) as class
            from recon_open_line l join recon_file g on g.id = l.file_id
            left join fee s on s.currency = l.currency and l.net_currency = l.currency
              and l.type = 'captured'
            where \(Self.isLeft) and l.type = any ($5)
          ) x where \(keys.isThere)
        ), items as (
          select x.*, row_number() over (
            partition by \(keys.order)\(itemParts.joined(separator: ", ")) order by sequence, currency
            ) as n
          from (
            select i.shard, i.sequence, i.currency, i.amount_minor, p.type, \(keys.item) as key
            from recon_open_item i join pairing p on p.kind = i.kind
            where \(Self.isItemLeft)
          ) x where \(keys.isThere)
        )
        insert into recon_match (file_id, line, gateway, account, livemode, class, rung, shard,
          sequence, currency)
        select a.file_id, a.line, $1, $2, $3, a.class, $4, b.shard, b.sequence, b.currency
        from lines a join items b on \(meets) and b.n = a.n
        -- Both indexes grow at their ends, where reports follow the books.
        order by b.sequence, b.currency
        """,
      account.gateway,
      account.account,
      book.isLive,
      step.rung.rawValue,
      family.map(\.type),
      family.map(\.kind),
      fees.map(\.currency),
      fees.map(\.basisPoints),
      fees.map(\.fixedMinor),
      fees.map(\.toleranceMinor)
    )
  }

  /// Of a rung and a place: what a line and an item are called there. Texts are put into order by their
  /// hashes first: gateways' ids begin alike.
  private static func keys(
    _ step: MatchLadder.Step
  ) -> (line: String, item: String, isThere: String, order: String) {
    let hash = "hashtextextended(key, 0), "
    return switch step.rung {
    case .movement:
      ("l.movement_ids[\(step.place)]", "i.transaction_id", "key is not null", "")
    case .source:
      ("l.source_references[\(step.place)]", "i.external_reference", "key <> ''", hash)
    case .payment: ("l.payment_reference", "i.external_reference", "key <> ''", hash)
    }
  }
}
