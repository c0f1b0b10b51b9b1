package import Reactor

/// Which addresses a call to a host that someone else named may reach. Everything that is not
/// ordinary public unicast is denied, tunnels and embeddings of IPv4 included; the allow list opens
/// single networks again. Checked on the resolved addresses, of which one is then dialled: the name
/// is not resolved a second time.
package struct AddressPolicy: Sendable, Hashable {
  /// Networks that are allowed whatever the rules below say.
  package let allowed: [Network]

  package static let publicOnly = AddressPolicy(allowed: [])

  package init(allowed: [Network]) {
    self.allowed = allowed
  }

  /// The reason why an address is denied; nil if it may be dialled.
  package func denial(of address: IPAddress) -> StaticString? {
    if allowed.contains(where: { $0.contains(address) }) { return nil }
    switch address {
    case .v4: return Self.deniedV4.first { $0.network.contains(address) }?.reason
    case .v6:
      if let denied = Self.deniedV6.first(where: { $0.network.contains(address) }) {
        return denied.reason
      }
      return Self.globalUnicast.contains(address) ? nil : "not global unicast"
    }
  }

  private struct Rule {
    let network: Network
    let reason: StaticString
  }

  private static func rules(_ table: [(String, StaticString)]) -> [Rule] {
    table.compactMap { text, reason in
      Network(text).map { Rule(network: $0, reason: reason) }
    }
  }

  private static let globalUnicast = Network(
    base: .v6(high: 0x2000 << 48, low: 0), prefixBits: 3)

  private static let deniedV4 = rules(deniedV4Table)
  private static let deniedV6 = rules(deniedV6Table)

  static let deniedV4Table: [(String, StaticString)] = [
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
  ]

  static let deniedV6Table: [(String, StaticString)] = [
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("2001::/23", "protocol assignments and Teredo"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
  ]
}

/// A network in CIDR form.
package struct Network: Sendable, Hashable {
  package let base: IPAddress
  package let prefixBits: Int

  init(base: IPAddress, prefixBits: Int) {
    self.base = base
    self.prefixBits = prefixBits
  }

  /// Parses `10.0.0.0/8` and `fc00::/7`. The bits behind the prefix must be zero.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let base = IPAddress(String(parts[0])), let bits = Int(parts[1]),
      parts[1].utf8.allSatisfy({ 0x30...0x39 ~= $0 }), bits <= (base.isIPv6 ? 128 : 32)
    else { return nil }
    self.init(base: base, prefixBits: bits)
    switch base {
    case .v4(let number): guard number & ~Self.mask(bits, UInt32.self) == 0 else { return nil }
    case .v6(let high, let low):
      let number = UInt128(high) << 64 | UInt128(low)
      guard number & ~Self.mask(bits, UInt128.self) == 0 else { return nil }
    }
  }

  package func contains(_ address: IPAddress) -> Bool {
    switch (base, address) {
    case (.v4(let network), .v4(let number)):
      number & Self.mask(prefixBits, UInt32.self) == network
    case (.v6(let networkHigh, let networkLow), .v6(let high, let low)):
      (UInt128(high) << 64 | UInt128(low)) & Self.mask(prefixBits, UInt128.self)
        == UInt128(networkHigh) << 64 | UInt128(networkLow)
    default: false
    }
  }

  private static func mask<T: FixedWidthInteger>(_ bits: Int, _ type: T.Type) -> T {
    bits == 0 ? 0 : ~T.zero << (T.bitWidth - bits)
  }
}

extension Network: CustomStringConvertible {
  package var description: String { "\(base)/\(prefixBits)" }
}
