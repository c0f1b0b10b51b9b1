/// What one seed stands for: callers and outages, as a pure value. The same seed is the same plan.
struct ProvePlan: Sendable, Equatable {
  enum Capture: Sendable, Equatable {
    case automatic, manual
  }

  enum Form: Sendable, Equatable {
    /// Create and confirm in one call.
    case atOnce
    /// Create, then confirm under a key of its own.
    case inTwoCalls
  }

  /// What follows once the payment has an answer. Every mutation is made by two callers at once.
  enum Step: Sendable, Equatable {
    case capture(amountMinor: Int64)
    case cancel
    /// At the same instant, each under its own key: at most one may win.
    case captureAgainstCancel(amountMinor: Int64)
    case twoCaptures(amountMinor: Int64, otherMinor: Int64)
    /// The same key again: the stored answer.
    case repeatCall
    /// The same key with another amount: refused.
    case otherPayload
    /// A call that the state may not allow.
    case confirmAgain, captureAgain, cancelAgain
    /// Another merchant asks for it: not found.
    case askAsOther
  }

  struct GatewayFault: Sendable, Equatable {
    let operation: String
    let fault: String
    let count: Int
  }

  struct Payment: Sendable, Equatable {
    let number: Int
    /// Its place among the seed's merchants.
    let merchant: Int
    /// The merchants of a seed use the same keys: they must not meet.
    let key: String
    let method: String
    let amountMinor: Int64
    let capture: Capture
    let form: Form
    let startMilliseconds: Int64
    let callers: Int
    /// Asks once and goes away, whatever happens.
    let leaves: Bool
    let fault: GatewayFault?
    let steps: [Step]

    var description: String { "prove payment \(number)" }
  }

  static let currency = "EUR"
  static let merchants = 2
  /// Below it, too few would meet the gateway that refuses connections to open its breaker.
  static let paymentsMin = 40
  static let callersMax = 4
  /// When the last payment starts.
  static let loadMilliseconds: Int64 = 19_000

  let seed: UInt64
  let payments: [Payment]
  let outages: [PlannedOutage]

  /// - Parameter run: tells the keys of runs with the same seed apart.
  init(seed: UInt64, payments count: Int, run: String) {
    var random = SeededRandom(seed: seed)
    self.seed = seed
    let outages = OutageSchedule(&random)
    self.outages = outages.planned
    // Distinct amounts tell the payments apart at the gateways, which the faults match by.
    var amounts: Set<Int64> = []
    while amounts.count < count { amounts.insert(Int64.random(in: 1_000...9_999, using: &random)) }
    let shuffled = amounts.sorted().shuffled(using: &random)
    var decks = FaultDecks()
    let leaving = outages.ambush + OutageSchedule.ambushPaymentAfter
    payments = (0..<count).map { index in
      let start = Int64(index) * Self.loadMilliseconds / Int64(count)
      let draft = Draft(
        number: index + 1, merchant: index % Self.merchants,
        key: "prove-\(seed)-\(run)-\(index / Self.merchants + 1)", amountMinor: shuffled[index],
        startMilliseconds: start)
      // One payer leaves where the ambush lies: nobody else asks for this payment again.
      let isAmbushed = index == Int(leaving * Int64(count) / Self.loadMilliseconds)
      return isAmbushed ? draft.leaving(at: leaving) : draft.payment(&decks, &random)
    }
  }
}

extension ProvePlan {
  /// Every kind of payment comes up in each run of so many payments, in a place that the seed
  /// chooses within it.
  struct Draft {
    let number: Int
    let merchant: Int
    let key: String
    let amountMinor: Int64
    let startMilliseconds: Int64

    static let good = "card_visa"
    static let declined = ["card_declined", "card_insufficient_funds", "card_expired", "card_lost"]
    func leaving(at milliseconds: Int64) -> Payment {
      Payment(
        number: number, merchant: merchant, key: key, method: Self.good, amountMinor: amountMinor,
        capture: .automatic, form: .atOnce, startMilliseconds: milliseconds, callers: 1,
        leaves: true, fault: nil, steps: [])
    }

    func payment(_ decks: inout FaultDecks, _ random: inout SeededRandom) -> Payment {
      let isDeclined = Int.random(in: 0..<8, using: &random) == 0
      let capture: Capture = Int.random(in: 0..<5, using: &random) < 2 ? .manual : .automatic
      return Payment(
        number: number, merchant: merchant, key: key,
        method: isDeclined ? Self.declined.randomElement(using: &random) ?? Self.good : Self.good,
        amountMinor: amountMinor, capture: capture,
        form: Int.random(in: 0..<4, using: &random) == 0 ? .inTwoCalls : .atOnce,
        startMilliseconds: startMilliseconds,
        callers: Int.random(in: 1...ProvePlan.callersMax, using: &random), leaves: false,
        fault: decks.draw(&random), steps: steps(capture, &random))
    }

    private func steps(_ capture: Capture, _ random: inout SeededRandom) -> [Step] {
      var steps: [Step] = []
      let part = Int64.random(in: 1...amountMinor, using: &random)
      if capture == .manual {
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: steps.append(.capture(amountMinor: amountMinor))
        case 2: steps.append(.capture(amountMinor: part))
        case 3: steps.append(.captureAgainstCancel(amountMinor: part))
        case 4: steps.append(.twoCaptures(amountMinor: amountMinor, otherMinor: part))
        default: steps.append(.cancel)
        }
      }
      let further: [Step] = [
        .repeatCall, .otherPayload, .confirmAgain, .captureAgain, .cancelAgain, .askAsOther,
      ]
      return steps + further.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
    }
  }
}

/// The gateways' faults, dealt like cards: each comes up before one comes again.
struct FaultDecks: Sendable {
  /// What an authorisation's answer meets. "after": the gateway has acted.
  static let authorize = [
    "timeout_after", "timeout_before", "error_500_after", "error_500", "bad_gateway",
    "bad_gateway_after", "unavailable", "rate_limited", "truncated", "invalid_json",
    "close_before", "close_after", "reset_after", "slow",
  ]
  static let capture = [
    "timeout_after", "error_500_after", "error_500", "truncated", "close_after", "reset_after",
  ]

  private var authorize: [String] = []
  private var capture: [String] = []

  /// The fault of the next payment; half of them have none.
  mutating func draw(_ random: inout SeededRandom) -> ProvePlan.GatewayFault? {
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      ProvePlan.GatewayFault(
        operation: "authorize", fault: Self.deal(&authorize, Self.authorize, &random),
        count: Int.random(in: 1...2, using: &random))
    case 2:
      ProvePlan.GatewayFault(
        operation: "capture", fault: Self.deal(&capture, Self.capture, &random), count: 1)
    default: nil
    }
  }

  private static func deal(
    _ deck: inout [String], _ all: [String], _ random: inout SeededRandom
  ) -> String {
    if deck.isEmpty { deck = all.shuffled(using: &random) }
    return deck.removeLast()
  }
}
