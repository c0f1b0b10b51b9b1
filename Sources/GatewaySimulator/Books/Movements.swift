/// One change of what a gateway owes the merchant, the same for both. `Books` notes it whenever a
/// payment's captured, refunded or disputed amount changes, so that none can be forgotten.
struct Movement: Sendable {
  enum Kind: String, Sendable {
    case capture
    /// A capture that was reported done failed after all.
    case captureFailed = "capture_failed"
    case refund
    case refundFailed = "refund_failed"
    case dispute
    case disputeWon = "dispute_won"
  }

  /// From 1, in the order of the books.
  let number: Int64
  let gateway: Gateway
  let kind: Kind
  let paymentID: String
  /// Signed: what the merchant is owed more, minor units.
  let amount: Int64
  let currency: String
  /// What the gateway keeps for it, minor units; never given back.
  let fee: Int64
  let at: Int64

  var net: Int64 { amount - fee }
}

/// What the gateways charge: made up, round, and different, so that a mistaken one shows.
enum Fees {
  static func minor(_ kind: Movement.Kind, _ gateway: Gateway, amount: Int64, isBank: Bool) -> Int64
  {
    switch (kind, gateway, isBank) {
    case (.capture, .stripe, false): 25 + amount * 15 / 1_000
    case (.capture, .adyen, false): 11 + amount * 6 / 1_000
    case (.capture, .stripe, true): 35
    case (.capture, .adyen, true): 27
    case (.dispute, .stripe, _): isBank ? 750 : 2_000
    case (.dispute, .adyen, _): isBank ? 500 : 1_500
    case (.captureFailed, _, _), (.refund, _, _), (.refundFailed, _, _), (.disputeWon, _, _): 0
    }
  }
}

extension Movement {
  /// What the change of a payment means, if money moved.
  static func between(_ old: Payment?, _ new: Payment, first: Int64, at: Int64) -> [Movement] {
    var movements: [Movement] = []
    func note(_ delta: Int64, _ more: Kind, _ less: Kind, sign: Int64) {
      guard delta != 0 else { return }
      let kind = delta > 0 ? more : less
      movements.append(
        Movement(
          number: first + Int64(movements.count),
          gateway: new.gateway,
          kind: kind,
          paymentID: new.id,
          amount: delta * sign,
          currency: new.currency,
          fee: Fees.minor(kind, new.gateway, amount: abs(delta), isBank: new.isBank),
          at: at
        )
      )
    }
    note(new.captured - (old?.captured ?? 0), .capture, .captureFailed, sign: 1)
    note(new.refunded - (old?.refunded ?? 0), .refund, .refundFailed, sign: -1)
    note(new.disputed - (old?.disputed ?? 0), .dispute, .disputeWon, sign: -1)
    return movements
  }

  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.number("number", number)
      out.text("gateway", gateway.rawValue)
      out.text("kind", kind.rawValue)
      out.text("payment", paymentID)
      out.number("amount", amount)
      out.text("currency", currency)
      out.number("fee", fee)
      out.number("at", at)
    }
  }

  init?(_ json: JSON) {
    guard let number = json["number"]?.int,
      let gateway = json["gateway"]?.text.flatMap(Gateway.init),
      let kind = json["kind"]?.text.flatMap(Kind.init), let paymentID = json["payment"]?.text,
      let amount = json["amount"]?.int, let currency = json["currency"]?.text,
      let fee = json["fee"]?.int, let at = json["at"]?.int
    else { return nil }
    self.init(
      number: number,
      gateway: gateway,
      kind: kind,
      paymentID: paymentID,
      amount: amount,
      currency: currency,
      fee: fee,
      at: at
    )
  }
}

extension Payment {
  var isBank: Bool {
    guard let method else { return false }
    return (gateway == .stripe ? TestMethods.stripe(method) : TestMethods.adyen(method))?.isBank
      ?? false
  }
}

/// What a gateway has paid out: the net of all movements of one day, two days later.
struct Payout: Sendable, Equatable {
  static let dayMilliseconds: Int64 = 86_400_000
  static let daysLater: Int64 = 2

  let gateway: Gateway
  let currency: String
  /// The day's beginning, milliseconds since 1970.
  let day: Int64
  let net: Int64
  let fees: Int64
  let movements: Int64

  private struct Key: Hashable {
    let gateway: Gateway
    let currency: String
    let day: Int64
  }

  /// Those that were made by `now`, the oldest first. A negative one is taken from the merchant.
  static func made(by now: Int64, of movements: some Sequence<Movement>) -> [Payout] {
    var sums: [Key: (net: Int64, fees: Int64, count: Int64)] = [:]
    for movement in movements {
      let day = movement.at / dayMilliseconds * dayMilliseconds
      guard day + daysLater * dayMilliseconds <= now else { continue }
      let key = Key(gateway: movement.gateway, currency: movement.currency, day: day)
      let sum = sums[key] ?? (0, 0, 0)
      sums[key] = (sum.net + movement.net, sum.fees + movement.fee, sum.count + 1)
    }
    return sums.map { key, sum in
      Payout(
        gateway: key.gateway,
        currency: key.currency,
        day: key.day,
        net: sum.net,
        fees: sum.fees,
        movements: sum.count
      )
    }.sorted {
      ($0.day, $0.gateway.rawValue, $0.currency) < ($1.day, $1.gateway.rawValue, $1.currency)
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.object(nil) { out in
      out.text("gateway", gateway.rawValue)
      out.text("currency", currency)
      out.text("day", isoTime(milliseconds: day))
      out.number("net", net)
      out.number("fees", fees)
      out.number("movements", movements)
    }
  }
}
