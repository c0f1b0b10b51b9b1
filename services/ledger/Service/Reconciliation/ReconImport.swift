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

  init(_ file: ReportFile, _ terms: ReportTerms, id: ReconFileID, bytes: Int, at time: Timestamp) {
    self.id = id
    self.terms = terms
    self.bytes = bytes
    contentSHA256 = file.contentSHA256
    lineCount = file.lines.count
    let days = file.lines.map(\.bookedOn)
    firstDay = days.min() ?? time.date
    lastDay = days.max() ?? time.date
    importedAt = time
  }
}

/// The SQL of imports.
enum ReconImport {
  /// Lines of one statement.
  static let chunkLines = 2_000

  /// One import or run of an account at a time; held to the transaction's end. "RECO".
  static func lock(_ account: GatewayAccount) -> Statement {
    """
    select pg_advisory_xact_lock(1380270927,
      hashtext(\(account.gateway) || ':' || \(account.account)))
    """
  }

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

  static func insert(_ lines: [StagedLine], of file: ReconFileRecord) -> [Statement] {
    stride(from: 0, to: lines.count, by: chunkLines).map { start in
      chunk(lines[start..<min(start + chunkLines, lines.count)], file)
    }
  }

  private static func chunk(_ lines: ArraySlice<StagedLine>, _ file: ReconFileRecord) -> Statement {
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
      file.id,
      file.terms.account.gateway,
      file.terms.account.account,
      file.terms.isLive,
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
