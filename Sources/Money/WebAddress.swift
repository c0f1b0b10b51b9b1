/// An address that a browser is sent to, as far as this platform must understand it: `https` or `http`,
/// a host, perhaps a port, and the rest as it is.
package struct WebAddress: Sendable, Hashable {
  package let isSecure: Bool
  /// On the payer's own machine: where test pages are.
  package let isLoopback: Bool
  package let hasFragment: Bool

  /// Nil for anything but visible ASCII with one of the two schemes in lower case and a host of letters,
  /// digits, `-` and `.`, or in brackets; also with a user or a password in it.
  package init?(_ text: String) {
    let bytes = text.utf8
    guard bytes.allSatisfy({ 0x21...0x7E ~= $0 }) else { return nil }
    let prefix = text.hasPrefix("https://") ? "https://" : "http://"
    guard text.hasPrefix(prefix) else { return nil }
    isSecure = prefix == "https://"
    let rest = bytes.dropFirst(prefix.utf8.count)
    let authority = Array(rest.prefix { !Self.endsAuthority($0) })
    hasFragment = rest.contains(UInt8(ascii: "#"))
    guard let host = Self.host(of: authority) else { return nil }
    isLoopback = ["localhost", "127.0.0.1", "[::1]"].contains(host)
  }

  private static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  private static func host(of authority: [UInt8]) -> String? {
    let isLiteral = authority.first == UInt8(ascii: "[")
    let end =
      isLiteral
      ? authority.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
      : authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
    guard let end else { return nil }
    let host = authority[..<end]
    guard !host.isEmpty, host.allSatisfy({ isLiteral ? isLiteralByte($0) : isNameByte($0) }),
      isPort(authority[end...])
    else { return nil }
    return String(decoding: host, as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."): true
    default: false
    }
  }

  private static func isLiteralByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x3A, 0x41...0x46, 0x61...0x66, UInt8(ascii: "["), UInt8(ascii: "]"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// Nothing, or a colon and 1 to 65535.
  private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let colon = bytes.first else { return true }
    let digits = bytes.dropFirst()
    guard colon == UInt8(ascii: ":"), 1...5 ~= digits.count,
      digits.allSatisfy({ 0x30...0x39 ~= $0 })
    else { return false }
    return 1...65_535 ~= digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}
