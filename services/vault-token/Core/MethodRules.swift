package import Seal

/// What a payment method is.
package enum MethodType: String, Hashable, Sendable, CaseIterable {
  case card
  case sepaDebit = "sepa_debit"
}

/// Why a registration is refused, in order of precedence. The raw values are API.
package enum RegistrationRefusal: String, Error, Hashable, Sendable, CaseIterable {
  case typeRequired = "TYPE_REQUIRED"
  case referenceRequired = "REFERENCE_REQUIRED"
  case gatewayUnknown = "GATEWAY_UNKNOWN"
  case gatewayDuplicate = "GATEWAY_DUPLICATE"
  case last4Invalid = "LAST4_INVALID"
  case expiryInvalid = "EXPIRY_INVALID"
  case brandInvalid = "BRAND_INVALID"
  case countryInvalid = "COUNTRY_INVALID"
  case aliasInvalid = "ALIAS_INVALID"
}

/// What people may see of a card. Empty texts and zeros where unknown.
package struct CardDescription: Hashable, Sendable {
  package var brand: String
  package var last4: String
  package var expiryMonth: Int16
  package var expiryYear: Int16
  package var country: String

  package init(
    brand: String = "",
    last4: String = "",
    expiryMonth: Int16 = 0,
    expiryYear: Int16 = 0,
    country: String = ""
  ) {
    self.brand = brand
    self.last4 = last4
    self.expiryMonth = expiryMonth
    self.expiryYear = expiryYear
    self.country = country
  }
}

/// What a payment method must look like.
package enum MethodRules {
  /// Most gateways of one method.
  package static let referencesMax = KnownGateway.allCases.count

  /// - Throws: the refusal with the highest precedence.
  /// - Returns: the gateways, in the order given.
  package static func check(
    type: MethodType?,
    gateways: [String],
    card: CardDescription,
    alias: String
  ) throws(RegistrationRefusal) -> [KnownGateway] {
    guard type != nil else { throw .typeRequired }
    guard !gateways.isEmpty else { throw .referenceRequired }
    let known = gateways.compactMap(KnownGateway.init(rawValue:))
    guard known.count == gateways.count else { throw .gatewayUnknown }
    guard Set(known).count == known.count else { throw .gatewayDuplicate }
    guard card.last4.isEmpty || (card.last4.utf8.count == 4 && card.last4.utf8.allSatisfy(isDigit))
    else { throw .last4Invalid }
    guard (0...12).contains(card.expiryMonth),
      card.expiryYear == 0 || (2000...2100).contains(card.expiryYear),
      (card.expiryMonth == 0) == (card.expiryYear == 0)
    else { throw .expiryInvalid }
    guard card.brand.utf8.count <= 20, card.brand.utf8.allSatisfy(isBrandByte) else {
      throw .brandInvalid
    }
    guard
      card.country.isEmpty
        || (card.country.utf8.count == 2
          && card.country.utf8.allSatisfy { (0x41...0x5A).contains($0) })
    else { throw .countryInvalid }
    guard alias.isEmpty || isAlias(alias) else { throw .aliasInvalid }
    return known
  }

  /// 1 to 64 letters, digits and "_"; nothing that looks like a token's id.
  package static func isAlias(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...64).contains(bytes.count), !text.hasPrefix("tok_") else { return false }
    return bytes.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "_") }
  }

  /// Makes equal cards of one merchant recognisable and tells nothing else: HMAC-SHA256 of the
  /// gateway's fingerprint under the merchant's key. Nil where the gateway gives none.
  package static func fingerprint(
    of gatewayFingerprint: String,
    key: SecretBytes
  ) -> [UInt8]? {
    guard !gatewayFingerprint.isEmpty else { return nil }
    return HMACSHA256.code(
      Array("tender.vault.fingerprint.v1\n\(gatewayFingerprint)".utf8),
      key: key
    )
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
  private static func isBrandByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: " ")
      || byte == UInt8(ascii: "-")
  }
}
