import Seal

/// Passwords and keys, each in a file of its own that only its user can read.
extension Checkout {
  static let secretBytes = 32

  func secret(_ name: String) -> String { "\(secrets)/\(name)" }

  /// The secret of that name, made where it is missing: hexadecimal digits of 32 random bytes.
  @discardableResult
  func makeSecret(_ name: String) throws -> String {
    if let kept = try Files.read(secret(name)) {
      return kept.filter { !$0.isWhitespace }
    }
    let made = try Self.randomHex(bytes: Self.secretBytes)
    try Files.write(made + "\n", to: secret(name))
    return made
  }

  static func randomHex(bytes: Int) throws -> String {
    Hex.encode(try RandomBytes.make(count: bytes))
  }
}
