package import Seal

/// The gateways that a method may have references at.
package enum KnownGateway: String, Hashable, Sendable, CaseIterable {
  case adyen
  case stripe

  /// The column's name in what authenticates a sealed reference.
  package var column: String { "reference:\(rawValue)" }
}

/// What a gateway calls a payment method, in the clear. Does not print its content.
package struct ClearReference: Hashable, Sendable, CustomStringConvertible,
  CustomDebugStringConvertible, CustomReflectable
{
  /// Longest reference and customer reference in bytes.
  package static let lengthMax = 255

  package let reference: String
  package let customerReference: String

  package init(reference: String, customerReference: String) {
    self.reference = reference
    self.customerReference = customerReference
  }

  /// What is sealed: both texts behind their length in two bytes.
  package var plaintext: SecretBytes {
    SecretBytes(Self.field(reference) + Self.field(customerReference))
  }

  /// Nil if the bytes are not what `plaintext` writes.
  package init?(plaintext: SecretBytes) {
    let bytes = plaintext.copyBytes()
    var position = 0
    func next() -> String? {
      guard position + 2 <= bytes.count else { return nil }
      let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
      let start = position + 2
      guard start + length <= bytes.count else { return nil }
      position = start + length
      return String(validating: bytes[start..<position], as: UTF8.self)
    }
    guard let reference = next(), let customer = next(), position == bytes.count else {
      return nil
    }
    self.init(reference: reference, customerReference: customer)
  }

  package var description: String { Mask.tail(reference) }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }

  private static func field(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]
      + bytes
  }
}

/// What may be shown of something secret.
package enum Mask {
  /// The last four characters of a text of at least twelve; nothing of a shorter one.
  package static func tail(_ text: String) -> String {
    text.count >= 12 ? "…\(text.suffix(4))" : "…"
  }
}
