package import Glibc

/// Where a socket listens or connects: a numeric address with a port, or a path.
package enum SocketAddress: Sendable, Hashable {
  case ip(IPAddress, port: UInt16)
  case unix(path: String)

  /// The longest path of a Unix socket, in bytes.
  package static let unixPathBytesMax = 107

  /// Parses `127.0.0.1:80`, `[::1]:80` and `unix:/path`; names are the resolver's business.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty, path.utf8.count <= Self.unixPathBytesMax else { return nil }
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    let digits = text[text.index(after: colon)...]
    guard let port = UInt16(digits), digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else {
      return nil
    }
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if bracketed { host = host.dropFirst().dropLast() }
    guard let address = IPAddress(String(host)), address.isIPv6 == bracketed else { return nil }
    self = .ip(address, port: port)
  }

  /// - Parameter host: numeric, without brackets.
  package init?(host: String, port: UInt16) {
    guard let address = IPAddress(host) else { return nil }
    self = .ip(address, port: port)
  }

  package static func loopback(port: UInt16) -> SocketAddress {
    .ip(.v4(0x7F00_0001), port: port)
  }

  /// The numeric address; nil for a path.
  package var ip: IPAddress? {
    if case .ip(let address, _) = self { address } else { nil }
  }

  /// The port; nil for a path.
  package var port: UInt16? {
    if case .ip(_, let port) = self { port } else { nil }
  }

  /// AF_INET, AF_INET6 or AF_UNIX.
  package var family: Int32 {
    switch self {
    case .ip(.v4, _): AF_INET
    case .ip(.v6, _): AF_INET6
    case .unix: AF_UNIX
    }
  }
}

extension SocketAddress: CustomStringConvertible {
  /// The form that `init(_:)` reads.
  package var description: String {
    switch self {
    case .ip(let address, let port):
      address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

// MARK: - The system's form

extension SocketAddress {
  /// Copies an address out of the system's form; nil for other families.
  package init?(_ pointer: UnsafePointer<sockaddr>, length: socklen_t) {
    let raw = UnsafeRawPointer(pointer)
    switch Int32(pointer.pointee.sa_family) {
    case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
      let address = raw.loadUnaligned(as: sockaddr_in.self)
      self = .ip(
        .v4(UInt32(bigEndian: address.sin_addr.s_addr)), port: UInt16(bigEndian: address.sin_port))
    case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
      let address = raw.loadUnaligned(as: sockaddr_in6.self)
      self = .ip(
        IPAddress(v6: IPAddress.number(address.sin6_addr)),
        port: UInt16(bigEndian: address.sin6_port))
    case AF_UNIX:
      let offset = MemoryLayout<sa_family_t>.size
      let bytes = UnsafeRawBufferPointer(
        start: raw + offset, count: max(0, Int(length) - offset))
      self = .unix(path: String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    default: return nil
    }
  }

  /// The system's form, for bind and connect; valid inside the closure only.
  package func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> R) rethrows
    -> R
  {
    switch self {
    case .ip(.v4(let number), let port):
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = number.bigEndian
      return try Self.pass(&address, body)
    case .ip(.v6(let high, let low), let port):
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = IPAddress.address(UInt128(high) << 64 | UInt128(low))
      return try Self.pass(&address, body)
    case .unix(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { buffer in
        buffer.copyBytes(from: path.utf8.prefix(Self.unixPathBytesMax))
      }
      return try Self.pass(&address, body)
    }
  }

  private static func pass<T, R>(
    _ value: inout T, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> R
  ) rethrows -> R {
    try withUnsafePointer(to: &value) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<T>.size))
      }
    }
  }

  /// The address that a socket is bound to; nil if it has none that is known here.
  package static func local(of fd: Int32) -> SocketAddress? {
    query(fd, getsockname)
  }

  /// The address of a socket's peer; nil if it is not connected.
  package static func peer(of fd: Int32) -> SocketAddress? {
    query(fd, getpeername)
  }

  private static func query(
    _ fd: Int32,
    _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard call(fd, address, &length) == 0 else { return nil }
        return SocketAddress(address, length: length)
      }
    }
  }
}
