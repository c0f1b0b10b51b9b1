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
    /// At the same instant, each under its own key; 0: whatever is refundable. Exactly those that
    /// fit together win.
    case refund(amountsMinor: [Int64])
    /// The key of the first refund again: the stored answer.
    case repeatRefund(amountMinor: Int64)
    /// The key of the first refund with another amount: refused.
    case refundOtherPayload(amountMinor: Int64)
    /// Another merchant refunds it: not found.
    case refundAsOther
    /// Refunds that no state allows: nothing, less than nothing, in another currency.
    case refundNonsense
  }

  struct GatewayFault: Sendable, Equatable {
    let operation: String
    let fault: String
    let count: Int
    /// Which request it meets.
    let amountMinor: Int64
  }

  struct Payment: Sendable, Equatable {
    let number: Int
    /// Its place among the seed's merchants.
    let merchant: Int
    /// The merchants of a seed use the same keys: they must not meet.
    let key: String
    var method = PaymentDraft.good
    let amountMinor: Int64
    var capture = Capture.automatic
    var form = Form.atOnce
    var startMilliseconds: Int64
    var callers = 1
    /// Asks once and goes away, whatever happens.
    var leaves = false
    var faults: [GatewayFault] = []
    var steps: [Step] = []

    var description: String { "prove payment \(number)" }

    /// The key of one of its refunds, counted from 0.
    func refundKey(_ place: Int) -> String { "\(key)-refund\(place)" }

    var askedRefunds: [AskedRefund] {
      steps.flatMap { step -> [AskedRefund] in
        guard case .refund(let amounts) = step else { return [] }
        return amounts.enumerated().map { place, amount in
          AskedRefund(
            payment: number, merchant: merchant, key: refundKey(place), amountMinor: amount)
        }
      }
    }
  }

  static let currency = "EUR"
  /// One that no payment has.
  static let otherCurrency = "USD"
  /// The metadata of a refund that names its idempotency key: whose it is.
  static let keyName = "prove_key"
  static let merchants = 2
  /// Below it, too few would meet the gateway that refuses connections to open its breaker.
  static let paymentsMin = 40
  static let callersMax = 4
  /// When the last payment starts.
  static let loadMilliseconds: Int64 = 17_000
  /// A payment that stays unknown for good is left alone only when nothing can send it any more:
  /// what makes such payments strikes early, so that this time is over when the load is.
  static let silencingMilliseconds: Int64 = 4_500
  /// From here on authorisations meet no faults, so that a breaker that is probed can close.
  static let calmMilliseconds: Int64 = 11_500

  /// Payments before anything is broken whose callers leave while the gateway works.
  static let departuresCount = 3

  let seed: UInt64
  let payments: [Payment]
  let departures: [Payment]
  let outages: [PlannedOutage]

  /// Those of the load, and those before it.
  var everyPayment: [Payment] { payments + departures }

  /// The service that stands still for longer than any lease.
  var stands: PlatformService? {
    outages.compactMap { outage -> PlatformService? in
      if case .pause(let service, _) = outage.kind { service } else { nil }
    }.last
  }

  /// - Parameter run: tells the keys of runs with the same seed apart.
  init(seed: UInt64, payments count: Int, run: String, focus: ProveFocus? = nil) {
    var random = SeededRandom(seed: seed)
    self.seed = seed
    let outages = OutageSchedule(&random, stands: focus?.stands)
    self.outages = focus?.shaped(outages.planned) ?? outages.planned
    // Distinct amounts tell the payments apart at the gateways, which the faults match by.
    var amounts: Set<Int64> = []
    while amounts.count < count + Self.departuresCount {
      amounts.insert(Int64.random(in: 1_000...9_999, using: &random))
    }
    let shuffled = amounts.sorted().shuffled(using: &random)
    var decks = FaultDecks()
    let staged = Encounter.all(ambush: outages.ambush)
    departures = (0..<Self.departuresCount).map { index in
      PaymentDraft(
        number: count + index + 1, merchant: index % Self.merchants,
        key: "prove-\(seed)-\(run)-leaves-\(index + 1)", amountMinor: shuffled[count + index],
        startMilliseconds: 0
      ).plain
    }
    payments = (0..<count).map { index in
      let start =
        index < staged.count
        ? Int64(index) * Encounter.everyMilliseconds
        : Int64(index) * Self.loadMilliseconds / Int64(count)
      let draft = PaymentDraft(
        number: index + 1, merchant: index % Self.merchants,
        key: "prove-\(seed)-\(run)-\(index / Self.merchants + 1)", amountMinor: shuffled[index],
        startMilliseconds: start)
      let payment =
        index < staged.count ? staged[index].payment(draft) : draft.payment(&decks, &random)
      return focus?.shaped(payment) ?? payment
    }
  }
}
