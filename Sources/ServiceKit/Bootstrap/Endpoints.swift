import FoundationEssentials
package import Reactor

/// Where every service listens: endpoints.json, an object of service name → `{"host", "port"}`. The
/// second process of a service is `<name>-2`, and so on.
package struct Endpoints: Sendable {
  /// The largest file read, in bytes.
  package static let bytesMax = 64 * 1024

  /// Processes of one service that are looked for.
  static let replicasMax = 16

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

  /// Of every process of the service, without gaps in their numbers; none where it is not listed.
  package func addresses(of name: ServiceName) -> [SocketAddress] {
    var found: [SocketAddress] = []
    for number in 1...Self.replicasMax {
      let process = number == 1 ? name.rawValue : "\(name.rawValue)-\(number)"
      guard let address = addresses[process] else { break }
      found.append(address)
    }
    return found
  }
}
