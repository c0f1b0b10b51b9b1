package import Money
import ReportFormats
package import Seal

/// Reads a report a part at a time, so that it need not be in memory as a whole. One call at a time.
package final class ReportReader: @unchecked Sendable {
  /// Bytes read at a time.
  private static let pieceBytes = 65_536

  private let terms: ReportTerms
  private let linesMax: Int
  private var parser: ReportParser
  private var digest: SHA256?
  private var rowCount = 0

  package private(set) var lineCount = 0
  package private(set) var firstDay: CivilDate?
  package private(set) var lastDay: CivilDate?
  /// Of the payouts that were named and have lines: the day on which each took effect, as the report
  /// says, or else the last day of its lines.
  package var payoutDays: [String: CivilDate] { lastDays.merging(paidDays) { $1 } }
  private var lastDays: [String: CivilDate] = [:]
  private var paidDays: [String: CivilDate] = [:]

  /// Of the payouts that were named: what their lines come to, and the first line that is in another
  /// currency.
  private var sums: [String: Amount] = [:]
  private var strangers: [String: Int32] = [:]
  /// The first line that is not in the currency that was named.
  private var foreign: Int32?

  /// - Throws: what `SHA256` throws.
  package init(_ terms: ReportTerms, linesMax: Int) throws(SealError) {
    self.terms = terms
    self.linesMax = linesMax
    parser = ReportParser(terms.kind.format, account: terms.account.account)
    digest = try SHA256()
    digest?.update(StagedLine.digestHead)
    for payout in terms.payouts { sums[payout.batch] = .zero(payout.net.currency) }
  }

  /// The lines that end in these bytes.
  ///
  /// - Throws: what the first bad line is.
  package func read(_ bytes: [UInt8]) throws(ReportRefusal) -> [StagedLine] {
    var rows: [ReportRow] = []
    do throws(ReportError) {
      for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
        let piece = bytes[start..<min(start + Self.pieceBytes, bytes.count)]
        try parser.read(piece) { rows.append($0) }
        guard rowCount + rows.count <= linesMax else { throw .tooManyLines(max: linesMax) }
      }
    } catch {
      throw Self.refusal(error)
    }
    return try take(rows)
  }

  /// The last line, if it has no end; then nothing more may be read.
  ///
  /// - Throws: also what is wrong with the whole.
  package func finish() throws(ReportRefusal) -> [StagedLine] {
    var rows: [ReportRow] = []
    do throws(ReportError) {
      try parser.finish { rows.append($0) }
    } catch {
      // A quote that never ends is where the file was cut.
      if case .quoteMisplaced = error { throw ReportRefusal(.truncated, "\(error)") }
      throw Self.refusal(error)
    }
    let lines = try take(rows)
    guard lineCount > 0 else { throw ReportRefusal(.malformed, "it has no lines") }
    if let foreign, let currency = terms.currency {
      throw ReportRefusal(.currencyDiffers, "line \(foreign) is not in \(currency)")
    }
    for payout in terms.payouts {
      if let line = strangers[payout.batch] {
        throw ReportRefusal(.totalDiffers, "line \(line) is in another currency than its payout")
      }
      let sum = sums[payout.batch] ?? .zero(payout.net.currency)
      guard sum == payout.net else {
        throw ReportRefusal(
          .totalDiffers,
          "the lines of \(payout.batch) come to \(sum), not to \(payout.net)"
        )
      }
    }
    return lines
  }

  /// Of what the lines say, in their order: the same for another line end, quoting or column order.
  /// Once, behind `finish`.
  package func contentSHA256() -> [UInt8] { finished(&digest) }

  private func take(_ rows: [ReportRow]) throws(ReportRefusal) -> [StagedLine] {
    rowCount += rows.count
    var lines: [StagedLine] = []
    lines.reserveCapacity(rows.count)
    var canonical = CanonicalBytes(capacity: 160 * rows.count)
    for row in rows {
      let line = try StagedLine(row, in: terms.book, terms.kind.format)
      line.append(to: &canonical)
      try note(line)
      lines.append(line)
    }
    digest?.update(canonical.bytes)
    lineCount += lines.count
    return lines
  }

  private func note(_ line: StagedLine) throws(ReportRefusal) {
    firstDay = min(firstDay ?? line.bookedOn, line.bookedOn)
    lastDay = max(lastDay ?? line.bookedOn, line.bookedOn)
    if foreign == nil, let currency = terms.currency,
      (line.net ?? line.match.amount).currency != currency
    {
      foreign = line.line
    }
    guard let sum = sums[line.batch] else { return }
    lastDays[line.batch] = max(lastDays[line.batch] ?? line.bookedOn, line.bookedOn)
    if !line.paidAt.isEmpty {
      guard let day = StagedLine.day(line.paidAt) else {
        throw ReportRefusal(.malformed, "line \(line.line) has no day of its payout")
      }
      paidDays[line.batch] = max(paidDays[line.batch] ?? day, day)
    }
    guard !line.isPayout, strangers[line.batch] == nil else { return }
    if let net = line.net, let next = try? sum.adding(net) {
      sums[line.batch] = next
    } else {
      strangers[line.batch] = line.line
    }
  }

  private static func refusal(_ error: ReportError) -> ReportRefusal {
    let reason: ReportRefusal.Reason =
      switch error {
      case .notUTF8: .encodingInvalid
      case .unknownType: .typeUnknown
      case .otherAccount: .accountDiffers
      case .currencyUnknown: .currencyDiffers
      case .batchDoesNotAdd: .totalDiffers
      case .empty, .tooManyLines, .tooManyBatches, .recordTooLong, .tooManyFields, .quoteMisplaced,
        .columnMissing, .columnTwice, .fieldCount, .amountInvalid, .amountTooLarge, .lineDoesNotAdd:
        .malformed
      }
    return ReportRefusal(reason, "\(error)")
  }
}

/// The digest, which can be asked for once.
private func finished(_ digest: inout SHA256?) -> [UInt8] {
  guard let taken = digest.take() else { return [] }
  return taken.finish()
}

/// What must hold of a report's bytes before any line of them is read. One call at a time.
package final class ReportBytes: @unchecked Sendable {
  private var digest: SHA256?
  private var hasZero = false
  private var last: UInt8?
  package private(set) var count = 0

  /// - Throws: what `SHA256` throws.
  package init() throws(SealError) { digest = try SHA256() }

  package func add(_ bytes: [UInt8]) {
    digest?.update(bytes)
    hasZero = hasZero || bytes.contains(0)
    last = bytes.last ?? last
    count += bytes.count
  }

  /// Once.
  ///
  /// - Throws: the refusal with the highest precedence.
  package func check(_ terms: ReportTerms, bytesMax: Int) throws(ReportRefusal) {
    guard finished(&digest) == terms.sha256 else {
      throw ReportRefusal(.hashDiffers, "its SHA-256 is not the one that was named")
    }
    guard !hasZero else {
      throw ReportRefusal(.encodingInvalid, "it is not UTF-8, such as UTF-16")
    }
    guard count > 0 else { throw ReportRefusal(.truncated, "it is empty") }
    guard last == 0x0A else { throw ReportRefusal(.truncated, "its last line has no end") }
    guard count <= bytesMax else {
      throw ReportRefusal(.malformed, "it has more than \(bytesMax) bytes")
    }
  }
}
