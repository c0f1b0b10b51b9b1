/// Who is at the other end of a connection, as its certificate's one URI name says.
package enum PeerIdentity: Sendable, Hashable {
  /// One of Tender's services: `spiffe://tender/service/<name>`.
  case service(String)
  /// A client of a merchant: `spiffe://tender/merchant/<id>/<client>`.
  case merchant(id: String, client: String)
  /// A person of the platform: `spiffe://tender/operator/<name>`.
  case `operator`(String)
  /// A person who may only look: `spiffe://tender/auditor/<name>`.
  case auditor(String)

  /// The longest part of a name, in bytes.
  package static let partBytesMax = 64
  private static let root = "spiffe://tender/"

  /// Reads a URI name; nil for any other form.
  package init?(uri: String) {
    guard uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), uri.hasPrefix(Self.root) else {
      return nil
    }
    let parts = uri.dropFirst(Self.root.count)
      .split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.dropFirst().allSatisfy(Self.isValidPart) else { return nil }
    switch (parts.first, parts.count) {
    case ("service", 2): self = .service(parts[1])
    case ("merchant", 3): self = .merchant(id: parts[1], client: parts[2])
    case ("operator", 2): self = .operator(parts[1])
    case ("auditor", 2): self = .auditor(parts[1])
    default: return nil
    }
  }

  /// The URI name that stands for the identity.
  package var uri: String {
    switch self {
    case .service(let name): "\(Self.root)service/\(name)"
    case .merchant(let id, let client): "\(Self.root)merchant/\(id)/\(client)"
    case .operator(let name): "\(Self.root)operator/\(name)"
    case .auditor(let name): "\(Self.root)auditor/\(name)"
    }
  }

  /// 1 to 64 of letters, digits, `-`, `_` and `.`, not beginning with a dot.
  private static func isValidPart(_ part: String) -> Bool {
    guard !part.isEmpty, part.utf8.count <= partBytesMax, part.utf8.first != UInt8(ascii: ".")
    else { return false }
    return part.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
  }
}

extension PeerIdentity: CustomStringConvertible {
  package var description: String { uri }
}
