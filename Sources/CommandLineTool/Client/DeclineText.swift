import Money
import Wire

/// A decline in words: Tender's code, what it allows, the gateway's own code.
enum DeclineText {
  /// "insufficient_funds (later; the gateway says 12)"
  static func of(_ code: String, _ group: GatewayV1.DeclineClass, _ gatewayCode: String) -> String {
    var notes: [String] = []
    let word = WireText.word(group, "DECLINE_CLASS_")
    if !word.isEmpty && word != "unspecified" { notes.append(word) }
    if !gatewayCode.isEmpty { notes.append("the gateway says \(gatewayCode)") }
    return notes.isEmpty ? code : "\(code) (\(notes.joined(separator: "; ")))"
  }

  /// With the moment before which a further try is in vain.
  static func of(_ decline: GatewayV1.Decline) -> String {
    let text = of(decline.code, decline.`class`, decline.gatewayCode)
    return decline.notBefore.map { "\(text), not before \(Timestamp($0))" } ?? text
  }

  /// "the network says 51, advice 26; table 2", as far as it is known.
  static func network(_ decline: GatewayV1.Decline) -> String {
    var notes: [String] = []
    if !decline.networkCode.isEmpty { notes.append("the network says \(decline.networkCode)") }
    if !decline.networkAdviceCode.isEmpty {
      notes.append("its advice is \(decline.networkAdviceCode)")
    }
    if decline.tableVersion > 0 { notes.append("judged by table \(decline.tableVersion)") }
    return notes.joined(separator: ", ")
  }

  static func of(_ failure: IntentsV1.PaymentFailure) -> String {
    of(failure.code, failure.declineClass, failure.gatewayCode)
  }
}
