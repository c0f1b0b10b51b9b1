/// The value of a `grpc-timeout` header: at most eight digits and a unit.
enum GRPCTimeout {
  /// The digits that the protocol allows.
  static let digitsMax = 8
  /// What a longer time-out is cut to.
  static let nanosecondsMax: Int64 = 24 * 3600 * 1_000_000_000

  /// The time-out in nanoseconds, at most `nanosecondsMax`; nil when the value is malformed.
  static func parse(_ bytes: some Collection<UInt8>) -> Int64? {
    guard bytes.count >= 2, bytes.count <= digitsMax + 1 else { return nil }
    var amount: Int64 = 0
    var unit: UInt8 = 0
    for (position, byte) in bytes.enumerated() {
      if position == bytes.count - 1 {
        unit = byte
      } else {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        amount = amount * 10 + Int64(byte - UInt8(ascii: "0"))
      }
    }
    guard let scale = nanosecondsPerUnit(unit) else { return nil }
    let (product, overflow) = amount.multipliedReportingOverflow(by: scale)
    return overflow ? nanosecondsMax : min(product, nanosecondsMax)
  }

  /// The header's value for a time-out: rounded up, so that the peer never gives up first.
  static func format(nanoseconds: Int64) -> String {
    let limit: Int64 = 99_999_999
    var amount = max(nanoseconds, 0)
    for (unit, next) in [("n", 1000), ("u", 1000), ("m", 1000), ("S", 60), ("M", 60)] {
      if amount <= limit { return "\(amount)\(unit)" }
      amount = amount / Int64(next) + (amount % Int64(next) == 0 ? 0 : 1)
    }
    return "\(min(amount, limit))H"
  }

  private static func nanosecondsPerUnit(_ unit: UInt8) -> Int64? {
    switch unit {
    case UInt8(ascii: "n"): 1
    case UInt8(ascii: "u"): 1000
    case UInt8(ascii: "m"): 1_000_000
    case UInt8(ascii: "S"): 1_000_000_000
    case UInt8(ascii: "M"): 60 * 1_000_000_000
    case UInt8(ascii: "H"): 3600 * 1_000_000_000
    default: nil
    }
  }
}
