import LedgerCore
import Money
import Postgres
import ReportFormats
import Seal
import ServiceKit

/// A row of `recon_file`.
struct ReconFileRecord: Sendable {
  var id: ReconFileID
  var terms: ReportTerms
  var contentSHA256: [UInt8]
  var bytes: Int
  var lineCount: Int
  var firstDay: CivilDate
  var lastDay: CivilDate
  var importedAt: Timestamp

  init(_ read: ReadReport, _ terms: ReportTerms, id: ReconFileID, at time: Timestamp) {
    self.id = id
    self.terms = terms
    bytes = read.bytes
    contentSHA256 = read.contentSHA256
    lineCount = read.lineCount
    firstDay = read.firstDay ?? time.date
    lastDay = read.lastDay ?? time.date
    importedAt = time
  }
}

/// What is known of a report once all of it was read.
struct ReadReport: Sendable {
  var bytes: Int
  var lineCount: Int
  var firstDay: CivilDate?
  var lastDay: CivilDate?
  var lastDays: [String: CivilDate]
  var contentSHA256: [UInt8]

  init(_ reader: ReportReader, bytes: Int) {
    self.bytes = bytes
    lineCount = reader.lineCount
    firstDay = reader.firstDay
    lastDay = reader.lastDay
    lastDays = reader.lastDays
    contentSHA256 = reader.contentSHA256()
  }
}

/// The SQL of imports.
enum ReconImport {
  /// Lines of one statement.
  static let chunkLines = 2_000

  /// No row: the bytes or the lines are there already.
  static func insert(_ file: ReconFileRecord, _ stamp: Stamp) -> Statement {
    """
    insert into recon_file (id, gateway, account, livemode, kind, sha256, content_sha256, bytes,
      line_count, first_day, last_day, imported_at, actor, trace_id)
    values (\(file.id), \(file.terms.account.gateway), \(file.terms.account.account),
      \(file.terms.isLive), \(file.terms.kind.rawValue), \(file.terms.sha256),
      \(file.contentSHA256), \(Int64(file.bytes)), \(Int32(file.lineCount)), \(file.firstDay),
      \(file.lastDay), \(file.importedAt), \(stamp.actor), \(stamp.traceID))
    on conflict do nothing returning id
    """
  }

  /// A row if exactly these bytes are there.
  static func find(_ terms: ReportTerms) -> Statement {
    "select id from recon_file where sha256 = \(terms.sha256) and livemode = \(terms.isLive)"
  }

  /// The payouts that were named: the lines come to them, or the report would not have been taken.
  static func payouts(of file: ReconFileRecord, _ lastDays: [String: CivilDate]) -> Statement? {
    let named = file.terms.payouts.filter { lastDays[$0.batch] != nil }
    guard !named.isEmpty else { return nil }
    return """
      insert into recon_payout (file_id, batch, currency, gateway, account, livemode, net_minor,
        paid_on)
      select \(file.id), u.batch, u.currency, \(file.terms.account.gateway),
        \(file.terms.account.account), \(file.terms.isLive), u.net, u.day
      from unnest(\(named.map(\.batch)), \(named.map(\.net.currency)), \(named.map(\.net.minor)),
        \(named.map { lastDays[$0.batch] ?? file.lastDay })) u(batch, currency, net, day)
      on conflict do nothing
      """
  }

  static func insert(
    _ lines: [StagedLine],
    of file: ReconFileID,
    _ terms: ReportTerms
  ) -> [Statement] {
    stride(from: 0, to: lines.count, by: chunkLines).map { start in
      chunk(lines[start..<min(start + chunkLines, lines.count)], file, terms)
    }
  }

  // MARK: Parts

  static func keep(
    _ sealed: [UInt8],
    part: Int32,
    of count: Int32,
    _ terms: ReportTerms
  ) -> Statement {
    """
    insert into recon_part (gateway, account, livemode, sha256, part, part_count, sealed)
    values (\(terms.account.gateway), \(terms.account.account), \(terms.isLive), \(terms.sha256),
      \(part), \(count), \(sealed))
    on conflict (gateway, account, livemode, sha256, part) do update set
      part_count = excluded.part_count, sealed = excluded.sealed, received_at = now()
    """
  }

  /// How many there are of so many.
  static func countParts(of count: Int32, _ terms: ReportTerms) -> Statement {
    """
    select count(*) from recon_part
    where gateway = \(terms.account.gateway) and account = \(terms.account.account)
      and livemode = \(terms.isLive) and sha256 = \(terms.sha256) and part_count = \(count)
    """
  }

  static func part(_ part: Int32, _ terms: ReportTerms) -> Statement {
    """
    select sealed from recon_part
    where gateway = \(terms.account.gateway) and account = \(terms.account.account)
      and livemode = \(terms.isLive) and sha256 = \(terms.sha256) and part = \(part)
    """
  }

  static func forgetParts(_ terms: ReportTerms) -> Statement {
    """
    delete from recon_part
    where gateway = \(terms.account.gateway) and account = \(terms.account.account)
      and livemode = \(terms.isLive) and sha256 = \(terms.sha256)
    """
  }

  /// What nothing has completed for a day.
  static func forgetOldParts() -> Statement {
    "delete from recon_part where received_at < now() - interval '1 day'"
  }

  private static func chunk(
    _ lines: ArraySlice<StagedLine>,
    _ file: ReconFileID,
    _ terms: ReportTerms
  ) -> Statement {
    Statement(
      sql: """
        insert into recon_line (file_id, gateway, account, livemode, line, type, type_text,
          movement_reference, source_references, payment_reference, movement_ids, batch, booked_at,
          booked_on, currency, gross_minor, fee_minor, net_currency, net_minor, adds, others)
        select $1, $2, $3, $4, u.line, u.type, u.type_text, u.movement,
          string_to_array(u.sources, chr(31)),
          u.payment, string_to_array(u.ids, ',')::uuid[], u.batch, u.booked_at, u.booked_on,
          u.currency, u.gross, u.fee, u.net_currency, u.net, u.adds, u.others::jsonb
        from unnest($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21)
          u(line, type, type_text, movement, sources, payment, ids, batch, booked_at, booked_on,
            currency, gross, fee, net_currency, net, adds, others)
        """,
      file,
      terms.account.gateway,
      terms.account.account,
      terms.isLive,
      lines.map(\.line),
      lines.map { $0.match.type.rawValue },
      lines.map(\.typeText),
      lines.map(\.movementReference),
      lines.map { $0.match.sourceReferences.joined(separator: "\u{1F}") },
      lines.map(\.match.paymentReference),
      lines.map { $0.match.movementIDs.map { Hex.encode($0.bytes) }.joined(separator: ",") },
      lines.map(\.batch),
      lines.map(\.bookedAt),
      lines.map(\.bookedOn),
      lines.map(\.match.amount.currency),
      lines.map(\.match.amount.minor),
      lines.map(\.feeMinor),
      lines.map(\.net?.currency),
      lines.map(\.net?.minor),
      lines.map(\.adds),
      lines.map(\.others)
    )
  }
}
