import Money
import Testing

@testable import GatewayCore

enum RoutingSample {
  static let stripe = GatewayAccount(gateway: .stripe, account: "main")
  static let adyen = GatewayAccount(gateway: .adyen, account: "Main")
  static let accounts = [stripe, adyen]

  static func request(
    _ minor: Int64 = 5_000, _ currency: Currency = .eur, intent: UInt128 = 1,
    country: String? = "DE", method: MethodType = .card, brand: String? = "visa",
    merchant: UInt128 = 2
  ) -> RouteRequest {
    RouteRequest(
      intentID: PaymentIntentID(bits: intent), amount: Amount(currency, minor: minor),
      country: country, method: method, brand: brand, merchantID: MerchantID(bits: merchant))
  }

  static func table(_ text: String, version: Int = 3) throws -> RoutingTable {
    RoutingTable(version: version, try RoutingDocument(text, accounts: accounts))
  }

  /// A document of rules, each without its braces.
  static func document(_ rules: String..., fees: String = "") -> String {
    let list = rules.map { "{\($0)}" }.joined(separator: ",")
    return #"{"rules":[\#(list)],"default":["stripe","adyen"],"fees":[\#(fees)]}"#
  }
}

struct RoutingTests {
  static let stripe = RoutingSample.stripe
  static let adyen = RoutingSample.adyen

  static func table() throws -> RoutingTable {
    try RoutingSample.table(
      RoutingSample.document(
        #""name":"large-eur","when":{"amountMinor":{"from":10000},"currencies":["EUR"]},"#
          + #""priority":["adyen","stripe"]"#,
        #""name":"us-amex","when":{"countries":["US"],"brands":["amex"]},"priority":["stripe"]"#,
        #""name":"sepa","when":{"methods":["sepa_debit"]},"priority":["stripe"]"#,
        #""name":"vip","when":{"merchants":["\#(MerchantID(bits: 8))"]},"priority":["adyen:Main"]"#
      ))
  }

  @Test func firstMatchingRuleDecides() throws {
    let table = try Self.table()
    let cases: [(RouteRequest, String)] = [
      (RoutingSample.request(), "default"),
      (RoutingSample.request(9_999), "default"),
      (RoutingSample.request(10_000), "large-eur"),
      (RoutingSample.request(10_000, .usd), "default"),
      (RoutingSample.request(country: "US", brand: "amex"), "us-amex"),
      (RoutingSample.request(country: "US", brand: nil), "default"),
      (RoutingSample.request(country: nil, brand: "amex"), "default"),
      (RoutingSample.request(method: .sepaDebit), "sepa"),
      (RoutingSample.request(merchant: 8), "vip"),
    ]
    for (request, rule) in cases {
      #expect(table.route(request) { _ in nil }.rule == rule, "\(request)")
    }
  }

  @Test func skipsAreExplained() throws {
    let route = try Self.table().route(RoutingSample.request(10_000)) {
      $0.gateway == .adyen ? .breakerOpen : nil
    }
    #expect(route.candidates == [Self.stripe])
    #expect(
      route.explanation == "v3 rule large-eur: stripe:main (skipped: adyen:Main breaker_open)")
    #expect(!route.allowsSecond)
    #expect(route.mode(.automatic) == .charge)
    #expect(route.mode(.manual) == .authorizeOnly)
  }

  /// Where a second gateway is possible every attempt is authorise-only (interleavings 3).
  @Test func aSecondGatewayMeansAuthoriseOnly() throws {
    let table = try Self.table()
    let both = table.route(RoutingSample.request()) { _ in nil }
    #expect(both.allowsSecond && both.mode(.automatic) == .authorizeOnly)
    let adyenOnly = table.route(RoutingSample.request()) { $0.gateway == .stripe ? .noToken : nil }
    #expect(!adyenOnly.allowsSecond && adyenOnly.mode(.automatic) == .authorizeOnly)
    let sepa = table.route(RoutingSample.request(method: .sepaDebit)) { _ in nil }
    #expect(!sepa.allowsSecond && sepa.mode(.automatic) == .charge)
  }

  @Test func theSettingsOrderIsVersionZero() {
    #expect(RoutingTable(settingsOrder: []) == nil)
    let route = RoutingTable(settingsOrder: RoutingSample.accounts)?
      .route(RoutingSample.request()) { _ in nil }
    #expect(route?.explanation == "v0 rule default: stripe:main, adyen:Main")
  }

  // MARK: Order

  @Test(arguments: [
    // rates of stripe and adyen in thousandths, the first gateway
    (nil, nil, "stripe"), (900, 950, "adyen"), (950, 900, "stripe"), (901, 919, "stripe"),
    (nil, 999, "stripe"), (500, nil, "adyen"),
  ] as [(Int?, Int?, String)])
  func theBetterRateComesFirst(stripe: Int?, adyen: Int?, first: String) throws {
    let table = try RoutingSample.table(
      RoutingSample.document(
        #""name":"a","priority":["stripe","adyen"],"order":"success_rate","explorePercent":0"#))
    let route = table.route(
      RoutingSample.request(), permille: { $0.gateway == .stripe ? stripe : adyen },
      skip: { _ in nil })
    #expect(route.candidates.first?.gateway.rawValue == first && route.reason == .successRate)
  }

  @Test func equalRatesGoByFeeAndCostsGoByAmount() throws {
    let fees = """
      {"gateway":"stripe","method":"card","currency":"EUR","basisPoints":100,"fixedMinor":30},
      {"gateway":"adyen","method":"card","currency":"EUR","basisPoints":200,"fixedMinor":10}
      """
    let table = try RoutingSample.table(
      RoutingSample.document(
        #""name":"cheap","when":{"brands":["visa"]},"priority":["stripe","adyen"],"order":"cost""#,
        #""name":"good","priority":["stripe","adyen"],"order":"success_rate","explorePercent":0"#,
        fees: fees))
    // 1,000: 40 against 30; 5,000: 80 against 110.
    let cases: [(Int64, String, GatewayName)] = [
      (1_000, "visa", .adyen), (5_000, "visa", .stripe), (2_000, "visa", .stripe),
      (1_000, "amex", .adyen), (5_000, "amex", .stripe),
    ]
    for (minor, brand, first) in cases {
      let route = table.route(RoutingSample.request(minor, brand: brand)) { _ in nil }
      #expect(route.candidates.first?.gateway == first, "\(minor) \(brand)")
    }
    #expect(
      table.route(RoutingSample.request(1_000, .usd)) { _ in nil }.candidates
        == RoutingSample.accounts)
  }

  @Test func feesRoundHalfUpAndNeverOverflow() {
    let key = FeeSchedule.Key(account: Self.stripe, method: .card, currency: .eur)
    func fee(_ minor: Int64, _ points: Int64, _ fixed: Int64) -> Int64? {
      FeeSchedule([key: .init(basisPoints: points, fixedMinor: fixed)])
        .minor(of: Amount(.eur, minor: minor), .card, at: Self.stripe)
    }
    #expect(fee(1_000, 150, 25) == 40)
    #expect(fee(33, 150, 0) == 0 && fee(34, 150, 0) == 1)
    #expect(fee(.max, 2, 0) == nil && fee(.max, 1, .max) == nil)
    #expect(FeeSchedule().minor(of: Amount(.eur, minor: 1), .card, at: Self.stripe) == nil)
  }

  // MARK: Splits

  /// Over random intents each share gets its percent, within four standard deviations; the same
  /// intent always draws the same; what is drawn and unusable is followed by the others.
  @Test func splitsKeepTheirPercent() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("splits: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let payments = 4_000
    for _ in 0..<10 {
      let percent = Int.random(in: 1...99, using: &random)
      let table = try RoutingSample.table(
        RoutingSample.document(
          #""name":"s","split":[{"to":"stripe","percent":\#(percent)},"#
            + #"{"to":"adyen","percent":\#(100 - percent)}]"#))
      var first = 0
      for _ in 0..<payments {
        let intent = UInt128.random(in: 0...UInt128.max, using: &random)
        let request = RoutingSample.request(intent: intent)
        let route = table.route(request) { _ in nil }
        #expect(route == table.route(request) { _ in nil }, "seed \(seed)")
        #expect(Set(route.candidates) == Set(RoutingSample.accounts) && route.reason == .split)
        let other = table.route(request) { $0 == route.candidates[0] ? .breakerOpen : nil }
        #expect(other.candidates == [route.candidates[1]], "seed \(seed)")
        if route.candidates[0] == Self.stripe { first += 1 }
      }
      let expected = Double(payments * percent) / 100
      let deviation = (expected * Double(100 - percent) / 100).squareRoot()
      #expect(
        abs(Double(first) - expected) <= 4.5 * deviation + 1,
        "seed \(seed): \(first) of \(payments) at \(percent) %")
    }
  }

  /// Splits of different rules, and exploration, draw independently.
  @Test func drawsDifferByWhatTheyAreFor() {
    let both = (0..<2_000).count { index in
      let request = RoutingSample.request(intent: UInt128(index) << 64 | 77)
      return request.draw("split a") < 50 && request.draw("split b") < 50
    }
    #expect((400...600).contains(both), "\(both)")
  }

  @Test func aShareExplores() throws {
    let table = try RoutingSample.table(
      RoutingSample.document(
        #""name":"a","priority":["stripe","adyen"],"order":"success_rate","explorePercent":20"#))
    var explored = 0
    var elsewhere = 0
    for index in 0..<2_000 {
      let route = table.route(
        RoutingSample.request(intent: UInt128(index) << 70),
        permille: { $0 == Self.stripe ? 990 : 100 }, skip: { _ in nil })
      if route.reason == .explored { explored += 1 }
      if route.candidates.first == Self.adyen { elsewhere += 1 }
    }
    #expect((300...500).contains(explored) && (130...270).contains(elsewhere))
  }
}
