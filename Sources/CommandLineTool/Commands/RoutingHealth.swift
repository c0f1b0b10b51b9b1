import ArgumentParser
import Money
import Wire

/// An override as people see it.
struct OverrideRow: Encodable {
  let id: String
  let account: String
  let mode: String
  let forced: String
  let state: String
  let expiresAt: String
  let proposedBy: String
  let approvedBy: String
  let reason: String

  init(_ override: GatewayV1.GatewayOverride) {
    id = override.id
    account = "\(override.gateway):\(override.account)"
    mode = override.livemode ? "live" : "test"
    forced = override.action == .forceOpen ? "open" : "closed"
    state = WireText.word(override.state, "OVERRIDE_STATE_")
    expiresAt = override.expiresAt.map { "\(Timestamp($0))" } ?? ""
    proposedBy = override.proposedBy
    approvedBy = override.approvedBy
    reason = override.reason
  }

  var sentence: String {
    state == "active"
      ? "\(account) is forced \(forced) for \(mode) payments until \(expiresAt)"
      : "\(id): \(account) is to be forced \(forced) for \(mode) payments until \(expiresAt); "
        + "next: tender routing approve \(id), by somebody else"
  }
}

struct RoutingHealth: Command {
  static let configuration = CommandConfiguration(
    commandName: "health",
    abstract: "Show the gateways' breakers, what is forced, calls in flight and success.")

  @OptionGroup var common: CommonOptions

  struct Row: Encodable {
    let account: String
    let breakers: [String: String]
    let callsInFlight: UInt32
    let callsInFlightMax: UInt32
    let authorizations: UInt32
    let succeeded: UInt32
    let overrides: [OverrideRow]
  }

  struct Answer: Encodable {
    let version: UInt32
    let viewAgeMilliseconds: UInt32
    let retriesLeft: UInt32
    let retriesRefused: UInt64
    let gateways: [Row]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let health = try await RoutingClient.with { try await $0.health() }
    let answer = Answer(
      version: health.routingVersion, viewAgeMilliseconds: health.viewAgeMilliseconds,
      retriesLeft: health.retriesLeft, retriesRefused: health.retriesRefused,
      gateways: health.gateways.map { gateway in
        Row(
          account: "\(gateway.gateway):\(gateway.account)",
          breakers: Dictionary(
            gateway.breakers.map { ($0.operation, Self.words($0)) }, uniquingKeysWith: { $1 }),
          callsInFlight: gateway.callsInFlight, callsInFlightMax: gateway.callsInFlightMax,
          authorizations: gateway.authorizations, succeeded: gateway.authorizationsSucceeded,
          overrides: gateway.overrides.map(OverrideRow.init))
      })
    try output.result(answer) {
      Table.lines(
        ["account", "payments", "modifications", "looks", "in flight", "success (10 min)"],
        answer.gateways.map {
          [
            $0.account, $0.breakers["authorize"] ?? "", $0.breakers["modify"] ?? "",
            $0.breakers["look"] ?? "", "\($0.callsInFlight) of \($0.callsInFlightMax)",
            $0.authorizations == 0
              ? "no payments"
              : "\($0.succeeded * 100 / $0.authorizations) % of \($0.authorizations)",
          ]
        }) + answer.gateways.flatMap(\.overrides).map(\.sentence)
        + [
          "routes by " + (answer.version == 0 ? "the settings' order" : "version \(answer.version)")
            + ", read \(answer.viewAgeMilliseconds) ms ago; \(answer.retriesLeft) retries left, "
            + "\(answer.retriesRefused) refused",
        ]
    }
    return .succeeded
  }

  private static func words(_ breaker: GatewayV1.BreakerHealth) -> String {
    breaker.state + (breaker.until.map { " until \(Timestamp($0))" } ?? "")
  }
}

/// What the commands that force something are told.
struct ForceOptions: ParsableArguments {
  @Argument(help: "The gateway, or gateway:account.") var account: String
  @Option(help: "Why.") var reason: String
  @Flag(help: "For live payments, which takes two people; without it for test ones.")
  var live = false
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  var parts: (gateway: String, account: String) {
    let parts = account.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
  }

  func force(
    _ action: GatewayV1.OverrideAction, for time: String, _ output: Output
  ) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "force")
    let request = GatewayV1.ProposeOverrideRequest(
      gateway: parts.gateway, account: parts.account, livemode: live, action: action,
      reason: reason, expiresInSeconds: try Self.seconds(time))
    let made = try await RoutingClient.with(as: person) { client in
      try RoutingClient.required(
        try await client.call(key: key) { try await $0.proposeOverride(request, metadata: $1) }
          .override)
    }
    try output.result(OverrideRow(made)) { [OverrideRow(made).sentence] }
    return .succeeded
  }

  /// "30m", "2h", "1d".
  static func seconds(_ text: String) throws -> UInt32 {
    let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = UInt32(text.dropLast()),
      case let (seconds, isTooLong) = number.multipliedReportingOverflow(by: unit), !isTooLong
    else {
      throw Failure("\(text) is no time", next: "such as 30m, 2h or 1d", status: .usage)
    }
    return seconds
  }
}

struct RoutingForceOpen: Command {
  static let configuration = CommandConfiguration(
    commandName: "force-open", abstract: "Send no new payments to an account, for a time.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var options: ForceOptions
  @Option(name: .customLong("for"), help: "For how long: 30m, 2h, 1d; at most 7d.")
  var time = "1h"

  func perform(_ output: Output) async throws -> ExitStatus {
    try await options.force(.forceOpen, for: time, output)
  }
}

struct RoutingForceClose: Command {
  static let configuration = CommandConfiguration(
    commandName: "force-close",
    abstract: "Send payments to an account whatever its breaker says, for a time.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var options: ForceOptions
  @Option(name: .customLong("for"), help: "For how long: 30m, 2h, 1d; at most 7d.")
  var time = "1h"

  func perform(_ output: Output) async throws -> ExitStatus {
    try await options.force(.forceClosed, for: time, output)
  }
}

struct RoutingRelease: Command {
  static let configuration = CommandConfiguration(
    commandName: "release",
    abstract: "End what is forced at an account: its breaker decides again.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var options: ForceOptions

  struct Answer: Encodable {
    let account: String
    let released: UInt32
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(options.key, prefix: "release")
    let request = GatewayV1.ReleaseOverrideRequest(
      gateway: options.parts.gateway, account: options.parts.account, livemode: options.live,
      reason: options.reason)
    let released = try await RoutingClient.with(as: options.person) { client in
      try await client.call(key: key) { try await $0.releaseOverride(request, metadata: $1) }
        .released
    }
    try output.result(Answer(account: options.account, released: released)) {
      ["\(options.account): its breaker decides again"]
    }
    return .succeeded
  }
}
