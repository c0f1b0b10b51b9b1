/// The letters of 128 bits: base 26, fixed width, most significant first.
///
/// Two letters, then twice thirteen: 26^13 is the largest power below 2^63, so that almost all the
/// work is 64-bit division by constants.
package enum EntityIDText {
  /// The longest prefix of a kind.
  package static let prefixLengthMax = 8
  /// Letters behind the "_".
  package static let letterCount = 28

  private static let chunkLetters = 13
  private static let chunk: UInt64 = 2_481_152_873_203_736_576  // 26^13
  private static let a: UInt8 = 0x61

  /// A buffer for the longest text of an id.
  typealias Buffer = InlineArray<37, UInt8>

  /// Writes the letters of `bits` at `start`.
  static func write(_ bits: UInt128, to buffer: inout Buffer, at start: Int) {
    let (high, low) = (UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits))
    let (upper, carry) = high.quotientAndRemainder(dividingBy: chunk)
    let (middle, last) = chunk.dividingFullWidth((carry, low))
    let (first, second) = chunk.dividingFullWidth((upper, middle))
    write(first, letters: 2, to: &buffer, at: start)
    write(second, letters: chunkLetters, to: &buffer, at: start + 2)
    write(last, letters: chunkLetters, to: &buffer, at: start + 2 + chunkLetters)
  }

  private static func write(
    _ value: UInt64,
    letters: Int,
    to buffer: inout Buffer,
    at start: Int
  ) {
    var rest = value
    var index = start + letters
    while index > start {
      index -= 1
      buffer[index] = a + UInt8(truncatingIfNeeded: rest % 26)
      rest /= 26
    }
  }

  /// Reads exactly `letterCount` letters from `start`; nil if one is no lower-case letter or the
  /// value needs more than 128 bits.
  static func read(_ text: Span<UInt8>, from start: Int) -> UInt128? {
    guard text.count == start + letterCount,
      let first = read(text, from: start, letters: 2),
      let second = read(text, from: start + 2, letters: chunkLetters),
      let last = read(text, from: start + 2 + chunkLetters, letters: chunkLetters)
    else { return nil }
    // first <= 675 and second < 2^62, so this sum stays below 2^72.
    let upper = UInt128(first) * UInt128(chunk) + UInt128(second)
    let (product, overflow) = upper.multipliedReportingOverflow(by: UInt128(chunk))
    let (sum, overflows) = product.addingReportingOverflow(UInt128(last))
    return overflow || overflows ? nil : sum
  }

  private static func read(_ text: Span<UInt8>, from start: Int, letters: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<start + letters {
      let digit = text[index] &- a
      guard digit < 26 else { return nil }
      value = value &* 26 &+ UInt64(digit)
    }
    return value
  }
}

extension EntityID: LosslessStringConvertible {
  /// Reads exactly what `description` writes; nil for anything else.
  package init?(_ text: String) { self.init(utf8: text.utf8.span) }

  /// The same, over UTF-8 bytes.
  package init?(utf8 text: Span<UInt8>) {
    let prefixLength = text.count - EntityIDText.letterCount - 1
    guard prefixLength > 0, text[prefixLength] == UInt8(ascii: "_"),
      let bits = EntityIDText.read(text, from: prefixLength + 1)
    else { return nil }
    let prefix = Kind.prefix(of: bits)
    guard prefix.utf8CodeUnitCount == prefixLength else { return nil }
    var equal = true
    prefix.withUTF8Buffer { expected in
      for index in 0..<prefixLength {
        equal = unsafe equal && expected[index] == text[index]
      }
    }
    guard equal else { return nil }
    self.init(bits: bits)
  }

  /// Prefix, "_" and 28 letters.
  package var description: String {
    var buffer = EntityIDText.Buffer(repeating: UInt8(ascii: "_"))
    let prefix = Kind.prefix(of: bits)
    let prefixLength = prefix.utf8CodeUnitCount
    prefix.withUTF8Buffer { letters in
      for index in 0..<prefixLength { unsafe buffer[index] = letters[index] }
    }
    EntityIDText.write(bits, to: &buffer, at: prefixLength + 1)
    return EntityIDText.string(buffer.span.extracting(first: prefixLength + 29))
  }
}

extension EntityIDText {
  /// One allocation; the bytes are ASCII by construction.
  static func string(_ bytes: Span<UInt8>) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes))
    } catch {
      preconditionFailure("an id is written in letters")
    }
  }

  /// The 28 letters alone: for references that must not hold "_".
  package static func letters(of bits: UInt128) -> String {
    var buffer = Buffer(repeating: a)
    write(bits, to: &buffer, at: 0)
    return string(buffer.span.extracting(first: letterCount))
  }

  /// The bits of exactly 28 letters.
  package static func bits(ofLetters text: Span<UInt8>) -> UInt128? { read(text, from: 0) }
}
