package import Money
package import ReportFormats
import Seal

/// A line of a report as it is kept.
package struct StagedLine: Sendable, Hashable {
  package var line: Int32
  package var typeText: String
  package var movementReference: String
  package var batch: String
  /// As written, and its day, both in the report's time zone.
  package var bookedAt: String
  package var bookedOn: CivilDate
  /// `ReportRow.paidAt`.
  package var paidAt: String
  package var feeMinor: Int64?
  package var net: Amount?
  /// Columns that this version does not know, as a JSON object.
  package var others: String
  package var match: ReconLine

  /// - Throws: `dateInvalid`.
  package init(
    _ row: ReportRow,
    in book: ReconBook,
    _ kind: ReportKind
  ) throws(ReportRefusal) {
    guard let day = Self.day(row.bookedAt) else {
      throw ReportRefusal(.malformed, "line \(row.line) has no day of booking")
    }
    line = Int32(clamping: row.line)
    typeText = row.typeText
    movementReference = row.movementReference
    batch = row.batch
    bookedAt = row.bookedAt
    bookedOn = day
    paidAt = row.paidAt
    // In the currency of the net amount.
    feeMinor = row.fee?.minor
    net = row.net
    others = Self.json(row.others)
    var sources: [String] = []
    // A payout is named by what it pays out; Adyen gives it no other name.
    let isPayout = row.type == .payout || row.type == .payoutReversed
    for reference in [row.sourceReference, row.movementReference, isPayout ? row.batch : ""]
    where !reference.isEmpty && !sources.contains(reference) {
      sources.append(reference)
    }
    match = ReconLine(
      type: row.type,
      movementIDs: Self.movements(
        row.type,
        sources.map {
          MovementName.of($0, payment: row.paymentReference, batch: row.batch, in: book, kind)
        },
        book.account
      ),
      sourceReferences: sources,
      paymentReference: row.paymentReference,
      amount: row.gross
    )
  }

  /// Gross less fee is net, where all are in one currency.
  package var adds: Bool {
    guard let net, net.currency == match.amount.currency else { return true }
    return match.amount.minor.subtractingReportingOverflow(feeMinor ?? 0) == (net.minor, false)
  }

  package var isPayout: Bool { match.type == .payout || match.type == .payoutReversed }

  /// What the digest of a report's lines begins with, and each line's part of it.
  static let digestHead: [UInt8] = {
    var canonical = CanonicalBytes(capacity: 32)
    canonical.append("tender.report.v1")
    return canonical.bytes
  }()

  func append(to canonical: inout CanonicalBytes) {
    for text in [typeText, movementReference, match.paymentReference, batch, bookedAt]
      + match.sourceReferences
    {
      canonical.append(text)
    }
    canonical.append(match.amount.currency)
    canonical.append(match.amount.minor)
    canonical.append(feeMinor ?? 0)
    canonical.append(net?.minor ?? 0)
  }

  /// "2026-11-01", or with a time behind it: "2026-11-01 10:00:00", with a T, without seconds, with an
  /// offset. The first ten characters, if all of it is right.
  static func day(_ text: String) -> CivilDate? {
    guard let day = Timestamp(text.prefix(10) + "T00:00:00Z")?.date else { return nil }
    let isRight =
      text.utf8.count == 10
      || ["Z", "", ":00Z"].contains { Timestamp(text + $0) != nil }
    return isRight ? day : nil
  }

  /// The ids of the transactions that would record this movement, named as the gateway names it.
  private static func movements(
    _ type: ReportRowType,
    _ references: [String],
    _ account: GatewayAccount
  ) -> [LedgerTransactionID] {
    guard let pairing = ReconPairing.of(type) else { return [] }
    return pairing.kinds.flatMap { kind in
      references.compactMap { reference in
        let movement = Movement(
          account: account,
          kind: kind,
          source: .gatewayMovement(reference)
        )
        return LedgerTransactionID(bytes: SHA256.hash(movement.canonicalText).prefix(16))
      }
    }
  }

  /// Values that might be card numbers are left out: nobody needs them to reconcile.
  static func json(_ columns: [String: String]) -> String {
    let members = columns.sorted { $0.key < $1.key }.map { name, value in
      let isCardData = CardNumberDetector.containsCardData(key: name, value: value)
      return "\(quoted(name)):\(quoted(isCardData ? "withheld" : value))"
    }
    return "{\(members.joined(separator: ","))}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result.unicodeScalars.append("\\")
        result.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
