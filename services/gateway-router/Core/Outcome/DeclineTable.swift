/// Decline codes and what they allow, as versioned data. A code that is not listed allows a later try
/// and no other gateway.
package struct DeclineTable: Sendable, Hashable {
  package struct Entry: Sendable, Hashable {
    /// Tender's code.
    package var code: String
    package var `class`: DeclineClass
    /// Where the gateway says how long to wait.
    package var retryAfterSeconds: Int64?
  }

  /// Raised with every change of a row; stored with each decline that it judged.
  package var version: Int
  package var stripe: [String: Entry]
  package var adyen: [String: Entry]
  package var network: NetworkAdvice

  package static let current = DeclineTable(
    version: 2, stripe: stripeEntries, adyen: adyenEntries, network: .current)

  /// The strictest of what the gateway's code, the network's codes and the advice say.
  package func classify(_ signal: DeclineSignal) -> Decline {
    let known = signal.source == .stripe ? stripe[signal.code] : adyen[signal.code]
    let entry = known ?? Entry(code: "declined", class: .later)
    var decline = Decline(
      class: entry.class, code: entry.code, gatewayCode: signal.code,
      networkCode: signal.networkCode, adviceCode: signal.networkAdviceCode,
      retryAfterSeconds: entry.retryAfterSeconds, tableVersion: version)
    for advice in network.advice(signal) { decline.follow(advice) }
    switch signal.advice {
    case "do_not_try_again": decline.class = .never
    case "confirm_card_data": decline.class = decline.class.stricter(.fixData)
    default: break
    }
    return decline
  }

  static func entries(
    _ groups: KeyValuePairs<DeclineClass, [String: String]>
  ) -> [String: Entry] {
    var result: [String: Entry] = [:]
    for (group, codes) in groups {
      for (gatewayCode, code) in codes { result[gatewayCode] = Entry(code: code, class: group) }
    }
    return result
  }
}

extension Decline {
  fileprivate mutating func follow(_ advice: NetworkAdvice.Entry) {
    switch advice {
    case .never:
      `class` = .never
      isForbiddenByNetwork = true
    case .fixData: `class` = `class`.stricter(.fixData)
    case .stepUp: `class` = `class`.stricter(.stepUp)
    case .after(let seconds):
      `class` = `class`.stricter(.later)
      retryAfterSeconds = max(seconds, retryAfterSeconds ?? 0)
    }
  }
}
