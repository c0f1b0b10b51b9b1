package import Money

/// A gateway with the merchant's account there.
package struct GatewayAccount: Sendable, Hashable, CustomStringConvertible {
  package var gateway: GatewayName
  package var account: String

  package init(gateway: GatewayName, account: String) {
    self.gateway = gateway
    self.account = account
  }

  package var description: String { "\(gateway):\(account)" }
}

package enum MethodType: String, Sendable, Hashable, CaseIterable {
  case card
  case sepaDebit = "sepa_debit"

  /// A hold without a capture exists; without it a second gateway is impossible.
  package var separatesCapture: Bool { self == .card }
}

/// What a route depends on.
package struct RouteRequest: Sendable, Hashable {
  /// Splits and exploration are drawn from it, so that the same payment always draws the same.
  package var intentID: PaymentIntentID
  package var amount: Amount
  /// ISO 3166 alpha-2 of the issuer, if known.
  package var country: String?
  package var method: MethodType
  /// "visa", "mastercard"..., if known.
  package var brand: String?
  package var merchantID: MerchantID

  package init(
    intentID: PaymentIntentID,
    amount: Amount,
    country: String?,
    method: MethodType,
    brand: String?,
    merchantID: MerchantID
  ) {
    self.intentID = intentID
    self.amount = amount
    self.country = country
    self.method = method
    self.brand = brand
    self.merchantID = merchantID
  }

  /// 0 to 99, evenly over intents; independent for each salt.
  package func draw(_ salt: String) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in salt.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    let bits = intentID.bits
    hash = Self.mixed(hash ^ UInt64(truncatingIfNeeded: bits >> 64))
    hash = Self.mixed(hash ^ UInt64(truncatingIfNeeded: bits))
    return Int(hash % 100)
  }

  /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
