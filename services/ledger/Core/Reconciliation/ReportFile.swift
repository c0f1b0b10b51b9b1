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

  /// Whose reports they are.
  package static let gateways: Set<String> = ["stripe", "adyen"]

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
  /// Of one message; a larger report comes in parts.
  package static let bytesMax = 8_000_000
  package static let linesMax = 100_000
  package static let partsMax = 40
  package static let linesOfPartsMax = 2_000_000

  package private(set) var lines: [StagedLine] = []
  /// `ReportReader.contentSHA256`.
  package private(set) var contentSHA256: [UInt8] = []
  /// `ReportReader.payoutDays`.
  package private(set) var payoutDays: [String: CivilDate] = [:]

  /// - Throws: the refusal with the highest precedence.
  package init(_ bytes: [UInt8], _ terms: ReportTerms) throws(ReportRefusal) {
    let (whole, reader) = try Self.tools(terms)
    whole.add(bytes)
    try whole.check(terms, bytesMax: Self.bytesMax)
    lines = try reader.read(bytes)
    lines += try reader.finish()
    contentSHA256 = reader.contentSHA256()
    payoutDays = reader.payoutDays
  }

  private static func tools(
    _ terms: ReportTerms
  ) throws(ReportRefusal) -> (ReportBytes, ReportReader) {
    do throws(SealError) {
      return (try ReportBytes(), try ReportReader(terms, linesMax: linesMax))
    } catch {
      throw ReportRefusal(.malformed, "nothing can be hashed here")
    }
  }
}
