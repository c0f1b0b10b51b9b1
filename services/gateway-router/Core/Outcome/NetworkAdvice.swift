/// What the card networks themselves say of further tries: facts of their published rules.
///
/// - Visa Core Rules (18 April 2026), table 7-2, response codes by category: 1 forbids any further
///   try, 3 asks for other data. Categories 2 and 4 only limit how often (`NetworkCeiling`).
/// - Mastercard's merchant advice codes (Transaction Processing Excellence).
package struct NetworkAdvice: Sendable, Hashable {
  package enum Entry: Sendable, Hashable {
    case never
    case fixData
    case stepUp
    case after(seconds: Int64)
  }

  package var byResponseCode: [String: Entry]
  package var byAdviceCode: [String: Entry]

  package func advice(_ signal: DeclineSignal) -> [Entry] {
    [
      signal.networkCode.flatMap { byResponseCode[$0] },
      signal.networkAdviceCode.flatMap { byAdviceCode[$0] },
    ].compactMap(\.self)
  }

  package static let current = NetworkAdvice(
    byResponseCode: [
      // Category 1: pick up (04, 07), invalid transaction (12), no such card (14), no such issuer
      // (15), lost (41), stolen (43), closed account (46), not permitted (57), stopped and revoked
      // (R0, R1, R3).
      "04": .never, "07": .never, "12": .never, "14": .never, "15": .never, "41": .never,
      "43": .never, "46": .never, "57": .never, "R0": .never, "R1": .never, "R3": .never,
      // Category 3: expired (54), PIN (55, 70), CVV and verification data (82, N7, 6P).
      "54": .fixData, "55": .fixData, "70": .fixData, "82": .fixData, "N7": .fixData,
      "6P": .fixData,
      // Category 3 as well: the issuer asks for the payer's authentication.
      "1A": .stepUp,
    ],
    byAdviceCode: [
      // New account information is available.
      "01": .fixData,
      // Not now; Mastercard names 72 hours.
      "02": .after(seconds: 72 * hour),
      // Do not try again; stop recurring payments.
      "03": .never, "21": .never,
      "24": .after(seconds: hour), "25": .after(seconds: day), "26": .after(seconds: 2 * day),
      "27": .after(seconds: 4 * day), "28": .after(seconds: 6 * day),
      "29": .after(seconds: 8 * day), "30": .after(seconds: 10 * day),
      // A card number for one payment, already used.
      "41": .never,
      // 04 and 22 (token, product), 40 and 43 (kinds of prepaid and virtual cards) advise nothing
      // that the decline's own code does not say.
    ])

  private static let hour: Int64 = 3_600
  private static let day: Int64 = 24 * hour
}
