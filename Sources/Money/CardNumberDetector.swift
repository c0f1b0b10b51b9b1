/// Finds card numbers in text, so that none is accepted, stored or logged.
///
/// A text holds a card number when it holds 13 to 19 digits that
/// 1. stand alone: no digit directly before or behind, and either unbroken or in the groups people
///    write (groups of 3 to 8 digits, or digit by digit), parted by one to three of: space (of any
///    width), tab, `-` (of any kind), `.`, `_`, `+`, zero-width characters;
/// 2. start with the number range of a card brand and have a length that brand uses; and
/// 3. pass the Luhn check.
/// Digits may be ASCII, full-width, Arabic-Indic or mathematical; the text may be percent-encoded or
/// base64 (also url-safe, also inside a longer text), once each. Not searched: UUIDs and hexadecimal
/// digests (32 digits or more with a letter among them), and IBANs that pass their own check.
///
/// So these pass: our ids (letters only), epoch times, 16-digit order numbers of another range or
/// without the check digit, amounts, phone numbers. By chance about 3 % of random 16-digit numbers
/// are refused; ids should have letters.
package enum CardNumberDetector {
  package static let digitsMin = 13
  package static let digitsMax = 19

  package static func contains(_ text: String) -> Bool { contains(utf8: text.utf8.span) }

  package static func contains(utf8 text: Span<UInt8>) -> Bool {
    let summary = ByteSummary(text)
    guard summary.mayHoldCardNumber else { return false }
    return search(text, summary, percentDecoding: true)
  }

  /// True if the key or the value holds a card number, or if the key names card data (a security
  /// code, a PIN, a track, a card number) and the value has the shape of it.
  package static func containsCardData(key: String, value: String) -> Bool {
    contains(key) || contains(value) || SensitiveKey.matches(key: key, value: value)
  }

  private static func search(
    _ text: Span<UInt8>,
    _ summary: ByteSummary,
    percentDecoding: Bool
  ) -> Bool {
    if summary.mayHoldDigits && DigitRuns.holdCardNumber(text) { return true }
    if percentDecoding && summary.percents > 0 {
      let decoded = percentDecoded(text)
      let inner = ByteSummary(decoded.span)
      if inner.mayHoldCardNumber && search(decoded.span, inner, percentDecoding: false) {
        return true
      }
    }
    return summary.mayHoldBase64 && Base64Runs.holdCardNumber(text)
  }

  private static func percentDecoded(_ text: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
        let high = hexValue(text[index + 1]), let low = hexValue(text[index + 2])
      {
        result.append(high << 4 | low)
        index += 3
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}

/// What one pass over the bytes tells: enough to clear almost every text at once.
private struct ByteSummary {
  var digits = 0
  var wide = 0
  var percents = 0
  /// Base64 turns three digits into four characters of which the first is M, N or O.
  var base64Marks = 0

  init(_ text: Span<UInt8>) {
    guard text.count >= CardNumberDetector.digitsMin else { return }
    for index in text.indices {
      let byte = text[index]
      digits &+= byte &- 0x30 < 10 ? 1 : 0
      wide &+= byte &>> 7 == 1 ? 1 : 0
      percents &+= byte == 0x25 ? 1 : 0
      base64Marks &+= byte &- 0x4D < 3 ? 1 : 0
    }
  }

  /// A digit outside ASCII takes at least two bytes; a percent-encoded one holds an ASCII digit.
  var mayHoldDigits: Bool { digits + wide / 2 >= CardNumberDetector.digitsMin }
  /// Thirteen digits hold three whole groups of three, wherever they begin.
  var mayHoldBase64: Bool { base64Marks >= 3 }
  var mayHoldCardNumber: Bool { mayHoldDigits || mayHoldBase64 }
}

/// Keys that name card data.
private enum SensitiveKey {
  private static let codes: Set<String> = [
    "cvv", "cvv2", "cvc", "cvc2", "cid", "csc", "cav2", "cvn", "securitycode", "cardsecuritycode",
    "cardcode", "cardverificationvalue", "cardverificationcode", "verificationvalue",
  ]
  private static let pins: Set<String> = ["pin", "cardpin", "pinblock", "pincode"]
  private static let tracks: Set<String> = [
    "track", "track1", "track2", "track3", "trackdata", "track1data", "track2data", "magstripe",
  ]
  private static let numbers: Set<String> = [
    "pan", "cardnumber", "cardno", "ccnumber", "ccnum", "creditcardnumber",
  ]

  static func matches(key: String, value: String) -> Bool {
    let name = String(
      String.UnicodeScalarView(
        key.lowercased().unicodeScalars.filter { "a"..."z" ~= $0 || "0"..."9" ~= $0 }
      )
    )
    let digits = DigitRuns.digitsOnly(value)
    if codes.contains(name) { return digits.map { 3...4 ~= $0 } ?? false }
    if pins.contains(name) {
      return digits.map { 4...12 ~= $0 } ?? false
        || (value.utf8.count == 16
          && value.utf8.allSatisfy {
            CardNumberDetector.hexValue($0) != nil
          })
    }
    if tracks.contains(name) { return value.utf8.count { 0x30...0x39 ~= $0 } >= 12 }
    if numbers.contains(name) { return digits.map { 12...19 ~= $0 } ?? false }
    return false
  }
}
