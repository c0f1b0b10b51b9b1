import Money
import Testing

@testable import GatewayCore

struct RoutingTests {
  static let stripe = GatewayAccount(gateway: .stripe, account: "main")
  static let adyen = GatewayAccount(gateway: .adyen, account: "Main")

  static func request(
    _ minor: Int64 = 5_000,
    _ currency: Currency = .eur,
    country: String? = "DE",
    method: MethodType = .card,
    brand: String? = "visa"
  ) -> RouteRequest {
    RouteRequest(
      amount: Amount(currency, minor: minor),
      country: country,
      method: method,
      brand: brand,
      merchantID: MerchantID(bits: 2)
    )
  }

  static func table() throws -> RoutingTable {
    try RoutingTable(
      version: 3,
      rules: [
        RoutingRule(
          name: "large-eur",
          amountMinor: 10_000...Int64.max,
          currencies: [.eur],
          priority: [adyen, stripe]
        ),
        RoutingRule(name: "us-amex", countries: ["US"], brands: ["amex"], priority: [stripe]),
        RoutingRule(name: "sepa", methods: [.sepaDebit], priority: [stripe]),
        RoutingRule(name: "vip", merchants: [MerchantID(bits: 8)], priority: [adyen]),
      ],
      fallback: [stripe, adyen]
    )
  }

  @Test func firstMatchingRuleDecides() throws {
    let table = try Self.table()
    func rule(_ request: RouteRequest) -> String { table.route(request) { _ in nil }.rule }
    #expect(rule(Self.request()) == "default")
    #expect(rule(Self.request(10_000)) == "large-eur")
    #expect(rule(Self.request(10_000, .usd)) == "default")
    #expect(rule(Self.request(country: "US", brand: "amex")) == "us-amex")
    #expect(rule(Self.request(country: "US", brand: nil)) == "default")
    #expect(rule(Self.request(method: .sepaDebit)) == "sepa")
    var vip = Self.request()
    vip.merchantID = MerchantID(bits: 8)
    #expect(rule(vip) == "vip")
  }

  @Test func skipsAreExplained() throws {
    let route = try Self.table().route(Self.request(10_000)) {
      $0.gateway == .adyen ? .breakerOpen : nil
    }
    #expect(route.candidates == [Self.stripe])
    #expect(
      route.explanation == "v3 rule large-eur: stripe:main (skipped: adyen:Main breakerOpen)"
    )
    #expect(!route.allowsSecond)
    #expect(route.mode(.automatic) == .charge)
    #expect(route.mode(.manual) == .authorizeOnly)
  }

  /// Where a second gateway is possible every attempt is authorise-only (interleavings 3).
  @Test func aSecondGatewayMeansAuthoriseOnly() throws {
    let table = try Self.table()
    let both = table.route(Self.request()) { _ in nil }
    #expect(both.allowsSecond && both.mode(.automatic) == .authorizeOnly)
    let adyenOnly = table.route(Self.request()) { $0.gateway == .stripe ? .noToken : nil }
    #expect(!adyenOnly.allowsSecond && adyenOnly.mode(.automatic) == .authorizeOnly)
    let sepa = table.route(Self.request(method: .sepaDebit)) { _ in nil }
    #expect(!sepa.allowsSecond && sepa.mode(.automatic) == .charge)
  }

  @Test func brokenTablesAreRefused() {
    let stripe = Self.stripe
    #expect(throws: RoutingTableError.emptyPriority(rule: "a")) {
      try RoutingTable(
        version: 1,
        rules: [RoutingRule(name: "a", priority: [])],
        fallback: [stripe]
      )
    }
    #expect(throws: RoutingTableError.amountWithoutCurrency(rule: "b")) {
      try RoutingTable(
        version: 1,
        rules: [RoutingRule(name: "b", amountMinor: 1...2, priority: [stripe])],
        fallback: [stripe]
      )
    }
    #expect(throws: RoutingTableError.emptyFallback) {
      try RoutingTable(version: 1, rules: [], fallback: [])
    }
  }

  @Test func referencesComeBack() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      let bits = UInt128.random(in: 0...UInt128.max, using: &random)
      let number = Int.random(in: 1...9_999, using: &random)
      for reference in [
        GatewayReference.authorize(AttemptID(bits: bits)),
        .get(AttemptID(bits: bits), try: number), .cancel(AttemptID(bits: bits), try: number),
        .compensate(AttemptID(bits: bits)), .capture(CaptureID(bits: bits), try: number),
        .refund(RefundID(bits: bits)),
      ] {
        #expect(GatewayReference(reference.text) == reference)
        #expect(reference.text.utf8.count <= GatewayReference.lengthMax)
        #expect(reference.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(!CardNumberDetector.contains(reference.text))
      }
    }
    let good = GatewayReference.authorize(AttemptID(bits: 7)).text
    #expect(GatewayReference(good)?.attemptID == AttemptID(bits: 7))
    for bad in [
      "", "t", String(good.dropLast()), good + "00000", good + "x", "x" + good.dropFirst(),
      String(good.dropLast()) + "0", "tq" + good.dropFirst(2),
    ] {
      #expect(GatewayReference(bad) == nil, "\(bad)")
    }
  }
}

struct BreakerTests {
  private func record(
    _ breaker: inout Breaker,
    _ result: Breaker.Result,
    _ count: Int,
    took: Int64 = 100,
    at now: Int64
  ) {
    for _ in 0..<count {
      breaker.record(result, tookMilliseconds: took, nowMilliseconds: now, random: 0)
    }
  }

  @Test func opensAtHalfOfTwentyCalls() {
    var breaker = Breaker()
    record(&breaker, .answered, 10, at: 0)
    record(&breaker, .failed, 9, at: 500)
    #expect(breaker.admit(nowMilliseconds: 500) == .allowed)
    record(&breaker, .failed, 1, at: 600)
    #expect(breaker.admit(nowMilliseconds: 700) == .denied(retryAfterMilliseconds: 4_900))
  }

  @Test func oldCallsAreForgotten() {
    var breaker = Breaker()
    record(&breaker, .failed, 19, at: 0)
    record(&breaker, .failed, 1, at: 10_000)
    #expect(breaker.state == .closed)
    record(&breaker, .failed, 18, at: 10_100)
    #expect(breaker.state == .closed)
    record(&breaker, .failed, 1, at: 10_200)
    #expect(breaker.state != .closed)
  }

  @Test func fiveFailedConnectsOrManySlowCallsOpen() {
    var breaker = Breaker()
    record(&breaker, .connectFailed, 4, at: 0)
    record(&breaker, .answered, 1, at: 0)
    record(&breaker, .connectFailed, 4, at: 0)
    #expect(breaker.state == .closed)
    record(&breaker, .connectFailed, 1, at: 0)
    #expect(breaker.state == .open(untilMilliseconds: 5_000, openings: 1))
    var slow = Breaker()
    record(&slow, .answered, 8, at: 0)
    record(&slow, .answered, 11, took: 1_801, at: 0)
    #expect(slow.state == .closed)
    record(&slow, .answered, 1, took: 1_801, at: 0)
    #expect(slow.state != .closed)
  }

  /// Routing asks first and sends later, if at all: asking must not use up a probe.
  @Test func askingTakesNoProbe() {
    var breaker = Breaker()
    breaker.force(.open(untilMilliseconds: 1_000, openings: 1))
    #expect(breaker.denies(nowMilliseconds: 999) && !breaker.denies(nowMilliseconds: 1_000))
    #expect(breaker.state == .open(untilMilliseconds: 1_000, openings: 1))
    for _ in 0..<3 { #expect(breaker.admit(nowMilliseconds: 1_000) == .probe) }
    #expect(breaker.denies(nowMilliseconds: 1_000))
  }

  @Test func threeProbesCloseAndAFailureDoubles() {
    var breaker = Breaker()
    breaker.force(.open(untilMilliseconds: 1_000, openings: 1))
    #expect(breaker.admit(nowMilliseconds: 999) == .denied(retryAfterMilliseconds: 1))
    for _ in 0..<3 { #expect(breaker.admit(nowMilliseconds: 1_000) == .probe) }
    guard case .denied = breaker.admit(nowMilliseconds: 1_000) else {
      Issue.record("a fourth probe")
      return
    }
    breaker.forgetProbe()
    #expect(breaker.admit(nowMilliseconds: 1_001) == .probe)
    record(&breaker, .answered, 2, at: 1_100)
    #expect(breaker.state == .halfOpen(admitted: 3, succeeded: 2, openings: 1))
    record(&breaker, .failed, 1, at: 1_200)
    #expect(breaker.state == .open(untilMilliseconds: 11_200, openings: 2))
    for _ in 0..<3 { #expect(breaker.admit(nowMilliseconds: 12_000) == .probe) }
    record(&breaker, .answered, 3, at: 12_100)
    #expect(breaker.state == .closed)
  }

  @Test func openingsAreBoundedAndJittered() {
    var breaker = Breaker()
    breaker.force(.halfOpen(admitted: 1, succeeded: 0, openings: 40))
    breaker.record(.failed, tookMilliseconds: 1, nowMilliseconds: 0, random: 99)
    #expect(breaker.state == .open(untilMilliseconds: 71_880, openings: 41))
  }
}

struct ReversalTests {
  @Test func scheduleNeverEnds() {
    let start = Timestamp(seconds: 1_000)
    let seconds = (1...9).map {
      (ReversalSchedule.due(condemnedAt: start, try: $0) - start) / .seconds(1)
    }
    #expect(seconds == [10, 30, 75, 300, 3_600, 21_600, 86_400, 172_800, 259_200])
  }

  @Test func looksBeforeItActsAndNeverReplays() {
    func step(
      _ gateway: GatewayName,
      _ evidence: Evidence,
      reference: String? = "P",
      fresh: Bool = true
    ) -> ReversalStep {
      ReversalRule.step(
        for: Attempt(
          id: Sample.first,
          sequence: 1,
          gateway: gateway,
          account: "m",
          mode: .authorizeOnly,
          evidence: evidence,
          reference: reference
        ),
        isFresh: fresh
      )
    }
    #expect(step(.stripe, .authorized, fresh: false) == .get(reference: "P"))
    #expect(step(.stripe, .authorized) == .cancel(reference: "P"))
    #expect(step(.stripe, .captured) == .refund(reference: "P"))
    #expect(step(.stripe, .pending) == .wait)
    #expect(step(.stripe, .unknown, reference: nil, fresh: false) == .find)
    #expect(step(.stripe, .unknown, reference: nil) == .wait)
    #expect(step(.adyen, .unknown, reference: nil) == .cancelByReference)
    #expect(step(.adyen, .unknown) == .cancel(reference: "P"))
    #expect(step(.adyen, .captured) == .refund(reference: "P"))
    for done in [Evidence.canceled, .refunded, .notExecuted] {
      #expect(step(.stripe, done) == .done && step(.adyen, done) == .done)
    }
    let decline = Decline(class: .never, code: "c", gatewayCode: "c")
    #expect(step(.stripe, .declined(decline, isAlive: true)) == .cancel(reference: "P"))
    #expect(step(.stripe, .declined(decline, isAlive: false)) == .done)
  }

  /// Interleavings 5: once a second attempt exists, evidence is read-only.
  @Test func probesReplayOnlyTheSoleAttempt() {
    func step(
      _ events: [OperationEvent],
      age: Int64 = 8,
      windowIsOpen: Bool = true
    ) -> ProbeStep {
      ProbeRule.step(
        for: Sample.first,
        in: Sample.operation(.automatic, events),
        ageSeconds: age,
        sendWindowIsOpen: windowIsOpen
      )
    }
    let sole = [Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer)]
    #expect(step(sole) == .replay)
    // The call that sent it may still try another gateway.
    #expect(step(sole, age: 7) == .find)
    #expect(step(sole, age: 23 * 3_600) == .find)
    #expect(step(sole, windowIsOpen: false) == .find)
    let pair = sole + [Sample.start(Sample.second, .adyen, speculative: true)]
    #expect(step(pair) == .find)
    let adyen = [Sample.start(Sample.first, .adyen), .outcome(Sample.first, Sample.noAnswer)]
    #expect(step(adyen) == .replay && step(adyen, windowIsOpen: false) == .wait)
    #expect(step(sole + [.close(.gaveUp, onlyIfUnsent: false)]) == .wait)
    let known = [Sample.start(Sample.first), .outcome(Sample.first, Sample.bankPending)]
    #expect(step(known) == .get(reference: "pi_1"))
  }
}
