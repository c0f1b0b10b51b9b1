/// Number ranges and lengths of the card brands, and the Luhn check.
enum CardNumberRanges {
  /// `digits`: values 0 to 9.
  static func accept(_ digits: ArraySlice<UInt8>) -> Bool {
    lengthFits(prefix: number(digits.prefix(6)), count: digits.count) && passesLuhn(digits)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int {
    digits.reduce(0) { $0 * 10 + Int($1) }
  }

  /// `prefix`: the first six digits.
  private static func lengthFits(prefix: Int, count: Int) -> Bool {
    switch prefix {
    case 400_000...499_999: count == 13 || count == 16 || count == 19  // Visa
    case 510_000...559_999, 222_100...272_099: count == 16  // Mastercard
    case 340_000...349_999, 370_000...379_999: count == 15  // American Express
    case 300_000...305_999, 309_500...309_599, 360_000...369_999, 380_000...399_999:
      14...19 ~= count  // Diners Club
    case 352_800...358_999: 16...19 ~= count  // JCB
    case 220_000...220_499: 16...19 ~= count  // Mir
    case 500_000...509_999, 560_000...589_999: 13...19 ~= count  // Maestro, RuPay
    case 600_000...699_999: 16...19 ~= count  // Discover, UnionPay, Maestro, RuPay
    case 810_000...829_999: count == 16  // RuPay
    default: false
    }
  }

  static func passesLuhn(_ digits: ArraySlice<UInt8>) -> Bool {
    var sum = 0
    for (offset, digit) in digits.reversed().enumerated() {
      let weighted = offset % 2 == 0 ? Int(digit) : Int(digit) * 2
      sum += weighted > 9 ? weighted - 9 : weighted
    }
    return sum % 10 == 0
  }
}
