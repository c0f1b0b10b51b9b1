/// Why a URL is refused, in order of precedence.
package enum EndpointURLError: Error, Hashable, Sendable {
  case malformed
  case notHTTPS
}

/// The URL of an endpoint: absolute, https (or http to a host that the caller allows), a host name
/// or an address in its usual form, no user, no fragment. Addresses are checked elsewhere, before
/// each connection.
package struct EndpointURL: Sendable, Hashable {
  package static let lengthMax = 1_024
  package static let hostLengthMax = 253

  package let text: String
  package let isEncrypted: Bool
  /// Without brackets.
  package let host: String
  package let port: UInt16

  /// - Parameter allowsPlain: whether plain http to this host is fine.
  package init(_ text: String, allowsPlain: (String) -> Bool) throws(EndpointURLError) {
    guard text.utf8.count <= Self.lengthMax, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      !text.utf8.contains(where: { "#\\\"<>^`{|}".utf8.contains($0) })
    else { throw .malformed }
    let rest: Substring
    if text.hasPrefix("https://") {
      isEncrypted = true
      rest = text.dropFirst("https://".count)
    } else if text.hasPrefix("http://") {
      isEncrypted = false
      rest = text.dropFirst("http://".count)
    } else {
      throw .malformed
    }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard let (host, port) = Self.split(authority) else { throw .malformed }
    self.text = text
    self.host = host
    self.port = port ?? (isEncrypted ? 443 : 80)
    guard isEncrypted || allowsPlain(host) else { throw .notHTTPS }
  }

  private static func split(_ authority: Substring) -> (String, UInt16?)? {
    guard !authority.contains("@") else { return nil }
    let host: Substring
    let rest: Substring
    if authority.hasPrefix("[") {
      guard let close = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<close]
      rest = authority[authority.index(after: close)...]
      guard !host.isEmpty, host.contains(":"),
        host.utf8.allSatisfy({ isHex($0) || $0 == 0x3A || $0 == 0x2E })
      else { return nil }
    } else {
      host = authority.prefix { $0 != ":" }
      rest = authority.dropFirst(host.count)
      guard isName(host) else { return nil }
    }
    if rest.isEmpty { return (host.lowercased(), nil) }
    let digits = rest.dropFirst()
    guard rest.hasPrefix(":"), digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
      let port = UInt16(digits), port > 0
    else { return nil }
    return (host.lowercased(), port)
  }

  /// A host name, or four decimal numbers: no other way to write an address.
  private static func isName(_ host: Substring) -> Bool {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard host.utf8.count <= hostLengthMax, let last = labels.last else { return false }
    let areLabels = labels.allSatisfy { label in
      !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { isHex($0) || 0x67...0x7A ~= $0 || 0x47...0x5A ~= $0 || $0 == 0x2D }
    }
    guard areLabels else { return false }
    guard let first = last.utf8.first, 0x30...0x39 ~= first else { return true }
    return labels.count == 4
      && labels.allSatisfy { label in
        UInt8(label) != nil && (label == "0" || !label.hasPrefix("0"))
          && label.utf8.allSatisfy { 0x30...0x39 ~= $0 }
      }
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    0x30...0x39 ~= byte || 0x41...0x46 ~= byte || 0x61...0x66 ~= byte
  }
}
