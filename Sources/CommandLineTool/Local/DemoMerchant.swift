/// The test merchant that `client-demo` belongs to, made once per checkout.
enum DemoMerchant {
  static let letters = 28

  static func id(_ checkout: Checkout) throws -> String {
    let path = checkout.home + "/merchant-demo"
    if let kept = try Files.read(path) { return kept.filter { !$0.isWhitespace } }
    var generator = SystemRandomNumberGenerator()
    let random = UInt128(UInt64.random(in: 0 ... .max, using: &generator)) << 16
    let bits = UInt128(UInt64(MonotonicClock.wallMilliseconds)) << 80 | random
    let made = text(bits)
    try Files.write(made + "\n", to: path, mode: 0o644)
    return made
  }

  /// A merchant id in letters: test merchants have the lowest bit clear.
  static func text(_ bits: UInt128) -> String {
    var rest = bits & ~1
    var digits: [UInt8] = []
    for _ in 0..<letters {
      digits.append(UInt8(ascii: "a") + UInt8(rest % 26))
      rest /= 26
    }
    return "mt_" + String(decoding: digits.reversed(), as: UTF8.self)
  }
}
