import Glibc

extension Resolver {
  /// The longest host name, in bytes.
  static let nameBytesMax = 253

  /// getaddrinfo: blocks, on a resolver's thread only.
  package static let systemLookup: Lookup = { name in
    BlockingGuard.check("getaddrinfo")
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, nil, &hints, &list)
    defer { if list != nil { freeaddrinfo(list) } }
    guard code == 0 else {
      return .failure(code == EAI_NONAME || code == eaiNoData ? .notFound : .temporary)
    }
    var addresses: [IPAddress] = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ai_next
      guard let pointer = entry.ai_addr,
        let address = SocketAddress(pointer, length: entry.ai_addrlen)?.ip,
        !addresses.contains(address)
      else { continue }
      addresses.append(address)
    }
    return addresses.isEmpty ? .failure(.notFound) : .success(addresses)
  }

  /// EAI_NODATA, which Glibc shows only with extensions on.
  private static let eaiNoData: Int32 = -5

  static func numeric(_ host: String) -> IPAddress? {
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard let address = IPAddress(bracketed ? String(host.dropFirst().dropLast()) : host) else {
      return nil
    }
    return bracketed && !address.isIPv6 ? nil : address
  }

  /// Lower case and checked: one cache entry per name.
  static func normalized(_ host: String) throws(ResolverError) -> String {
    let name = host.lowercased()
    let allowed = name.utf8.allSatisfy { byte in
      switch byte {
      case 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F: true
      default: false
      }
    }
    guard allowed, !name.isEmpty, name.utf8.count <= nameBytesMax else { throw .invalidName }
    return name
  }
}
