/// The search for card numbers among digits and separators.
enum DigitRuns {
  /// Separators in a row that still join two groups.
  private static let separatorsMax = 3

  enum Symbol: Equatable {
    case digit(UInt8)
    case separator
    case letter
    case other
  }

  static func holdCardNumber(_ text: Span<UInt8>) -> Bool {
    var run = Run()
    var separators = 0
    var index = 0
    var previous = Symbol.other
    while index < text.count {
      if previous != .letter, !previous.isDigit, let end = ExemptRuns.end(in: text, from: index) {
        if run.holdsCardNumber { return true }
        run = Run()
        index = end
        previous = .letter
        continue
      }
      let (symbol, length) = symbol(in: text, at: index)
      index += length
      switch symbol {
      case .digit(let value):
        if previous != .separator || run.isEmpty {
          run.append(value)
        } else {
          run.startGroup(with: value)
        }
        separators = 0
      case .separator where separators < separatorsMax && !run.isEmpty:
        separators += 1
      default:
        if run.holdsCardNumber { return true }
        run = Run()
        separators = 0
      }
      previous = symbol
    }
    return run.holdsCardNumber
  }

  /// How many digits, if the text has nothing but digits and separators.
  static func digitsOnly(_ text: String) -> Int? {
    let bytes = text.utf8.span
    var (index, count) = (0, 0)
    while index < bytes.count {
      let (symbol, length) = symbol(in: bytes, at: index)
      switch symbol {
      case .digit: count += 1
      case .separator: break
      default: return nil
      }
      index += length
    }
    return count
  }

  /// The symbol at a byte and how many bytes it takes.
  static func symbol(in text: Span<UInt8>, at index: Int) -> (Symbol, length: Int) {
    let byte = text[index]
    switch byte {
    case 0x30...0x39: return (.digit(byte - 0x30), 1)
    case 0x41...0x5A, 0x61...0x7A: return (.letter, 1)
    case 0x20, 0x09, 0x2D, 0x2E, 0x5F, 0x2B: return (.separator, 1)  // space tab - . _ +
    case 0..<0x80: return (.other, 1)
    default: return wideSymbol(in: text, at: index)
    }
  }

  private static func wideSymbol(in text: Span<UInt8>, at index: Int) -> (Symbol, length: Int) {
    let first = text[index]
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard first >= 0xC0, index + length <= text.count else { return (.other, 1) }
    var scalar = UInt32(first) & (0xFF >> UInt32(length + 1))
    for offset in 1..<length { scalar = scalar << 6 | UInt32(text[index + offset] & 0x3F) }
    switch scalar {
    case 0xFF10...0xFF19: return (.digit(UInt8(scalar - 0xFF10)), length)  // full-width
    case 0x0660...0x0669: return (.digit(UInt8(scalar - 0x0660)), length)  // Arabic-Indic
    case 0x06F0...0x06F9: return (.digit(UInt8(scalar - 0x06F0)), length)  // extended
    case 0x1D7CE...0x1D7FF: return (.digit(UInt8((scalar - 0x1D7CE) % 10)), length)  // styled
    case 0xA0, 0xAD, 0x1680, 0x2000...0x2015, 0x202F, 0x205F, 0x2060, 0x2212, 0x3000, 0xFE58,
      0xFE63, 0xFEFF, 0xFF0D, 0xFF0E, 0xFF3F, 0x2017:
      return (.separator, length)
    default: return (.other, length)
    }
  }
}

extension DigitRuns.Symbol {
  var isDigit: Bool { if case .digit = self { true } else { false } }
}

/// Digits in groups, as they were written.
private struct Run {
  private var digits: [UInt8] = []
  /// Where each group starts.
  private var starts: [Int] = []

  var isEmpty: Bool { digits.isEmpty }

  mutating func append(_ digit: UInt8) {
    if starts.isEmpty { starts.append(0) }
    digits.append(digit)
  }

  mutating func startGroup(with digit: UInt8) {
    starts.append(digits.count)
    digits.append(digit)
  }

  /// Looks at every row of whole groups that has the right number of digits. Each start has at most
  /// `digitsMax` ends, so the work grows with the length only.
  var holdsCardNumber: Bool {
    guard digits.count >= CardNumberDetector.digitsMin else { return false }
    for (first, start) in starts.enumerated() {
      var last = first
      while last < starts.count {
        let end = last + 1 < starts.count ? starts[last + 1] : digits.count
        guard end - start <= CardNumberDetector.digitsMax else { break }
        if end - start >= CardNumberDetector.digitsMin,
          CardNumberRanges.accept(digits[start..<end]), isWritten(first, last)
        {
          return true
        }
        last += 1
      }
    }
    return false
  }

  /// One group; or groups of 3 to 8 (the last may be shorter); or 6 and the rest; or all of 1, or
  /// all of 2.
  private func isWritten(_ first: Int, _ last: Int) -> Bool {
    guard first < last else { return true }
    let (initial, final) = (size(first), size(last))
    if (first..<last).allSatisfy({ 3...8 ~= size($0) }) && final <= 8 { return true }
    if first + 1 == last && initial == 6 { return true }
    return initial <= 2 && final <= initial
      && (first..<last).allSatisfy { size($0) == initial }
  }

  private func size(_ group: Int) -> Int {
    (group + 1 < starts.count ? starts[group + 1] : digits.count) - starts[group]
  }
}
