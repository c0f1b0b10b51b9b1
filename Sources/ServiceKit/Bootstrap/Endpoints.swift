import FoundationEssentials
package import Reactor

/// Where every service listens: endpoints.json, an object of service name → `{"host", "port"}`.
package struct Endpoints: Sendable {
  /// The largest file read, in bytes.
  package static let bytesMax = 64 * 1024

  private struct Entry: Decodable {
    var host: String
    var port: Int
  }

  private let addresses: [String: SocketAddress]

  package init(addresses: [String: SocketAddress]) {
    self.addresses = addresses
  }

  package init(json: [UInt8]) throws(SettingsError) {
    let entries: [String: Entry]
    do {
      entries = try JSONDecoder().decode([String: Entry].self, from: Data(json))
    } catch {
      throw SettingsError("endpoints.json is not an object of name → {\"host\", \"port\"}.")
    }
    var addresses: [String: SocketAddress] = [:]
    for (name, entry) in entries {
      guard let port = UInt16(exactly: entry.port),
        let address = SocketAddress(host: entry.host, port: port)
      else {
        throw SettingsError("endpoints.json: `\(name)` has no numeric host and valid port.")
      }
      addresses[name] = address
    }
    self.addresses = addresses
  }

  package func address(of name: ServiceName) -> SocketAddress? { addresses[name.rawValue] }
}
