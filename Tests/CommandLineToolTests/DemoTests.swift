import InboundHTTP
import Money
import Seal
import Testing
import Wire

@testable import CommandLineTool

@Suite struct DemoTests {
  @Test("a seed repeats a plan: amounts, faults and kills; every service is killed once")
  func plan() {
    let plan = DemoPlan(seed: 7, payments: 20, run: "a")
    #expect(plan == DemoPlan(seed: 7, payments: 20, run: "a"))
    #expect(plan != DemoPlan(seed: 8, payments: 20, run: "a"))
    #expect(Set(plan.payments.map(\.amountMinor)).count == 20)
    #expect(Set(plan.payments.map(\.key)).count == 20)
    #expect(plan.payments.compactMap(\.kill).count == PlatformService.allCases.count)
    #expect(Set(plan.payments.compactMap(\.kill)) == Set(PlatformService.allCases))
    #expect(plan.payments.contains { $0.fault != nil } && plan.payments.contains { $0.fault == nil })
    let other = DemoPlan(seed: 7, payments: 20, run: "b")
    #expect(Set(plan.payments.map(\.key)).isDisjoint(with: other.payments.map(\.key)))
  }

  @Test("books agree only when every column has the same count and sum")
  func books() {
    var books = DemoBooks()
    for amount: Int64 in [100, 250] {
      books.asked.add(amount)
      books.charged.add(amount)
      books.booked.add(amount)
      books.announced.add(amount)
    }
    (books.calls, books.kills) = (20, 6)
    #expect(books.agrees)
    #expect(
      books.line == "2 asked · 20 calls · 6 kills · 2 charged · 2 booked · 2 announced"
        + " · difference 0.00 EUR")
    var twice = books
    twice.charged.add(250)
    #expect(!twice.agrees && twice.differenceMinor == 250)
    var silent = books
    silent.announced = DemoBooks.Column(count: 1, amountMinor: 350)
    #expect(!silent.agrees && silent.differenceMinor == 0)
  }
}

@Suite struct ArgumentTests {
  @Test(
    "amounts that are none are refused as wrong usage",
    arguments: [
      ["49.999", "EUR"], ["49,99", "EUR"], ["1e3", "EUR"], ["10.5", "JPY"], ["0", "EUR"],
      ["0.00", "EUR"], ["5", "eur"], ["5", "XXQ"], ["5"], ["5 EUR", "EUR"],
    ])
  func refused(words: [String]) {
    #expect {
      try AmountArgument.parse(words)
    } throws: {
      ($0 as? Failure)?.status == .usage
    }
  }

  @Test("one text or two")
  func accepted() throws {
    let amount = Amount(.eur, minor: 999)
    #expect(try AmountArgument.parse(["9.99", "EUR"]) == amount)
    #expect(try AmountArgument.parse(["9.99 EUR"]) == amount)
  }

  @Test("a key is taken as given, made where missing, refused when no service takes it")
  func keys() throws {
    #expect(try CallKeys.choose("k1", prefix: "pay") == "k1")
    #expect(try CallKeys.choose(nil, prefix: "pay").hasPrefix("pay-"))
    #expect(throws: Failure.self) { try CallKeys.choose("two words", prefix: "pay") }
    #expect(throws: Failure.self) { try CallKeys.choose("", prefix: "pay") }
  }
}

@Suite struct WebhookVerifierTests {
  static let body = Array(#"{"type":"payment_intent.succeeded"}"#.utf8)
  static let key = SecretBytes(Array(repeating: 7, count: 32))
  static let secret = "whsec_" + Base64.encode(Array(repeating: 7, count: 32))

  private func request(
    id: String = "evt_a", at seconds: Int64 = 1_000, body: [UInt8] = body, signature: String? = nil
  ) -> Request {
    let code = HMACSHA256.code(Array("evt_a.1000.".utf8) + Self.body, key: Self.key)
    return Request(
      method: "POST", path: "/",
      headers: [
        ("webhook-id", id), ("webhook-timestamp", String(seconds)),
        ("webhook-signature", signature ?? "v1,AAAA v1,\(Base64.encode(code))"),
      ], body: body)
  }

  @Test("only the signed bytes, under the signed id and time, not too old")
  func verdicts() throws {
    let verifier = try #require(WebhookVerifier(secret: Self.secret))
    #expect(verifier.verify(request(), nowSeconds: 1_010) == .valid)
    #expect(verifier.verify(request(), nowSeconds: 1_301) != .valid)
    #expect(verifier.verify(request(id: "evt_b"), nowSeconds: 1_010) != .valid)
    #expect(verifier.verify(request(at: 1_001), nowSeconds: 1_010) != .valid)
    #expect(verifier.verify(request(body: Self.body + [32]), nowSeconds: 1_010) != .valid)
    #expect(verifier.verify(request(signature: "v1a,AAAA"), nowSeconds: 1_010) != .valid)
    let bare = Request(method: "POST", path: "/", body: Self.body)
    #expect(verifier.verify(bare, nowSeconds: 1_010) != .valid)
    #expect(WebhookVerifier(secret: "secret") == nil)
  }
}

@Suite struct MeasurementTests {
  @Test(
    "figures have at most two decimals",
    arguments: [(0, "0"), (5, "5"), (1.005, "1"), (2.5, "2.50"), (0.07, "0.07"), (-1.5, "-1.50")])
  func text(value: Double, text: String) {
    #expect(Measurement.text(value) == text)
  }

  @Test("what payers got: how fast, what came of it, and who waited too long")
  func payments() throws {
    var tally = PaymentsBench.Tally()
    tally.add(.succeeded, afterMicroseconds: 20_000)
    tally.add(.succeeded, afterMicroseconds: 5_000_000)
    tally.add(.processing, afterMicroseconds: 6_000_000)
    tally.add(.failed, afterMicroseconds: 40_000)
    for _ in 0..<3 { tally.add(refusal: "unavailable", afterMicroseconds: 5_500_000) }
    #expect(tally.asked == 7)
    let rows = PaymentsBench.rows(tally, rate: 2, loadMilliseconds: 2_000)
    func value(_ name: String) -> Double? { rows.first { $0.name == name }?.value }
    #expect(value("succeeded") == 1 && value("processing") == 1 && value("failed") == 1)
    #expect(value("not made") == 3 && value("refused: unavailable") == 3)
    let slowest = try #require(value("slowest"))
    #expect(slowest >= 6_000 && slowest < 6_100)
    let late = try #require(rows.first { $0.name == "above 5 s" })
    #expect(late.value == 4 && late.bar == 0)
  }

  @Test("costs are by payment, and stand beside those of the load without faults")
  func costs() {
    func rows(_ microseconds: Double) -> [Measurement] {
      PaymentsBench.rows(
        ServiceCosts(cpuMicroseconds: [.intents: microseconds], commits: [.gateway: 8]),
        ownMicroseconds: 0, drainMilliseconds: 5, payments: 2)
    }
    let beside = PaymentsBench.compare(rows(6_000), with: rows(4_000))
    let all = beside.first { $0.name == "CPU of all services" }
    #expect(all?.value == 3 && all?.reference == 2 && all?.ratio == 1.5)
    #expect(beside.first { $0.name == "commits" }?.value == 4)
    #expect(beside.first { $0.name == "commits of gateway-router" }?.ratio == 1)
  }
}
