/// A payment of a plan before the seed has decided what it is.
struct PaymentDraft {
  static let good = "card_visa"
  static let declined = ["card_declined", "card_insufficient_funds", "card_expired", "card_lost"]
  static let refundsMax = 4

  let number: Int
  let merchant: Int
  let key: String
  let amountMinor: Int64
  let startMilliseconds: Int64

  /// One caller, one good card, nothing else.
  var plain: ProvePlan.Payment {
    ProvePlan.Payment(
      number: number, merchant: merchant, key: key, amountMinor: amountMinor,
      startMilliseconds: startMilliseconds)
  }

  private var part: FaultDecks.Part { FaultDecks.Part(startMilliseconds: startMilliseconds) }

  func payment(_ decks: inout FaultDecks, _ random: inout SeededRandom) -> ProvePlan.Payment {
    var payment = plain
    if Int.random(in: 0..<8, using: &random) == 0 {
      payment.method = Self.declined.randomElement(using: &random) ?? Self.good
    }
    payment.capture = Int.random(in: 0..<5, using: &random) < 2 ? .manual : .automatic
    payment.form = Int.random(in: 0..<4, using: &random) == 0 ? .inTwoCalls : .atOnce
    payment.callers = Int.random(in: 1...ProvePlan.callersMax, using: &random)
    if let fault = decks.draw(amountMinor, part, &random) { payment.faults = [fault] }
    payment.steps = steps(payment.capture, &random)
    if Int.random(in: 0..<2, using: &random) == 0 { refund(&payment, &decks, &random) }
    return payment
  }

  private func steps(
    _ capture: ProvePlan.Capture, _ random: inout SeededRandom
  ) -> [ProvePlan.Step] {
    var steps: [ProvePlan.Step] = []
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
    let further: [ProvePlan.Step] = [
      .repeatCall, .otherPayload, .confirmAgain, .captureAgain, .cancelAgain, .askAsOther,
    ]
    return steps + further.shuffled(using: &random).prefix(Int.random(in: 0...2, using: &random))
  }

  private func refund(
    _ payment: inout ProvePlan.Payment, _ decks: inout FaultDecks, _ random: inout SeededRandom
  ) {
    let amounts = refundAmounts(&random)
    payment.steps.append(.refund(amountsMinor: amounts))
    // A refund of whatever is left has the payment's amount where nothing was refunded before.
    if let amount = amounts.randomElement(using: &random),
      let fault = decks.drawRefund(amount == 0 ? amountMinor : amount, part, &random)
    {
      payment.faults.append(fault)
    }
    let further: [ProvePlan.Step] = [
      .repeatRefund(amountMinor: amounts[0]), .refundOtherPayload(amountMinor: amounts[0] + 1),
      .refundAsOther, .refundNonsense,
    ]
    payment.steps += further.shuffled(using: &random).prefix(
      Int.random(in: 0...2, using: &random))
  }

  /// All, a part, or several parts: together less than the payment, as much, or more.
  private func refundAmounts(_ random: inout SeededRandom) -> [Int64] {
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return [0]
    case 1: return [Int64.random(in: 1...amountMinor, using: &random)]
    // Two halves, and a cent more than that: one of the three cannot win.
    case 2: return [amountMinor / 2, amountMinor - amountMinor / 2, 1]
    default:
      let count = Int.random(in: 2...Self.refundsMax, using: &random)
      let most = min(amountMinor, 2 * amountMinor / Int64(count) + 1)
      return (0..<count).map { _ in Int64.random(in: 1...most, using: &random) }
    }
  }
}
