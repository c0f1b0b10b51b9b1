package import Money
package import ReportFormats
import Seal

/// Why a report is not imported. One reason refuses the whole: a part of the truth would be
/// reconciled as all of it.
package struct ReportRefusal: Error, Sendable, Hashable {
  /// In order of precedence; among those of lines, the first bad line decides. Raw values are API.
  package enum Reason: String, Sendable, Hashable, CaseIterable {
    case hashDiffers = "REPORT_HASH_DIFFERS"
    case encodingInvalid = "REPORT_ENCODING_INVALID"
    case truncated = "REPORT_TRUNCATED"
    case malformed = "REPORT_MALFORMED"
    case typeUnknown = "REPORT_TYPE_UNKNOWN"
    case accountDiffers = "REPORT_ACCOUNT_DIFFERS"
    case currencyDiffers = "REPORT_CURRENCY_DIFFERS"
    case totalDiffers = "REPORT_TOTAL_DIFFERS"
    // What only the tables know.
    case duplicate = "REPORT_DUPLICATE"
    case reencoded = "REPORT_REENCODED"
  }

  package let reason: Reason
  /// In words, with the line where there is one.
  package let detail: String

  package init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }
}

/// The reports that are reconciled. The raw values are those of SQL.
package enum ReconReportKind: String, Sendable, Hashable, CaseIterable {
  case payoutReconciliation = "payout_reconciliation"
  case settlementDetail = "settlement_detail"

  package var format: ReportKind {
    switch self {
    case .payoutReconciliation: .payoutReconciliation
    case .settlementDetail: .settlementDetail
    }
  }
}

/// What whoever imports a report knows of it from elsewhere.
package struct ReportTerms: Sendable {
  package var account: GatewayAccount
  /// A report of the live account, or of the test one under the same name; the file does not say.
  package var isLive: Bool
  package var kind: ReconReportKind
  /// Of the bytes.
  package var sha256: [UInt8]
  /// Every net amount must be in it; nil: any.
  package var currency: Currency?
  /// What the gateway says it paid out for a batch or payout, after fees.
  package var payouts: [Payout]

  package struct Payout: Sendable, Hashable {
    package var batch: String
    package var net: Amount

    package init(batch: String, net: Amount) {
      self.batch = batch
      self.net = net
    }
  }

  package init(
    account: GatewayAccount,
    isLive: Bool = false,
    kind: ReconReportKind,
    sha256: [UInt8],
    currency: Currency? = nil,
    payouts: [Payout] = []
  ) {
    self.account = account
    self.isLive = isLive
    self.kind = kind
    self.sha256 = sha256
    self.currency = currency
    self.payouts = payouts
  }

  package var book: ReconBook { ReconBook(account, isLive: isLive) }
}

/// A report that was read to its end and holds what its terms say.
package struct ReportFile: Sendable {
  package static let bytesMax = 8_000_000
  package static let linesMax = 100_000
  /// Bytes read at a time.
  private static let pieceBytes = 65_536

  package private(set) var lines: [StagedLine] = []
  /// Of what the lines say, in their order: the same for another line end, quoting or column order.
  package private(set) var contentSHA256: [UInt8] = []

  /// - Throws: the refusal with the highest precedence.
  package init(_ bytes: [UInt8], _ terms: ReportTerms) throws(ReportRefusal) {
    guard SHA256.hash(bytes) == terms.sha256 else {
      throw ReportRefusal(.hashDiffers, "its SHA-256 is not the one that was named")
    }
    guard !bytes.contains(0) else {
      throw ReportRefusal(.encodingInvalid, "it is not UTF-8, such as UTF-16")
    }
    guard bytes.last == 0x0A else {
      throw ReportRefusal(.truncated, "its last line has no end")
    }
    guard bytes.count <= Self.bytesMax else {
      throw ReportRefusal(.malformed, "it has more than \(Self.bytesMax) bytes")
    }
    try read(bytes, terms)
    guard !lines.isEmpty else { throw ReportRefusal(.malformed, "it has no lines") }
    try check(terms)
    contentSHA256 = Self.digest(lines)
  }

  private mutating func read(
    _ bytes: [UInt8],
    _ terms: ReportTerms
  ) throws(ReportRefusal) {
    var parser = ReportParser(terms.kind.format, account: terms.account.account)
    var rows: [ReportRow] = []
    do throws(ReportError) {
      for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
        let piece = bytes[start..<min(start + Self.pieceBytes, bytes.count)]
        try parser.read(piece) { rows.append($0) }
        guard rows.count <= Self.linesMax else { throw .tooManyLines(max: Self.linesMax) }
      }
    } catch {
      throw Self.refusal(error)
    }
    do throws(ReportError) {
      try parser.finish { rows.append($0) }
    } catch {
      // A quote that never ends is where the file was cut.
      if case .quoteMisplaced = error { throw ReportRefusal(.truncated, "\(error)") }
      throw Self.refusal(error)
    }
    lines.reserveCapacity(rows.count)
    for row in rows { lines.append(try StagedLine(row, at: terms.account)) }
  }

  private static func refusal(_ error: ReportError) -> ReportRefusal {
    let reason: ReportRefusal.Reason =
      switch error {
      case .notUTF8: .encodingInvalid
      case .unknownType: .typeUnknown
      case .otherAccount: .accountDiffers
      case .currencyUnknown: .currencyDiffers
      case .batchDoesNotAdd: .totalDiffers
      case .empty, .tooManyLines, .tooManyBatches, .recordTooLong, .tooManyFields, .quoteMisplaced, .columnMissing,
        .columnTwice, .fieldCount, .amountInvalid, .lineDoesNotAdd:
        .malformed
      }
    return ReportRefusal(reason, "\(error)")
  }

  private func check(_ terms: ReportTerms) throws(ReportRefusal) {
    if let currency = terms.currency,
      let other = lines.first(where: { ($0.net ?? $0.match.amount).currency != currency })
    {
      throw ReportRefusal(.currencyDiffers, "line \(other.line) is not in \(currency)")
    }
    for payout in terms.payouts {
      var sum = Amount.zero(payout.net.currency)
      for line in lines where line.batch == payout.batch && !line.isPayout {
        guard let net = line.net, let next = try? sum.adding(net) else {
          throw ReportRefusal(
            .totalDiffers,
            "line \(line.line) is in another currency than its payout"
          )
        }
        sum = next
      }
      guard sum == payout.net else {
        throw ReportRefusal(
          .totalDiffers,
          "the lines of \(payout.batch) come to \(sum), not to \(payout.net)"
        )
      }
    }
  }

  private static func digest(_ lines: [StagedLine]) -> [UInt8] {
    var canonical = CanonicalBytes(capacity: 160 * lines.count)
    canonical.append("tender.report.v1")
    for line in lines {
      for text in [
        line.typeText, line.movementReference, line.match.paymentReference, line.batch,
        line.bookedAt,
      ] + line.match.sourceReferences {
        canonical.append(text)
      }
      canonical.append(line.match.amount.currency)
      canonical.append(line.match.amount.minor)
      canonical.append(line.feeMinor ?? 0)
      canonical.append(line.net?.minor ?? 0)
    }
    return SHA256.hash(canonical.bytes)
  }
}

extension StagedLine {
  fileprivate var isPayout: Bool { match.type == .payout || match.type == .payoutReversed }
}
