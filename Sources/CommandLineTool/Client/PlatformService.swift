/// The six services by the names of their executables, endpoints and identities.
package enum PlatformService: String, CaseIterable, Codable, Sendable {
  case ledger
  case vault = "vault-token"
  case gateway = "gateway-router"
  case webhooks
  case billing
  case intents
}

/// As whom a command speaks: whose certificate it shows.
enum Caller: String, Sendable {
  /// The demo merchant's client.
  case demoMerchant = "client-demo"
  case `operator`
}
