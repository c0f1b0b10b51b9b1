/// CSV with CR LF, quotes where a field needs them.
struct CSVWriter: Sendable {
  private(set) var bytes: [UInt8] = []

  mutating func row(_ fields: [String]) {
    for (index, field) in fields.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      append(field)
    }
    bytes += [0x0D, 0x0A]
  }

  private mutating func append(_ field: String) {
    let needsQuotes = field.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
    guard needsQuotes else { return bytes.append(contentsOf: field.utf8) }
    bytes.append(0x22)
    for byte in field.utf8 { bytes += byte == 0x22 ? [0x22, 0x22] : [byte] }
    bytes.append(0x22)
  }
}

/// Amounts of the books, which are in the gateway's units, as its reports write them.
enum ReportAmount {
  static func text(_ units: Int64, _ currency: String, at gateway: Gateway) -> String {
    let exponent = exponent(currency, gateway)
    guard exponent > 0 else { return String(units) }
    let digits = String(units.magnitude)
    let padded = String(repeating: "0", count: max(0, exponent + 1 - digits.utf8.count)) + digits
    return (units < 0 ? "-" : "") + padded.dropLast(exponent) + "." + padded.suffix(exponent)
  }

  private static func exponent(_ currency: String, _ gateway: Gateway) -> Int {
    switch currency {
    case "JPY", "KRW", "VND": 0
    case "CLP": gateway == .stripe ? 0 : 2
    case "IDR": gateway == .stripe ? 2 : 0
    case "KWD", "BHD", "JOD", "OMR", "TND": 3
    default: 2
    }
  }

  /// What the gateway keeps of a payment: 25 units and 1 %.
  static func fee(_ units: Int64) -> Int64 { 25 + units / 100 }
}

/// `2026-11-27 23:05:40` of an `isoTime`.
func reportTime(milliseconds: Int64) -> String {
  String(isoTime(milliseconds: milliseconds).prefix(19)).replacing("T", with: " ")
}
