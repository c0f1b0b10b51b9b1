import Glibc

/// An IPv4 or IPv6 address as a number, most significant byte first.
package enum IPAddress: Sendable, Hashable {
  case v4(UInt32)
  // Halves, not one UInt128: Swift 6.3.1 passes 128-bit integers wrongly to async functions.
  case v6(high: UInt64, low: UInt64)

  package init(v6 number: UInt128) {
    self = .v6(
      high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
  }

  /// Parses a numeric address as inet_pton does: no names, no brackets, no port, no zone.
  package init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self = .v4(UInt32(bigEndian: four.s_addr))
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      self.init(v6: Self.number(six))
    } else {
      return nil
    }
  }

  static func number(_ address: in6_addr) -> UInt128 {
    withUnsafeBytes(of: address) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) }
  }

  static func address(_ number: UInt128) -> in6_addr {
    withUnsafeBytes(of: number.bigEndian) { $0.loadUnaligned(as: in6_addr.self) }
  }

  package var isIPv6: Bool {
    if case .v6 = self { true } else { false }
  }
}

extension IPAddress: CustomStringConvertible {
  /// The canonical text, IPv6 without brackets.
  package var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    switch self {
    case .v4(let number):
      var address = in_addr(s_addr: number.bigEndian)
      inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
    case .v6(let high, let low):
      var address = Self.address(UInt128(high) << 64 | UInt128(low))
      inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
    }
    return text.withUnsafeBufferPointer { buffer in
      String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
}
