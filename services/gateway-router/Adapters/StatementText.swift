/// The text on a payer's statement, in the characters that a gateway takes: others become blanks,
/// since a refused payment would be worse than a plainer text.
enum StatementText {
  static let lengthMax = 22
  /// Of a text that stands alone at Stripe.
  private static let stripeWholeLengthMin = 5

  /// Stripe takes printable ASCII without < > \ ' " *, with a letter in it; nil where nothing fit to
  /// be sent is left.
  /// - Parameter isWhole: the text is the whole descriptor, not what follows the account's own.
  static func stripe(_ text: String?, isWhole: Bool) -> String? {
    guard
      let kept = kept(text, where: { 0x20...0x7E ~= $0 && !"<>\\'\"*".utf8.contains($0) }),
      kept.utf8.contains(where: isLetter),
      !isWhole || kept.utf8.count >= stripeWholeLengthMin
    else { return nil }
    return kept
  }

  /// Adyen takes letters, digits, blanks and . , ' _ - ? + * /
  static func adyen(_ text: String?) -> String? {
    kept(text) { byte in
      isLetter(byte) || 0x30...0x39 ~= byte || " .,'_-?+*/".utf8.contains(byte)
    }
  }

  private static func kept(_ text: String?, where isAllowed: (UInt8) -> Bool) -> String? {
    guard let text else { return nil }
    let bytes = text.unicodeScalars.map { scalar -> UInt8 in
      guard let byte = UInt8(exactly: scalar.value), isAllowed(byte) else { return 0x20 }
      return byte
    }
    var kept = bytes.drop { $0 == 0x20 }.prefix(lengthMax)
    while kept.last == 0x20 { kept.removeLast() }
    return kept.isEmpty ? nil : String(decoding: kept, as: UTF8.self)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    0x41...0x5A ~= byte || 0x61...0x7A ~= byte
  }
}
