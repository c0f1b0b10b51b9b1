package import Money
package import ReportFormats

/// What Adyen's payment accounting report says became of an attempt. Adyen has no call that reads a
/// payment: for one whose answer and notifications were lost, this is the only book.
package enum ReportEvidence: Sendable, Hashable {
  /// No line names it. Proves something only with every report since it was sent.
  case absent
  /// Received, and nothing since.
  case undecided
  /// Refused, or ended in an error: nothing is held.
  case refused
  /// The amount is held.
  case authorized(paymentReference: String, Amount)
  /// Canceled or expired: nothing is held any more.
  case canceled
  /// Taken, or on its way; `refunded` of it was given back.
  case captured(paymentReference: String, Amount, refunded: Int64)
  /// Several payments bear the reference, or amounts differ in currency: people must look.
  case contradictory

  /// Over all lines of one or several reports, in any order.
  package static func evidence(
    of reference: GatewayReference, in rows: some Sequence<ReportRow>
  ) -> ReportEvidence {
    var collector = ReportEvidenceCollector(of: reference)
    for row in rows { collector.add(row) }
    return collector.evidence
  }
}

/// The same a line at a time, for reports that are longer than memory.
package struct ReportEvidenceCollector: Sendable {
  private let text: String
  private var payments: Set<String> = []
  private var seen: Set<ReportRowType> = []
  private var authorized: Amount?
  private var captured: Int64 = 0
  private var sent: Int64 = 0
  private var refunded: Int64 = 0
  private var currency: Currency?
  private var isContradictory = false

  package init(of reference: GatewayReference) { text = reference.text }

  package mutating func add(_ row: ReportRow) {
    guard row.ownReference == text else { return }
    payments.insert(row.paymentReference)
    isContradictory = isContradictory || payments.count > 1
      || (currency.map { $0 != row.gross.currency } ?? false)
    currency = row.gross.currency
    seen.insert(row.type)
    let minor = Int64(clamping: row.gross.minor.magnitude)
    switch row.type {
    case .authorized: authorized = Amount(row.gross.currency, minor: minor)
    case .captureSent: sent = sum(sent, minor)
    case .captured: captured = sum(captured, minor)
    case .captureFailed: captured = sum(captured, -minor)
    case .refunded: refunded = sum(refunded, minor)
    case .refundFailed: refunded = sum(refunded, -minor)
    default: break
    }
  }

  private mutating func sum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    isContradictory = isContradictory || overflow
    return sum
  }

  package var evidence: ReportEvidence {
    guard let reference = payments.first, let currency else { return .absent }
    guard !isContradictory else { return .contradictory }
    // A capture that was sent counts until it failed: the money is on its way.
    let isSent = sent > 0 && !seen.contains(.captured) && !seen.contains(.captureFailed)
    let taken = isSent ? sent : captured
    if taken > 0 {
      return .captured(
        paymentReference: reference, Amount(currency, minor: taken), refunded: refunded)
    }
    if seen.contains(.canceled) { return .canceled }
    if let authorized { return .authorized(paymentReference: reference, authorized) }
    return seen.contains(.refused) ? .refused : .undecided
  }
}
