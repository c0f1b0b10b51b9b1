import Glibc

/// Where each program listens: found free once, then kept in `.tender/endpoints.json`.
struct Endpoints: Sendable, Equatable {
  struct Address: Codable, Sendable, Equatable {
    let host: String
    let port: UInt16
  }

  /// Below the range from which Linux takes ports for outgoing connections: a service that
  /// restarts finds its port free.
  static let ports: Range<UInt16> = 20_000..<30_000

  private(set) var addresses: [String: Address] = [:]

  func address(_ name: String) -> String {
    guard let address = addresses[name] else { return "127.0.0.1:0" }
    return "\(address.host):\(address.port)"
  }

  static func load(_ checkout: Checkout) throws -> Endpoints {
    guard let text = try Files.read(checkout.endpointsFile) else { return Endpoints() }
    do {
      return Endpoints(addresses: try JSONText.decode([String: Address].self, from: text))
    } catch {
      throw Failure(
        "\(checkout.endpointsFile) cannot be read", next: "remove it and run deploy/up again")
    }
  }

  func save(_ checkout: Checkout) throws {
    let text = try JSONText.encode(addresses, pretty: true) + "\n"
    if try Files.read(checkout.endpointsFile) != text {
      try Files.write(text, to: checkout.endpointsFile)
    }
  }

  /// Gives every name an address; an address that `taken` refuses is replaced.
  /// - Parameters:
  ///   - seed: where the search begins, so that checkouts seldom meet.
  ///   - taken: whether a port cannot be used.
  mutating func assign(_ names: [String], seed: UInt64, taken: (UInt16) -> Bool) throws {
    var used: Set<UInt16> = []
    for name in names {
      guard let port = addresses[name]?.port else { continue }
      if taken(port) || !used.insert(port).inserted { addresses[name] = nil }
    }
    addresses = addresses.filter { names.contains($0.key) }
    let count = UInt64(Self.ports.count)
    var offset = seed % count
    for name in names where addresses[name] == nil {
      var tries: UInt64 = 0
      while true {
        let port = Self.ports.lowerBound + UInt16(offset)
        offset = (offset + 1) % count
        if !used.contains(port) && !taken(port) {
          used.insert(port)
          addresses[name] = Address(host: "127.0.0.1", port: port)
          break
        }
        tries += 1
        guard tries < count else {
          throw Failure("no free port from 20000 to 29999", next: "stop something and try again")
        }
      }
    }
  }

  /// Whether something on this machine listens at the port, or has it bound.
  static func isTaken(_ port: UInt16) -> Bool {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return true }
    defer { close(file) }
    var yes: Int32 = 1
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    return !withLoopback(port) { bind(file, $0, $1) == 0 }
  }

  /// Whether something accepts connections at the port.
  static func answers(_ port: UInt16) -> Bool {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return false }
    defer { close(file) }
    return withLoopback(port) { connect(file, $0, $1) == 0 }
  }

  static func withLoopback<R>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
