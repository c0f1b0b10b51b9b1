package import Money
import ReportFormats

/// What was agreed with the gateways for captured payments, by account and currency.
package struct FeeSchedule: Sendable, Hashable {
  package static let termsMax = 200

  package struct Terms: Sendable, Hashable {
    package var account: GatewayAccount
    package var currency: Currency
    /// Hundredths of a percent of the gross amount.
    package var basisPoints: Int64
    package var fixedMinor: Int64
    /// For rounding only.
    package var toleranceMinor: Int64

    /// Half a minor unit is rounded up, as gateways do.
    package func expectedMinor(ofGross minor: Int64) -> Int64? {
      let (product, overflow) = minor.multipliedReportingOverflow(by: basisPoints)
      guard minor >= 0, !overflow, product <= Int64.max - 5_000 else { return nil }
      let (sum, tooLarge) = ((product + 5_000) / 10_000).addingReportingOverflow(fixedMinor)
      return tooLarge ? nil : sum
    }

    package func allows(feeMinor: Int64, ofGross minor: Int64) -> Bool {
      guard let expected = expectedMinor(ofGross: minor) else { return false }
      let (difference, overflow) = feeMinor.subtractingReportingOverflow(expected)
      return !overflow && difference.magnitude <= toleranceMinor.magnitude
    }
  }

  package let terms: [Terms]

  package init(_ terms: [Terms] = []) { self.terms = terms }

  package func terms(at account: GatewayAccount) -> [Terms] {
    terms.filter { $0.account == account }
  }

  /// Whether a line that agrees in everything else is matched: it adds up, and the fee of a captured
  /// payment is the agreed one. Where it names no fee, or nothing was agreed in its currency, there is
  /// nothing to compare. SQL has the same (`ReconSteps.exactClass`).
  package func agrees(_ line: StagedLine, at account: GatewayAccount) -> Bool {
    guard line.adds else { return false }
    let amount = line.match.amount
    guard line.match.type == .captured, line.net?.currency == amount.currency,
      let fee = line.feeMinor,
      let agreed = terms(at: account).first(where: { $0.currency == amount.currency })
    else { return true }
    return agreed.allows(feeMinor: fee, ofGross: amount.minor)
  }

  /// Why a text is no schedule; the part is what is wrong.
  package struct Mistake: Error, Sendable, Hashable {
    package let part: String
  }

  /// `stripe acct_1 EUR 100 25 0; adyen Main EUR 95 12 1`: gateway, account, currency, basis
  /// points, fixed part and tolerance in minor units. An empty text is an empty schedule.
  package init(parsing text: String) throws(Mistake) {
    var terms: [Terms] = []
    for part in text.split(separator: ";") {
      let words = part.split(separator: " ").map(String.init)
      if words.isEmpty { continue }
      guard words.count == 6, let currency = Currency(words[2]),
        let basisPoints = Int64(words[3]), (0...10_000).contains(basisPoints),
        let fixed = Int64(words[4]), (0...1_000_000).contains(fixed),
        let tolerance = Int64(words[5]), (0...1_000).contains(tolerance),
        terms.count < Self.termsMax
      else { throw Mistake(part: String(part)) }
      let account = GatewayAccount(gateway: words[0], account: words[1])
      guard !terms.contains(where: { $0.account == account && $0.currency == currency }) else {
        throw Mistake(part: String(part))
      }
      terms.append(
        Terms(
          account: account,
          currency: currency,
          basisPoints: basisPoints,
          fixedMinor: fixed,
          toleranceMinor: tolerance
        )
      )
    }
    self.terms = terms
  }
}
