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
  var payoutDays: [String: CivilDate]
  var contentSHA256: [UInt8]

  init(_ reader: ReportReader, bytes: Int) {
    self.bytes = bytes
    lineCount = reader.lineCount
    firstDay = reader.firstDay
    lastDay = reader.lastDay
    payoutDays = reader.payoutDays
    contentSHA256 = reader.contentSHA256()
  }
}

/// The SQL of imports.
enum ReconImport {
  /// What `rows` are copied into.
  static let lines = """
    recon_line (file_id, gateway, account, livemode, line, type, type_text, movement_reference, \
    source_references, payment_reference, movement_ids, batch, booked_at, booked_on, currency, \
    gross_minor, fee_minor, net_currency, net_minor, adds, others)
    """

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

  /// A row if exactly these bytes are there for these books.
  static func find(_ terms: ReportTerms) -> Statement {
    """
    select id from recon_file
    where gateway = \(terms.account.gateway) and account = \(terms.account.account)
      and livemode = \(terms.isLive) and sha256 = \(terms.sha256)
    """
  }

  /// The payouts that were named: the lines come to them, or the report would not have been taken.
  static func payouts(of file: ReconFileRecord, _ days: [String: CivilDate]) -> Statement? {
    let named = file.terms.payouts.filter { days[$0.batch] != nil }
    guard !named.isEmpty else { return nil }
    return """
      insert into recon_payout (file_id, batch, currency, gateway, account, livemode, net_minor,
        paid_on)
      select \(file.id), u.batch, u.currency, \(file.terms.account.gateway),
        \(file.terms.account.account), \(file.terms.isLive), u.net, u.day
      from unnest(\(named.map(\.batch)), \(named.map(\.net.currency)), \(named.map(\.net.minor)),
        \(named.map { days[$0.batch] ?? file.lastDay })) u(batch, currency, net, day)
      on conflict do nothing
      """
  }

  /// In pieces, in the order of the lines.
  static func rows(
    _ lines: [StagedLine],
    of file: ReconFileID,
    _ terms: ReportTerms
  ) -> [CopyRows] {
    var pieces: [CopyRows] = []
    var piece = CopyRows()
    for line in lines {
      append(line, of: file, terms, to: &piece)
      if piece.isFull {
        pieces.append(piece)
        piece = CopyRows()
      }
    }
    if !piece.isEmpty { pieces.append(piece) }
    return pieces
  }

  private static func append(
    _ line: StagedLine,
    of file: ReconFileID,
    _ terms: ReportTerms,
    to rows: inout CopyRows
  ) {
    rows.append(
      file,
      terms.account.gateway,
      terms.account.account,
      terms.isLive,
      line.line,
      line.match.type.rawValue,
      line.typeText,
      line.movementReference,
      line.match.sourceReferences,
      line.match.paymentReference,
      line.match.movementIDs,
      line.batch,
      line.bookedAt,
      line.bookedOn,
      line.match.amount.currency,
      line.match.amount.minor,
      line.feeMinor,
      line.net?.currency,
      line.net?.minor,
      line.adds,
      JSONText(line.others)
    )
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
}
