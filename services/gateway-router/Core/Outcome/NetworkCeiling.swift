package import Money

/// A decline that a bank once gave to a card.
package struct CardDecline: Sendable, Hashable {
  package var at: Timestamp
  package var amount: Amount
  /// The network forbade any further try.
  package var isForbidden: Bool

  package init(at: Timestamp, amount: Amount, isForbidden: Bool) {
    self.at = at
    self.amount = amount
    self.isForbidden = isForbidden
  }
}

/// How often the card networks let a card be tried again: facts of their published rules, data.
///
/// - Visa: nothing after a decline of category 1; otherwise 20 tries again in 30 days with one card
///   and amount (15 before 25 May 2025); nothing is one amount in every currency.
/// - Mastercard: nothing after the advice codes 03, 21; otherwise 10 in 24 hours and 35 in 30 days
///   with one card.
///
/// Declines are counted, the first one too, which Visa does not count: one try is left for a second
/// gateway within one payment. Other networks publish no number. A card whose brand is not known is
/// held to both.
package enum NetworkCeiling {
  /// Tender's code of a payment that was not even sent.
  package static let code = "network_retry_limit"
  package static let windowDaysMax: Int64 = 30
  /// The most declines of one card that can matter.
  package static let declinesMax = 64

  private struct Window {
    var seconds: Int64
    var triesMax: Int
    var countsOneAmount: Bool
  }

  private static let day: Int64 = 24 * 3_600
  private static let visa = [Window(seconds: 30 * day, triesMax: 20, countsOneAmount: true)]
  private static let mastercard = [
    Window(seconds: day, triesMax: 10, countsOneAmount: false),
    Window(seconds: 30 * day, triesMax: 35, countsOneAmount: false),
  ]

  /// Why a card may not be tried now; nil if it may.
  /// - Parameter declines: those of `windowDaysMax` days, and every forbidding one, in any order.
  package static func refusal(
    of amount: Amount, brand: String, after declines: [CardDecline], now: Timestamp
  ) -> Decline? {
    guard !declines.isEmpty else { return nil }
    if declines.contains(where: \.isForbidden) {
      return Decline(
        class: .never, code: code, gatewayCode: "", origin: .request, isForbiddenByNetwork: true)
    }
    let waits = windows(brand).compactMap { wait($0, amount, declines, now) }
    return waits.max().map { seconds in
      Decline(
        class: .later, code: code, gatewayCode: "", origin: .request, retryAfterSeconds: seconds)
    }
  }

  private static func windows(_ brand: String) -> [Window] {
    switch brand {
    case "visa": visa
    case "mastercard", "mc": mastercard
    case "": visa + mastercard
    default: []
    }
  }

  /// Whoever asks about nothing could ask in one currency after the other.
  private static func isOne(_ left: Amount, _ right: Amount) -> Bool {
    left == right || left.minor == 0 && right.minor == 0
  }

  /// Seconds until one of the window's declines has left it; nil while there is room.
  private static func wait(
    _ window: Window, _ amount: Amount, _ declines: [CardDecline], _ now: Timestamp
  ) -> Int64? {
    let counted = declines
      .filter { !window.countsOneAmount || isOne($0.amount, amount) }
      .map(\.at.seconds).filter { $0 > now.seconds - window.seconds }
      .sorted(by: >)
    guard counted.count >= window.triesMax else { return nil }
    return max(1, counted[window.triesMax - 1] + window.seconds - now.seconds)
  }
}
