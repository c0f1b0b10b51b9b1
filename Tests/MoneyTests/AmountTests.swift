import Testing

@testable import Money

struct AmountTests {
  struct Good: Sendable {
    let text: String
    let currency: Currency
    let minor: Int64
  }

  @Test(arguments: [
    Good(text: "49.99", currency: .eur, minor: 4_999),
    Good(text: "49.9", currency: .eur, minor: 4_990),
    Good(text: "49", currency: .eur, minor: 4_900),
    Good(text: "0", currency: .eur, minor: 0),
    Good(text: "0.01", currency: .eur, minor: 1),
    Good(text: "4999", currency: .jpy, minor: 4_999),
    Good(text: "4.999", currency: .kwd, minor: 4_999),
    Good(text: "92233720368547758.07", currency: .eur, minor: .max),
    Good(text: "9223372036854775807", currency: .jpy, minor: .max),
  ])
  func accepted(good: Good) throws {
    #expect(try Amount.parse(good.text, good.currency) == Amount(good.currency, minor: good.minor))
  }

  struct Bad: Sendable {
    let text: String
    let currency: Currency
    let error: AmountParseError
    init(_ text: String, _ currency: Currency, _ error: AmountParseError) {
      (self.text, self.currency, self.error) = (text, currency, error)
    }
  }

  @Test(arguments: [
    Bad("", .eur, .empty),
    Bad("49.999", .eur, .tooManyDecimals(.eur)),
    Bad("49.999 EUR", .eur, .tooManyDecimals(.eur)),
    Bad("49.99 EUR", .eur, .space(position: 5)),
    Bad("49,99", .eur, .comma(position: 2)),
    Bad("1,000.00", .eur, .comma(position: 1)),
    Bad("1e3", .eur, .exponentNotation(position: 1)),
    Bad("1E3", .eur, .exponentNotation(position: 1)),
    Bad("10.5", .jpy, .decimalsNotAllowed(.jpy)),
    Bad("10.", .jpy, .decimalsNotAllowed(.jpy)),
    Bad("+1", .eur, .sign),
    Bad("-1", .eur, .sign),
    Bad("\u{2212}1", .eur, .sign),
    Bad("1-", .eur, .unexpectedCharacter(position: 1)),
    Bad(" 1", .eur, .space(position: 0)),
    Bad("1 ", .eur, .space(position: 1)),
    Bad("1\u{A0}000", .eur, .space(position: 1)),
    Bad(".50", .eur, .missingWholePart),
    Bad("5.", .eur, .missingDecimals),
    Bad("007", .eur, .leadingZero),
    Bad("00.1", .eur, .leadingZero),
    Bad("1.2.3", .eur, .secondPoint(position: 3)),
    Bad("EUR", .eur, .unexpectedCharacter(position: 0)),
    Bad("0x10", .eur, .unexpectedCharacter(position: 1)),
    Bad("１２", .eur, .unexpectedCharacter(position: 0)),
    Bad("1\u{0}", .eur, .unexpectedCharacter(position: 1)),
    Bad("1\u{301}", .eur, .unexpectedCharacter(position: 0)),
    Bad("92233720368547758.08", .eur, .overflow),
    Bad("9223372036854775808", .jpy, .overflow),
    Bad("9999999999999999999", .eur, .overflow),
    Bad("111111111111111111111", .eur, .tooLong),
  ])
  func refused(bad: Bad) {
    #expect(throws: bad.error) { try Amount.parse(bad.text, bad.currency) }
  }

  @Test func printsWhatItParses() throws {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      for currency in [Currency.eur, .jpy, .kwd] {
        let bits = Int.random(in: 0...62, using: &random)
        let amount = Amount(currency, minor: Int64.random(in: 0...(1 << bits), using: &random))
        #expect(try Amount.parse(amount.decimal, currency) == amount)
      }
    }
    #expect(Amount(.eur, minor: 5).description == "0.05 EUR")
    #expect(Amount(.eur, minor: -4_999).description == "-49.99 EUR")
    #expect(Amount(.jpy, minor: .min).decimal == "-9223372036854775808")
    #expect(Amount(.eur, minor: .min).decimal == "-92233720368547758.08")
  }

  @Test func arithmeticIsChecked() throws {
    let one = Amount(.eur, minor: 1)
    let most = Amount(.eur, minor: .max)
    #expect(throws: AmountError.overflow) { try most.adding(one) }
    #expect(throws: AmountError.overflow) { try Amount(.eur, minor: .min).subtracting(one) }
    #expect(throws: AmountError.overflow) { try Amount(.eur, minor: .min).negated() }
    #expect(throws: AmountError.overflow) { try most.multiplied(by: 2) }
    #expect(throws: AmountError.currencyMismatch) { try one.adding(Amount(.usd, minor: 1)) }
    #expect(throws: AmountError.currencyMismatch) { try one.isLess(than: Amount(.usd, minor: 2)) }
    #expect(try Amount.sum([one, one, one], .eur).minor == 3)
  }

  @Test func currenciesHaveTheirExponents() {
    #expect(Currency("EUR") == .eur && Currency("JPY") == .jpy && Currency("KWD") == .kwd)
    let expected: [(String, Int)] = [
      ("EUR", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("CLP", 0), ("UGX", 0),
      ("BHD", 3), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4), ("MGA", 2), ("XCG", 2),
    ]
    for (code, exponent) in expected { #expect(Currency(code)?.exponent == exponent) }
    for text in ["", "EU", "EURO", "eur", "XXX", "XTS", "XAU", "XDR", "ZZZ", "E R", "ÉUR", "123"] {
      #expect(Currency(text) == nil)
    }
    #expect(Currency.all.count > 160)
    #expect(Currency.all.allSatisfy { Currency($0.code) == $0 })
    #expect(Currency.eur.minorPerMajor == 100 && Currency.jpy.minorPerMajor == 1)
  }

  @Test func idempotencyKeys() throws {
    #expect(try IdempotencyKey("a").text == "a")
    #expect(try IdempotencyKey(String(repeating: "~", count: 255)).text.count == 255)
    #expect(throws: IdempotencyKeyError.empty) { try IdempotencyKey("") }
    #expect(throws: IdempotencyKeyError.tooLong) {
      try IdempotencyKey(String(repeating: "a", count: 256))
    }
    for bad in ["a b", "a\n", "ä", "\u{7F}", "\u{0}"] {
      #expect(throws: IdempotencyKeyError.self) { try IdempotencyKey(bad) }
    }
  }
}
