import Foundation
import Testing

@testable import Money

struct CardNumberDetectorTests {
  static let numbers = [
    "4242424242424242", "4000056655665556", "4222222222222", "5555555555554444",
    "2223003122003222", "378282246310005", "6011111111111117", "30569309025904",
    "36227206271667", "3566002020360505", "6200000000000005", "6205500000000000004",
    "6759649826438453",
  ]

  @Test(arguments: numbers)
  func everyForm(number: String) throws {
    let groups = stride(from: 0, to: number.count, by: 4).map {
      String(number.dropFirst($0).prefix(4))
    }
    let scalars = number.unicodeScalars.compactMap { Unicode.Scalar($0.value - 0x30 + 0xFF10) }
    let wide = String(String.UnicodeScalarView(scalars))
    let arabic = String(
      String.UnicodeScalarView(
        number.unicodeScalars.compactMap { Unicode.Scalar($0.value - 0x30 + 0x0660) }
      )
    )
    let percent = number.utf8.map { "%" + String($0, radix: 16) }.joined()
    func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
    let json = #"{"card":{"number":"\#(number)","exp":"12/29"}}"#
    func joined(_ separator: String) -> String { groups.joined(separator: separator) }
    func escaped(_ text: String) -> String {
      text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
    var forms: [String] = [number, wide, arabic, percent, json]
    forms.append("card " + number + ".")
    forms.append("card" + number + "end")
    forms.append("pan=" + number + "&cvc=123")
    forms.append(">" + number + "<")
    forms.append("1 x " + number)
    forms.append("q%3D" + number)
    forms.append("%B" + number + "^DOE/JOHN^2912")
    forms.append(";" + number + "=2912")
    let separators: [String] = [
      " ", "-", ".", "+", " - ", "%20", "\u{A0}", "\u{2009}", "\u{200B}", "\u{2010}",
    ]
    for separator in separators { forms.append(joined(separator)) }
    forms.append(number.map { String($0) }.joined(separator: " "))
    forms.append(joined(" ") + " 12/29")
    forms.append(joined(" ") + " 123")
    forms.append(escaped(wide))
    for text in [number, "x" + number, "xy" + number, joined(" "), joined("-"), json] {
      forms.append(base64(text))
      forms.append("data:" + base64(text))
      forms.append("a" + base64(text))
      forms.append(base64(text).replacingOccurrences(of: "=", with: ""))
      forms.append(escaped(base64(text)))
    }
    for form in forms where !form.isEmpty {
      #expect(CardNumberDetector.contains(form), "\(form)")
    }
  }

  @Test(arguments: [
    "", "4242", "pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "4242424242424241",  // fails Luhn
    "1234567890123452",  // passes Luhn, no card range
    "9999999999999995",  // likewise
    "42424242424242",  // no Visa length
    "424242424242424242424242",  // too long
    "1763823600123", "1763823600123456", "1763823600123456789",  // epoch ms, us, ns
    "2026-11-22 15:00:09.123456", "2026-11-22T15:00:09.123456789Z", "20261122150009123",
    "order 100000000000000009", "+49 170 1234567", "+1 (415) 555-2671", "0049 30 901820",
    "550e8400-e29b-41d4-a716-446655440000",
    "42424242-4242-4242-a242-424242424242",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32",
    "FR76 3000 6000 0112 3456 7890 189", "AT861904300235473202",
    "49.99 EUR", "4242.42, 4242.42, 4242.42", "12 34 567 890 12 345",
    "https://example.com/a/0123456789/b?c=987654321", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "10.0.0.1 10.0.0.2 10.0.0.3", "version 1.2.3-4.5.6+7.8.9",
  ])
  func passes(text: String) {
    #expect(!CardNumberDetector.contains(text), "\(text)")
  }

  /// Random texts of the kinds that travel through the platform: few may be refused.
  @Test func falsePositivesAreRare() {
    var random = SeededGenerator(seed: 99)
    var ids = 0
    var sixteen = 0
    var tokens = 0
    for _ in 0..<20_000 {
      let id = EventID.generate(milliseconds: 1_763_823_600_123, random: &random).description
      ids += CardNumberDetector.contains(id) ? 1 : 0
      let digits = String(
        (0..<16).map { _ in Character("\(Int.random(in: 0...9, using: &random))") }
      )
      sixteen += CardNumberDetector.contains(digits) ? 1 : 0
      let bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &random) }
      tokens += CardNumberDetector.contains(Data(bytes).base64EncodedString()) ? 1 : 0
    }
    #expect(ids == 0)
    #expect(tokens == 0)
    #expect(sixteen < 20_000 * 4 / 100, "\(sixteen)")
  }

  @Test(arguments: [
    ("cvc", "123", true), ("CVV2", "1234", true), ("card[cvc]", "123", false),
    ("security_code", "１２３", true), ("Card-Security-Code", " 123 ", true), ("cvc", "pass", false),
    ("cvc", "12345", false), ("order", "123", false), ("pin", "1234", true),
    ("PIN block", "0412AC89ABCDEF67", true), ("track2", "4111111111111=29121", true),
    ("track2", "blue", false), ("card_number", "4242 4242 4242 4241", true),
    ("card_number", "last4 4242", false), ("note", "4242 4242 4242 4242", true),
    ("4242424242424242", "x", true), ("company", "123", false), ("pan", "Peter", false),
  ])
  func keysThatNameCardData(key: String, value: String, expected: Bool) {
    #expect(CardNumberDetector.containsCardData(key: key, value: value) == expected)
  }

  @Test func hugeAndHostileTextsEnd() {
    let digits = String(repeating: "4242 ", count: 20_000)
    #expect(CardNumberDetector.contains(digits))
    #expect(!CardNumberDetector.contains(String(repeating: "1", count: 200_000)))
    #expect(!CardNumberDetector.contains(String(repeating: "1 ", count: 100_000)))
    #expect(!CardNumberDetector.contains(String(repeating: "%31", count: 50_000)))
    #expect(!CardNumberDetector.contains(String(repeating: "AA11", count: 50_000)))
    #expect(!CardNumberDetector.contains(String(repeating: "M", count: 200_000)))
  }
}
