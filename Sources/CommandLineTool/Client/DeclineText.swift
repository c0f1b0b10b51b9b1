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

  static func of(_ failure: IntentsV1.PaymentFailure) -> String {
    of(failure.code, failure.declineClass, failure.gatewayCode)
  }
}
