/// Digits that are known to be something else than a card.
enum ExemptRuns {
  /// The end of a UUID, a hexadecimal digest or a valid IBAN that starts exactly here.
  static func end(in text: Span<UInt8>, from start: Int) -> Int? {
    hexadecimal(text, start) ?? iban(text, start)
  }

  /// A UUID (8-4-4-4-12), or at least 32 hexadecimal digits with a letter among them.
  private static func hexadecimal(_ text: Span<UInt8>, _ start: Int) -> Int? {
    let first = hexRun(text, start)
    guard first.count >= 8 else { return nil }
    if first.count >= 32 {
      let end = start + first.count
      return first.hasLetter && !isAlphanumeric(text, end) ? end : nil
    }
    guard first.count == 8 else { return nil }
    var hasLetter = first.hasLetter
    var index = start + 8
    for length in [4, 4, 4, 12] {
      guard index < text.count, text[index] == UInt8(ascii: "-") else { return nil }
      let group = hexRun(text, index + 1)
      guard group.count == length else { return nil }
      hasLetter = hasLetter || group.hasLetter
      index += 1 + length
    }
    return hasLetter && !isAlphanumeric(text, index) ? index : nil
  }

  private static func hexRun(_ text: Span<UInt8>, _ start: Int) -> (count: Int, hasLetter: Bool) {
    var (index, hasLetter) = (start, false)
    while index < text.count, let value = CardNumberDetector.hexValue(text[index]) {
      hasLetter = hasLetter || value > 9
      index += 1
    }
    return (index - start, hasLetter)
  }

  private static func isAlphanumeric(_ text: Span<UInt8>, _ index: Int) -> Bool {
    guard index < text.count else { return false }
    switch text[index] {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return true
    default: return false
    }
  }

  /// Two capitals, two check digits, 11 to 30 more in one piece or in groups of four, with the right
  /// remainder modulo 97.
  private static func iban(_ text: Span<UInt8>, _ start: Int) -> Int? {
    guard start + 15 <= text.count, isCapital(text[start]), isCapital(text[start + 1]),
      isDigit(text[start + 2]), isDigit(text[start + 3])
    else { return nil }
    var symbols: [UInt8] = []
    var index = start
    var end: Int?
    while index < text.count, symbols.count <= 34 {
      let byte = text[index]
      if byte == 0x20, symbols.count % 4 == 0, index > start, text[index - 1] != 0x20 {
        index += 1
        continue
      }
      guard isCapital(byte) || isDigit(byte) else { break }
      symbols.append(byte)
      index += 1
      if symbols.count >= 15, symbols.count <= 34, !isAlphanumeric(text, index),
        remainder(symbols) == 1
      {
        end = index
      }
    }
    return end
  }

  /// Modulo 97 of the symbols with the first four moved to the end and letters as 10 to 35.
  private static func remainder(_ symbols: [UInt8]) -> Int {
    var result = 0
    for byte in symbols.dropFirst(4) + symbols.prefix(4) {
      result =
        isDigit(byte)
        ? (result * 10 + Int(byte) - 0x30) % 97 : (result * 100 + Int(byte) - 0x41 + 10) % 97
    }
    return result
  }

  private static func isCapital(_ byte: UInt8) -> Bool { 0x41...0x5A ~= byte }
  private static func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }
}
