/// Why a text is no amount. The first problem from the left is reported; positions count characters
/// from zero.
package enum AmountParseError: Error, Hashable, Sendable, CustomStringConvertible {
  case empty
  /// More than `Amount.textLengthMax` characters.
  case tooLong
  case sign
  case space(position: Int)
  /// A comma, whether meant for decimals or for thousands.
  case comma(position: Int)
  /// "1e3".
  case exponentNotation(position: Int)
  case unexpectedCharacter(position: Int)
  /// ".50"
  case missingWholePart
  /// "5."
  case missingDecimals
  /// "007"
  case leadingZero
  /// "1.2.3"
  case secondPoint(position: Int)
  /// The currency has no minor unit ("10.5 JPY").
  case decimalsNotAllowed(Currency)
  case tooManyDecimals(Currency)
  /// More minor units than fit into 64 bits.
  case overflow

  package var description: String {
    switch self {
    case .empty: "an amount is missing"
    case .tooLong: "an amount has at most \(Amount.textLengthMax) characters"
    case .sign: "an amount has no sign"
    case .space(let position): "a space at position \(position)"
    case .comma(let position):
      "a comma at position \(position): write decimals after a point, thousands without a mark"
    case .exponentNotation(let position): "an exponent at position \(position): write all digits"
    case .unexpectedCharacter(let position): "an unexpected character at position \(position)"
    case .missingWholePart: "digits are missing before the point"
    case .missingDecimals: "digits are missing after the point"
    case .leadingZero: "a zero in front"
    case .secondPoint(let position): "a second point at position \(position)"
    case .decimalsNotAllowed(let currency): "\(currency) has no decimals"
    case .tooManyDecimals(let currency): "\(currency) has \(currency.exponent) decimals at most"
    case .overflow: "the amount is too large"
    }
  }
}

extension Amount {
  /// The longest accepted text: 19 digits and a point.
  package static let textLengthMax = 20

  /// Reads "49.99" as 4999 minor units. Digits, at most one point, at most as many decimals as the
  /// currency has; nothing else. "49.9" and "49" are fine for EUR.
  package static func parse(
    _ text: String,
    _ currency: Currency
  ) throws(AmountParseError) -> Amount {
    guard !text.isEmpty else { throw .empty }
    var minor: Int64 = 0
    var digits = 0
    var decimals = -1  // -1: the point has not come yet
    var startsWithZero = false
    var overflow = false
    for (position, character) in text.enumerated() {
      guard position < textLengthMax else { throw .tooLong }
      switch character {
      case "0"..."9" where character.utf8.count == 1:
        if digits == 0 { startsWithZero = character == "0" }
        if digits == 1 && startsWithZero && decimals < 0 { throw .leadingZero }
        digits += 1
        if decimals >= 0 {
          decimals += 1
          guard decimals <= currency.exponent else { throw .tooManyDecimals(currency) }
        }
        overflow = !append(character, to: &minor) || overflow
      case ".":
        guard decimals < 0 else { throw .secondPoint(position: position) }
        guard digits > 0 else { throw .missingWholePart }
        guard currency.exponent > 0 else { throw .decimalsNotAllowed(currency) }
        decimals = 0
      default: throw problem(character, at: position, afterDigits: digits > 0)
      }
    }
    guard decimals != 0 else { throw .missingDecimals }
    for _ in max(decimals, 0)..<currency.exponent where !overflow {
      overflow = !append("0", to: &minor)
    }
    guard !overflow else { throw .overflow }
    return Amount(currency, minor: minor)
  }

  private static func append(_ digit: Character, to minor: inout Int64) -> Bool {
    let (tenfold, overflow) = minor.multipliedReportingOverflow(by: 10)
    let (sum, overflows) = tenfold.addingReportingOverflow(Int64(digit.wholeNumberValue ?? 0))
    minor = sum
    return !overflow && !overflows
  }

  private static func problem(
    _ character: Character,
    at position: Int,
    afterDigits: Bool
  ) -> AmountParseError {
    switch character {
    case "+", "-", "\u{2212}": position == 0 ? .sign : .unexpectedCharacter(position: position)
    case ",": .comma(position: position)
    case "e" where afterDigits, "E" where afterDigits: .exponentNotation(position: position)
    case _ where character.isWhitespace: .space(position: position)
    default: .unexpectedCharacter(position: position)
    }
  }
}
