import Configuration
import Money
import Outbound
import Reactor
import ServiceKit
import WebhooksCore

/// The settings of this service, and its limits.
///
/// - `webhooks.keyFile` (path, required): the keys that seal endpoints' secrets, 64 hexadecimal
///   digits a line, the first one seals; refused if group or others may read it.
/// - `webhooks.allowedNetworks` (networks separated by commas, default none): private networks that
///   endpoints of test merchants may be in, also by plain http. Never for live merchants.
/// - `webhooks.retryScale` (0 to 1, default 1): multiplies the pauses between tries.
/// - `webhooks.authoritiesFile` (path, default the system's): PEM file of certificate authorities.
struct WebhookSettings: Sendable {
  /// For everything of one attempt: resolving, connecting, head and body.
  var attemptTimeout = Duration.seconds(15)
  /// Longer than an attempt and the record of it together.
  var leaseMilliseconds: Int64 = 25_000
  /// Attempts under way to all endpoints.
  var placesMax = 256
  /// How often deliveries that nobody told about are looked for.
  var pollInterval = Duration.seconds(1)
  /// Bytes of an answer that are read.
  static let answerBytesMax = 16_384
  /// Challenges under way.
  static let challengesMax = 32
  /// Endpoints of one merchant that are not disabled.
  static let endpointsMax: Int64 = 20
  /// Secrets of one endpoint that sign at once.
  static let secretsMax: Int64 = 5

  var allowed: [Network]
  var schedule: RetrySchedule
  var authoritiesFile: String?

  init(allowed: [Network], schedule: RetrySchedule = RetrySchedule()) {
    self.allowed = allowed
    self.schedule = schedule
  }

  init(_ settings: ServiceSettings) throws(SettingsError) {
    let config = settings.config
    var allowed: [Network] = []
    for text in config.string(forKey: "webhooks.allowedNetworks", default: "").split(separator: ",") {
      guard let network = Network(String(text.filter { $0 != " " })) else {
        throw SettingsError("`webhooks.allowedNetworks`: \(text) is no network such as 127.0.0.0/8.")
      }
      allowed.append(network)
    }
    let scaleText = config.string(forKey: "webhooks.retryScale", default: "1")
    guard let scale = Double(scaleText), (0...1).contains(scale) else {
      throw SettingsError("`webhooks.retryScale` must be a number from 0 to 1.")
    }
    self.init(allowed: allowed, schedule: RetrySchedule(scale: scale))
    authoritiesFile = config.string(forKey: "webhooks.authoritiesFile")
  }

  static func readKeys(_ settings: ServiceSettings) throws(SettingsError) -> SealingKeys {
    let path = try ServiceSettings.required(
      settings.config, "webhooks.keyFile", "the file of keys that seal endpoints' secrets")
    guard let keys = SealingKeys(fileText: try SettingsFile.secret(path)) else {
      throw SettingsError(
        "`webhooks.keyFile` (\(path)) is not 1 to \(SealingKeys.keysMax) lines of 64 hexadecimal "
          + "digits.")
    }
    return keys
  }

  /// Which addresses an endpoint of the merchant may have.
  func policy(isLive: Bool) -> AddressPolicy {
    isLive ? .publicOnly : AddressPolicy(allowed: allowed)
  }

  /// Whether plain http to the host is fine: only inside the allowed networks, for test merchants.
  func allowsPlain(_ host: String, isLive: Bool) -> Bool {
    guard !isLive, !allowed.isEmpty else { return false }
    guard let address = IPAddress(host == "localhost" ? "127.0.0.1" : host) else { return false }
    return allowed.contains { $0.contains(address) }
  }
}
