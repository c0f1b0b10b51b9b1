/// PostgreSQL's numeric: base-10000 digits, most significant first.
struct Numeric {
  enum Sign: UInt16 {
    case positive = 0x0000
    case negative = 0x4000
    case notANumber = 0xC000
    case infinity = 0xD000
    case negativeInfinity = 0xF000
  }

  private static let base: Int128 = 10_000

  var digits: [UInt16]
  /// The power of 10000 of the first digit.
  var weight: Int
  var sign: Sign
  /// Decimal digits shown after the point.
  var scale: Int

  init?(_ bytes: UnsafeRawBufferPointer) {
    var reader = ByteReader(bytes)
    guard let count = reader.integer(UInt16.self), let weight = reader.integer(Int16.self),
      let sign = reader.integer(UInt16.self).flatMap(Sign.init),
      let scale = reader.integer(UInt16.self),
      reader.remaining == Int(count) * 2
    else { return nil }
    digits = []
    digits.reserveCapacity(Int(count))
    while let digit = reader.integer(UInt16.self) {
      guard digit < Self.base else { return nil }
      digits.append(digit)
    }
    self.weight = Int(weight)
    self.sign = sign
    self.scale = Int(scale)
  }

  /// The value, if it is whole and fits.
  var integer: Int128? {
    guard sign == .positive || sign == .negative else { return nil }
    var value: Int128 = 0
    for power in stride(from: weight, through: 0, by: -1) {
      let (scaled, overflow) = value.multipliedReportingOverflow(by: Self.base)
      let digit = Int128(digit(at: power))
      let (sum, tooLarge) =
        sign == .negative
        ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
      guard !overflow, !tooLarge else { return nil }
      value = sum
    }
    let hasFraction = digits.indices.contains { weight - $0 < 0 && digits[$0] != 0 }
    return hasFraction ? nil : value
  }

  /// As PostgreSQL prints it.
  var text: String {
    switch sign {
    case .notANumber: return "NaN"
    case .infinity: return "Infinity"
    case .negativeInfinity: return "-Infinity"
    case .positive, .negative: break
    }
    var text = sign == .negative ? "-" : ""
    text += String(digit(at: max(weight, 0)))
    for power in stride(from: weight - 1, through: 0, by: -1) { text += padded(digit(at: power)) }
    guard scale > 0 else { return text }
    var fraction = ""
    var power = -1
    while fraction.utf8.count < scale {
      fraction += padded(digit(at: power))
      power -= 1
    }
    return text + "." + fraction.prefix(scale)
  }

  private func digit(at power: Int) -> UInt16 {
    let index = weight - power
    return digits.indices.contains(index) ? digits[index] : 0
  }

  private func padded(_ digit: UInt16) -> String {
    let text = String(digit)
    return String(repeating: "0", count: 4 - text.utf8.count) + text
  }

  static func encode(_ value: Int128, into buffer: inout [UInt8]) {
    var digits: [UInt16] = []
    var rest = value.magnitude
    while rest > 0 {
      digits.append(UInt16(rest % UInt128(base)))
      rest /= UInt128(base)
    }
    buffer.append(bigEndian: UInt16(digits.count))
    buffer.append(bigEndian: Int16(max(digits.count - 1, 0)))
    buffer.append(bigEndian: (value < 0 ? Sign.negative : .positive).rawValue)
    buffer.append(bigEndian: UInt16(0))
    for digit in digits.reversed() { buffer.append(bigEndian: digit) }
  }
}

/// A numeric as PostgreSQL prints it, for display; read only.
package struct NumericText: Sendable, Hashable, PostgresDecodable {
  package let text: String

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    guard type == .numeric else { throw .mismatch(Self.self, type) }
    guard let numeric = Numeric(bytes) else { throw .malformed(Self.self) }
    text = numeric.text
  }
}
