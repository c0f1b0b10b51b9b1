/// A currency of ISO 4217 that has a minor unit.
///
/// Metals, testing codes and units of account (XAU, XTS, XXX, XDR, ...) have none and do not parse.
package struct Currency: Hashable, Sendable, CustomStringConvertible {
  /// Three letters, one a byte, above the exponent: compares and hashes as one integer.
  private let packed: UInt32

  private init(packed: UInt32) { self.packed = packed }

  /// Accepts exactly three upper-case letters of a known currency.
  package init?(_ code: String) { self.init(utf8: code.utf8.span) }

  /// The same, over UTF-8 bytes.
  package init?(utf8 code: Span<UInt8>) {
    guard code.count == 3, let index = Self.index(code[0], code[1], code[2]) else { return nil }
    let exponent = Self.exponents[index]
    guard exponent != Self.unknown else { return nil }
    packed =
      UInt32(code[0]) << 24 | UInt32(code[1]) << 16 | UInt32(code[2]) << 8 | UInt32(exponent)
  }

  /// How many decimal digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD, 4 for CLF.
  package var exponent: Int { Int(packed & 0xFF) }

  /// How many minor units make one major unit: 10 to the power of `exponent`.
  package var minorPerMajor: Int64 {
    var result: Int64 = 1
    for _ in 0..<exponent { result *= 10 }
    return result
  }

  /// The three letters, as in contracts and SQL (`char(3)`).
  package var code: String {
    String(
      decoding: [UInt8(packed >> 24), UInt8(packed >> 16 & 0xFF), UInt8(packed >> 8 & 0xFF)],
      as: UTF8.self
    )
  }

  package var description: String { code }

  /// Every known currency, in order of code.
  package static var all: [Currency] {
    table.flatMap { exponent, codes in
      codes.split(separator: " ").compactMap { Currency(String($0)) }
    }.sorted { $0.packed < $1.packed }
  }
}

extension Currency {
  package static let eur = Currency(known: "E", "U", "R", 2)
  package static let usd = Currency(known: "U", "S", "D", 2)
  package static let gbp = Currency(known: "G", "B", "P", 2)
  package static let chf = Currency(known: "C", "H", "F", 2)
  package static let jpy = Currency(known: "J", "P", "Y", 0)
  package static let kwd = Currency(known: "K", "W", "D", 3)

  private init(
    known a: Unicode.Scalar,
    _ b: Unicode.Scalar,
    _ c: Unicode.Scalar,
    _ exponent: UInt32
  ) {
    self.init(packed: a.value << 24 | b.value << 16 | c.value << 8 | exponent)
  }
}

// MARK: - The list

extension Currency {
  private static let unknown: UInt8 = 0xFF

  /// ISO 4217 list one by minor unit, without the codes whose minor unit is "N.A.".
  private static let table: [(exponent: UInt8, codes: String)] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
      2,
      """
      AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN \
      BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP \
      GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP \
      LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR \
      NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
      SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR \
      ZMW ZWG
      """
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
  ]

  /// Exponent by position of the code among AAA...ZZZ: one load a lookup.
  private static let exponents: [UInt8] = {
    var result = [UInt8](repeating: unknown, count: 26 * 26 * 26)
    for (exponent, codes) in table {
      for code in codes.split(separator: " ") {
        let letters = Array(code.utf8)
        if let index = index(letters[0], letters[1], letters[2]) { result[index] = exponent }
      }
    }
    return result
  }()

  private static func index(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Int? {
    let (x, y, z) = (Int(a) - 65, Int(b) - 65, Int(c) - 65)
    guard 0..<26 ~= x, 0..<26 ~= y, 0..<26 ~= z else { return nil }
    return (x * 26 + y) * 26 + z
  }
}
