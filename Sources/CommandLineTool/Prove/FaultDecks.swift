/// The gateways' faults, dealt like cards: each comes up before one comes again.
struct FaultDecks: Sendable {
  /// What an authorisation's answer meets. "after": the gateway has acted.
  static let authorize = [
    "timeout_after", "error_500_after", "bad_gateway_after", "unavailable", "rate_limited",
    "truncated", "invalid_json", "close_after", "reset_after", "slow",
  ]
  /// Where nothing may ever become known of the payment.
  static let silencing = ["timeout_before", "error_500", "bad_gateway", "close_before"]
  static let capture = [
    "timeout_after", "error_500_after", "error_500", "truncated", "close_after", "reset_after",
  ]
  static let refund = [
    "timeout_after", "error_500_after", "truncated", "close_after", "reset_after", "rate_limited",
  ]

  /// When a payment starts within the load.
  enum Part: Sendable {
    /// What may never become known begins early, so that its time is over when the load is.
    case early
    case middle
    /// The gateway that refused connections is back: its breaker finds it well.
    case calm

    init(startMilliseconds: Int64) {
      self =
        startMilliseconds < ProvePlan.silencingMilliseconds
        ? .early : startMilliseconds < ProvePlan.calmMilliseconds ? .middle : .calm
    }
  }

  private var authorize: [String] = []
  private var early: [String] = []
  private var capture: [String] = []
  private var refund: [String] = []
  private var earlyRefund: [String] = []

  /// The fault of the next payment; half of them, and more of the calm part, have none.
  mutating func draw(
    _ amountMinor: Int64, _ part: Part, _ random: inout SeededRandom
  ) -> ProvePlan.GatewayFault? {
    switch Int.random(in: 0..<6, using: &random) {
    case 0..<2 where part != .calm:
      let name =
        part == .early
        ? Self.deal(&early, Self.silencing + Self.authorize, &random)
        : Self.deal(&authorize, Self.authorize, &random)
      return ProvePlan.GatewayFault(
        operation: "authorize", fault: name, count: Int.random(in: 1...2, using: &random),
        amountMinor: amountMinor)
    case 2:
      return ProvePlan.GatewayFault(
        operation: "capture", fault: Self.deal(&capture, Self.capture, &random), count: 1,
        amountMinor: amountMinor)
    default: return nil
    }
  }

  /// The fault of the next refund; half of them have none.
  mutating func drawRefund(
    _ amountMinor: Int64, _ part: Part, _ random: inout SeededRandom
  ) -> ProvePlan.GatewayFault? {
    guard Bool.random(using: &random) else { return nil }
    let name =
      part == .early
      ? Self.deal(&earlyRefund, Self.silencing + Self.refund, &random)
      : Self.deal(&refund, Self.refund, &random)
    return ProvePlan.GatewayFault(
      operation: "refund", fault: name, count: 1, amountMinor: amountMinor)
  }

  private static func deal(
    _ deck: inout [String], _ all: [String], _ random: inout SeededRandom
  ) -> String {
    if deck.isEmpty { deck = all.shuffled(using: &random) }
    return deck.removeLast()
  }
}
