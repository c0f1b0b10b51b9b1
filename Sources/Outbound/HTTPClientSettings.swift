/// Limits and fixed properties of one client.
package struct HTTPClientSettings: Sendable {
  /// Calls under way.
  package var inFlightMax = 128
  /// Calls that wait for a place; more are refused.
  package var queuedMax = 1_024
  /// For one address, TLS included.
  package var connectTimeout: Duration = .milliseconds(1_500)
  /// Addresses of one host that are tried in turn, when connecting fails.
  package var addressesTriedMax = 3
  /// A connection that was idle for longer is not used again: below the peers' own limits, so that
  /// they do not close it under a request. Whole seconds.
  package var idleConnectionMax: Duration = .seconds(20)
  /// Kept open, over all hosts.
  package var connectionsMax = 128
  /// PEM file of certificate authorities; nil: the system's.
  package var authoritiesFile: String?
  package var userAgent = "tender/1"

  /// Test only: takes guards away, to show that the tests notice.
  var sabotage: Sabotage = []

  package init() {}
}

/// What a test may break.
struct Sabotage: OptionSet, Sendable {
  let rawValue: Int

  /// Hand libcurl the whole body, which it can send again.
  static let replayableBody = Sabotage(rawValue: 1)
  /// Let libcurl begin the same request again.
  static let repeatedRequest = Sabotage(rawValue: 2)
}
