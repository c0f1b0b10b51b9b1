import Money
import Testing
import Wire

private let id = PaymentIntentID(bits: 12_345).description
private let testMerchant = MerchantID(bits: 2).description
private let liveMerchant = MerchantID(bits: 3).description

/// A request without a fault.
private func valid() -> TestingV1.Ruled {
  TestingV1.Ruled(
    requiredText: "text", amountMinor: 5, color: .red,
    part: .init(currency: "EUR", amountMinor: 1), target: .targetName("t"))
}

@Suite struct RulesTests {
  @Test func validRequestPasses() throws {
    var request = valid()
    request.paymentID = id
    request.merchantID = testMerchant
    request.opaque = Array("4111111111111111".utf8)
    request.labels = ["a", "bb", "ccccc"]
    request.attempts = 0
    request.days = [1, 31]
    request.at = .init(seconds: 1_700_000_000, nanos: 999_999_999)
    #expect(try TestingV1.Ruled(decoding: request.encode(), strict: true) == request)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let reason: WireError.Reason
    let path: String
    let change: @Sendable (inout TestingV1.Ruled) -> Void

    init(
      _ reason: WireError.Reason, _ path: String,
      _ change: @escaping @Sendable (inout TestingV1.Ruled) -> Void
    ) {
      self.reason = reason
      self.path = path
      self.change = change
    }

    var testDescription: String { "\(path) \(reason)" }
  }

  static let cases: [Case] = [
    Case(.missing, "required_text") { $0.requiredText = "" },
    Case(.tooLong, "required_text") { $0.requiredText = "123456789" },
    Case(.containsNUL, "required_text") { $0.requiredText = "\0" },
    Case(.invalidID, "payment_id") { $0.paymentID = "pi_1" },
    Case(.invalidID, "payment_id") { $0.paymentID = "re" + id.dropFirst(2) },
    Case(.invalidID, "payment_id") { $0.paymentID = id.uppercased() },
    Case(.invalidID, "payment_id") { $0.paymentID = "pi_" + String(repeating: "z", count: 28) },
    Case(.invalidID, "merchant_id") { $0.merchantID = "ml" + testMerchant.dropFirst(2) },
    Case(.invalidID, "merchant_id") { $0.merchantID = "mt" + liveMerchant.dropFirst(2) },
    Case(.outOfRange, "amount_minor") { $0.amountMinor = 0 },
    Case(.outOfRange, "amount_minor") { $0.amountMinor = 1_001 },
    Case(.tooMany, "labels") { $0.labels = ["a", "b", "c", "d"] },
    Case(.tooLong, "labels[1]") { $0.labels = ["a", "bbbbbb"] },
    Case(.missing, "color") { $0.color = .unspecified },
    Case(.unknownEnum, "color") { $0.color = .unrecognized(9) },
    Case(.tooLong, "opaque") { $0.opaque = [UInt8](repeating: 1, count: 65) },
    Case(.cardData, "checked") { $0.checked = Array("4111 1111 1111 1111".utf8) },
    Case(.missing, "part") { $0.part = nil },
    Case(.missing, "part.currency") { $0.part = .init() },
    Case(.tooLong, "part.currency") { $0.part = .init(currency: "EURO") },
    Case(.missing, "parts[2].currency") {
      $0.parts = [.init(currency: "A"), .init(currency: "B"), .init()]
    },
    Case(.tooMany, "parts") { $0.parts = (0..<5).map { _ in .init(currency: "A") } },
    Case(.missing, "target") { $0.target = nil },
    Case(.missing, "target_part.currency") { $0.target = .targetPart(.init()) },
    Case(.outOfRange, "attempts") { $0.attempts = 10 },
    Case(.outOfRange, "days[1]") { $0.days = [1, 32] },
    Case(.cardData, "note") { $0.note = "card 4111111111111111" },
    Case(.outOfRange, "at.nanos") { $0.at = .init(seconds: 0, nanos: -1) },
    Case(.outOfRange, "at.seconds") { $0.at = .init(seconds: 253_402_300_800) },
    Case(.unknownEnum, "colors[1]") { $0.colors = [.red, .unrecognized(-5)] },
  ]

  @Test(arguments: cases)
  func brokenRuleIsNamed(case: Case) throws {
    var request = valid()
    `case`.change(&request)
    let encoded = request.encode()
    #expect(throws: WireError(`case`.reason, at: `case`.path)) {
      try TestingV1.Ruled(decoding: encoded, strict: true)
    }
    // A newer peer's answer may break any rule of ours.
    #expect(try TestingV1.Ruled(decoding: encoded, strict: false) == request)
  }

  @Test func invalidUTF8IsRefusedOrRepaired() throws {
    let encoded = bytesField(1, [0x61, 0xFF])
    #expect(throws: WireError(.invalidUTF8, at: "name")) {
      try TestingV1.Leaf(decoding: encoded, strict: true)
    }
    #expect(try TestingV1.Leaf(decoding: encoded, strict: false).name == "a\u{FFFD}")
  }

  @Test func cardNumbersAreRefusedInEveryText() throws {
    let message = TestingV1.Everything(
      inner: .init(leaves: [.init(), .init(tags: ["x", "5555 5555 5555 4444"])]))
    #expect(throws: WireError(.cardData, at: "inner.leaves[1].tags[1]")) {
      try TestingV1.Everything(decoding: message.encode(), strict: true)
    }
  }

  @Test func errorsNeverHoldTheValue() throws {
    let error = try #require(throws: WireError.self) {
      try TestingV1.Leaf(
        decoding: TestingV1.Leaf(name: "4111111111111111").encode(), strict: true)
    }
    let details = StatusDetails(refusing: error)
    for text in ["\(error)", "\(details)", "\(details.rpcErrorMetadata)"] {
      #expect(!text.contains("4111"))
    }
    #expect(details.fieldViolations.map(\.field) == ["name"])
  }

  @Test func textHasADefaultLimit() throws {
    let long = TestingV1.Leaf(name: String(repeating: "x", count: 256))
    #expect(throws: WireError(.tooLong, at: "name")) {
      try TestingV1.Leaf(decoding: long.encode(), strict: true)
    }
    let many = TestingV1.Leaf(tags: Array(repeating: "", count: 101))
    #expect(throws: WireError(.tooMany, at: "tags")) {
      try TestingV1.Leaf(decoding: many.encode(), strict: true)
    }
  }
}
