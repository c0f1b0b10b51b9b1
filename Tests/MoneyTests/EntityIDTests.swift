import Testing

@testable import Money

struct EntityIDTests {
  @Test(arguments: [
    (UInt128(0), "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    (1, "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaab"),
    (25, "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaz"),
    (26, "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaba"),
    (2_481_152_873_203_736_576, "pi_aaaaaaaaaaaaaabaaaaaaaaaaaaa"),
    (UInt128.max, "pi_cdhefomrsrxetmsvhtomcungjkbv"),
  ])
  func knownTexts(bits: UInt128, text: String) {
    #expect(PaymentIntentID(bits: bits).description == text)
    #expect(PaymentIntentID(text)?.bits == bits)
  }

  /// Against the plain way: divide 128 bits by 26, 28 times.
  @Test func textAgreesWithPlainDivision() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<2_000 {
      let width = Int.random(in: 1...128, using: &random)
      let bits = UInt128.random(in: 0...(UInt128.max >> UInt128(128 - width)), using: &random)
      var rest = bits
      var letters: [UInt8] = []
      for _ in 0..<28 {
        letters.append(0x61 + UInt8(rest % 26))
        rest /= 26
      }
      let plain = "evt_" + String(decoding: letters.reversed(), as: UTF8.self)
      #expect(EventID(bits: bits).description == plain)
      #expect(EventID(plain)?.bits == bits)
      #expect(EventID(bytes: EventID(bits: bits).bytes)?.bits == bits)
      #expect(EntityIDText.bits(ofLetters: EntityIDText.letters(of: bits).utf8.span) == bits)
    }
  }

  @Test func orderIsTheSameEverywhere() {
    var random = SeededGenerator(seed: 11)
    let ids = (0..<500).map { _ in
      PaymentIntentID.generate(
        milliseconds: Int64.random(in: 0...(1 << 47), using: &random),
        random: &random
      )
    }
    let sorted = ids.sorted()
    #expect(ids.sorted { $0.description < $1.description } == sorted)
    #expect(ids.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) } == sorted)
    #expect(
      ids.sorted { $0.milliseconds < $1.milliseconds }.map(\.milliseconds)
        == sorted.map(\.milliseconds)
    )
  }

  @Test(arguments: [
    "", "pi_", "pi", "_aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "re_aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaa", "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "pi_Aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "pi_1aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "pi-aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "pi_zzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaa\u{0}", "piaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " pi_aaaaaaaaaaaaaaaaaaaaaaaaaaa", "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaä",
  ])
  func otherTextsAreNoIDs(text: String) {
    #expect(PaymentIntentID(text) == nil)
  }

  @Test func largestValueAndTheOneAbove() throws {
    let largest = PaymentIntentID(bits: .max).description
    #expect(PaymentIntentID(largest)?.bits == .max)
    var letters = Array(largest.utf8)
    letters[letters.count - 1] += 1
    #expect(letters[letters.count - 1] <= 0x7A)
    #expect(PaymentIntentID(String(decoding: letters, as: UTF8.self)) == nil)
  }

  @Test func merchantsShowWhetherTheyAreLive() throws {
    let test = MerchantID.generate(milliseconds: 1_700_000_000_000, random: .max, isLive: false)
    let live = MerchantID.generate(milliseconds: 1_700_000_000_000, random: .max, isLive: true)
    #expect(!test.isLive && test.description.hasPrefix("mt_"))
    #expect(live.isLive && live.description.hasPrefix("ml_"))
    #expect(MerchantID(live.description) == live)
    #expect(MerchantID("mt_" + live.description.dropFirst(3)) == nil)
    #expect(MerchantID("ml_" + test.description.dropFirst(3)) == nil)
    #expect(!MerchantID.generate(milliseconds: 5, random: .max).isLive)
  }

  @Test func prefixesAreThoseOfTheContracts() {
    let texts = [
      PaymentIntentID(bits: 0).description, RefundID(bits: 0).description,
      PaymentMethodID(bits: 0).description, EventID(bits: 0).description,
      SubscriptionID(bits: 0).description, InvoiceID(bits: 0).description,
      DisputeID(bits: 0).description, LedgerTransactionID(bits: 0).description,
      CustomerID(bits: 0).description, OperationID(bits: 0).description,
      AttemptID(bits: 0).description, EndpointID(bits: 0).description,
      DeliveryID(bits: 0).description, ProductID(bits: 0).description,
      PriceID(bits: 0).description, AccountID(bits: 0).description, AlertID(bits: 0).description,
    ]
    let prefixes = texts.map { String($0.prefix { $0 != "_" }) }
    #expect(
      prefixes == [
        "pi", "re", "tok", "evt", "sub", "in", "dp", "ltx", "cus", "op", "att", "we", "del", "prod",
        "price", "acc", "al",
      ]
    )
    #expect(Set(prefixes).count == prefixes.count)
    #expect(prefixes.allSatisfy { $0.utf8.count <= EntityIDText.prefixLengthMax })
  }

  @Test func timeComesBack() {
    let id = EventID.generate(milliseconds: 1_763_823_600_123, random: .max)
    #expect(id.milliseconds == 1_763_823_600_123)
    #expect(EventID.first(at: 1_763_823_600_123) <= id)
    #expect(EventID.first(at: 1_763_823_600_124) > id)
  }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
