import GatewayCore
import Money

/// Amounts in a gateway's own units. Both gateways differ from ISO 4217 for a few currencies.
struct GatewayUnits: Sendable {
  /// Decimals where they differ from ISO 4217.
  let exponents: [String: Int]
  /// Currencies whose smallest decimal must be zero.
  let roundedToTen: Set<String>
  let unitsMax: Int64

  /// - Throws: `amountNotPositive`, `amountNotExpressible`, `amountTooLarge`.
  func units(_ amount: Amount) throws(ExpressionError) -> Int64 {
    guard amount.minor > 0 else { throw .amountNotPositive }
    let code = amount.currency.code
    let shift = (exponents[code] ?? amount.currency.exponent) - amount.currency.exponent
    var units = amount.minor
    for _ in 0..<abs(shift) {
      if shift > 0 {
        let (product, overflow) = units.multipliedReportingOverflow(by: 10)
        guard !overflow else { throw .amountTooLarge }
        units = product
      } else {
        guard units % 10 == 0 else { throw .amountNotExpressible }
        units /= 10
      }
    }
    if roundedToTen.contains(code) && units % 10 != 0 { throw .amountNotExpressible }
    guard units <= unitsMax else { throw .amountTooLarge }
    return units
  }

  /// The amount of an answer; nil for an unknown currency or a part of a minor unit.
  func amount(units: Int64, currency code: String) -> Amount? {
    guard let currency = Currency(code) else { return nil }
    let shift = (exponents[code] ?? currency.exponent) - currency.exponent
    var minor = units
    for _ in 0..<abs(shift) {
      if shift > 0 {
        guard minor % 10 == 0 else { return nil }
        minor /= 10
      } else {
        let (product, overflow) = minor.multipliedReportingOverflow(by: 10)
        guard !overflow else { return nil }
        minor = product
      }
    }
    return Amount(currency, minor: minor)
  }

  static let stripe = GatewayUnits(
    exponents: ["ISK": 2, "UGX": 2, "MGA": 0],
    roundedToTen: ["BHD", "JOD", "KWD", "OMR", "TND"],
    unitsMax: 99_999_999
  )

  static let adyen = GatewayUnits(
    exponents: ["CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2],
    roundedToTen: [],
    unitsMax: 999_999_999_999
  )
}

/// Gateway ids go into paths: only what ids consist of.
enum GatewayPath {
  static let idLengthMax = 255

  static func segment(_ id: String) throws(ExpressionError) -> String {
    let bytes = id.utf8
    guard (1...idLengthMax).contains(bytes.count), bytes.allSatisfy(isIDCharacter) else {
      throw .referenceMalformed
    }
    return id
  }

  private static func isIDCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
    default: false
    }
  }
}
