import Money

/// The test merchant that `client-demo` belongs to, made once per checkout.
enum DemoMerchant {
  static func id(_ checkout: Checkout) throws -> MerchantID {
    let path = checkout.home + "/merchant-demo"
    if let text = try Files.read(path) {
      guard let kept = MerchantID(text.filter { !$0.isWhitespace }) else {
        throw Failure("\(path) holds no merchant id", next: "remove it and run deploy/up again")
      }
      return kept
    }
    let made = MerchantID.generate(milliseconds: MonotonicClock.wallMilliseconds)
    try Files.write("\(made)\n", to: path, mode: 0o644)
    return made
  }
}
