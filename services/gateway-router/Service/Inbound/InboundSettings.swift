import Configuration
import GatewayCore
import Reactor
import Seal
import ServiceKit

/// Where notifications arrive, and what proves them.
///
/// - `inbound.listen` (string): numeric IPv4 address and port, plain HTTP, behind a proxy that
///   terminates TLS; without it nothing listens.
/// - `stripe.webhookSecretFile`, `adyen.webhookKeyFile` (paths): the endpoint's secrets, one a line,
///   so that an old and a new one are valid while they rotate; Adyen's in hexadecimal digits. A
///   gateway without one gets no endpoint.
struct InboundSettings: Sendable {
  /// Secrets of one file.
  static let secretsMax = 4

  var host: String
  var port: UInt16
  var stripeSecrets: [SecretBytes]
  var adyenKeys: [SecretBytes]

  /// - Returns: nil when nothing shall listen.
  static func read(_ config: ConfigReader) throws(SettingsError) -> InboundSettings? {
    guard let listen = config.string(forKey: "inbound.listen"), !listen.isEmpty else { return nil }
    guard let address = SocketAddress(listen), let ip = address.ip, !ip.isIPv6,
      let port = address.port
    else { throw SettingsError("`inbound.listen` must be a numeric IPv4 address and a port.") }
    let adyen = try lines(config, "adyen.webhookKeyFile")
    var keys: [SecretBytes] = []
    for line in adyen {
      guard let key = Hex.decode(line) else {
        throw SettingsError("The file of `adyen.webhookKeyFile` must hold hexadecimal digits.")
      }
      keys.append(SecretBytes(key))
    }
    return InboundSettings(
      host: "\(ip)", port: port,
      stripeSecrets: try lines(config, "stripe.webhookSecretFile").map { SecretBytes(text: $0) },
      adyenKeys: keys)
  }

  private static func lines(
    _ config: ConfigReader, _ key: String
  ) throws(SettingsError) -> [String] {
    guard let path = config.string(forKey: ConfigKey(key)), !path.isEmpty else { return [] }
    let lines = try SettingsFile.secret(path).split(separator: "\n").map { String($0) }
    guard (1...secretsMax).contains(lines.count), lines.allSatisfy({ !$0.isEmpty }) else {
      throw SettingsError("The file of `\(key)` must hold 1 to \(secretsMax) secrets, one a line.")
    }
    return lines
  }
}
