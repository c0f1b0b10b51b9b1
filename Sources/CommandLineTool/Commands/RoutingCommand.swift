import ArgumentParser
import Money
import Wire

/// How payments find their gateway: versions of the rules, back-tests, breakers, what people force.
struct RoutingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "routing",
    abstract: "Show and change the rules that choose gateways; show and force their breakers.",
    discussion: """
      A new version: validate, propose, backtest, then approve by somebody else (--as approver, or \
      --as operator when the approver proposed it). The file's format is in \
      services/gateway-router/README.md.
      """,
    subcommands: [
      RoutingShow.self, RoutingValidate.self, RoutingPropose.self, RoutingBacktest.self,
      RoutingApprove.self, RoutingRollback.self, RoutingHealth.self, RoutingForceOpen.self,
      RoutingForceClose.self, RoutingRelease.self,
    ])
}

/// A version as people see it.
struct RoutingVersionRow: Encodable {
  let number: UInt32
  let state: String
  let rules: UInt32
  let proposedBy: String
  let approvedBy: String
  let reason: String
  let digest: String

  init(_ version: GatewayV1.RoutingVersion) {
    number = version.number
    state = WireText.word(version.state, "ROUTING_STATE_")
    rules = version.rules
    proposedBy = version.proposedBy
    approvedBy = version.approvedBy
    reason = version.reason
    digest = version.digest
  }

  static func lines(_ rows: [RoutingVersionRow]) -> [String] {
    Table.lines(
      ["version", "state", "rules", "proposed by", "approved by", "reason"],
      rows.map {
        [
          String($0.number), $0.state, String($0.rules), $0.proposedBy, $0.approvedBy,
          RoutingFile.cut($0.reason),
        ]
      })
  }
}

struct RoutingShow: Command {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the rules that count, the versions and what was changed.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The version; the active one without it.") var number: UInt32?

  struct Change: Encodable {
    let at: String
    let kind: String
    let subject: String
    let actor: String
    let reason: String
  }

  struct Answer: Encodable {
    let version: RoutingVersionRow?
    let document: String?
    /// What counts while no version is active.
    let settingsOrder: [String]
    let versions: [RoutingVersionRow]
    let changes: [Change]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let (list, version) = try await RoutingClient.with { client in
      let list = try await client.list()
      let isThere = number != nil || list.versions.contains { $0.state == .active }
      return (list, isThere ? try await client.version(number ?? 0) : nil)
    }
    let answer = Answer(
      version: version.map(RoutingVersionRow.init), document: version?.document,
      settingsOrder: list.settingsOrder, versions: list.versions.map(RoutingVersionRow.init),
      changes: list.changes.map {
        Change(
          at: $0.createdAt.map { "\(Timestamp($0))" } ?? "", kind: $0.kind, subject: $0.subject,
          actor: $0.actor, reason: $0.reason)
      })
    let rules = try version.map { try JSONText.decode(RoutingFile.self, from: $0.document) }
    try output.result(answer) {
      (answer.version.map { ["version \($0.number), \($0.state)"] }
        ?? ["no version is active; the order of the settings counts: "
          + list.settingsOrder.joined(separator: " > ")])
        + (rules?.lines ?? []) + [""] + RoutingVersionRow.lines(answer.versions) + [""]
        + Table.lines(
          ["at", "change", "of", "by", "reason"],
          answer.changes.prefix(10).map {
            [$0.at, $0.kind, $0.subject, $0.actor, RoutingFile.cut($0.reason)]
          })
    }
    return .succeeded
  }
}

struct RoutingValidate: Command {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Say what is wrong with a file of rules; store nothing.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The file of rules, JSON.") var file: String

  struct Finding: Encodable {
    let rule: String
    let field: String
    let reason: String
    let message: String
  }

  struct Answer: Encodable {
    let rules: UInt32
    let findings: [Finding]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = GatewayV1.ValidateRoutingRequest(document: try RoutingClient.document(file))
    let checked = try await RoutingClient.with { client in
      try await client.call { try await $0.validateRouting(request, metadata: $1) }
    }
    let answer = Answer(
      rules: checked.rules,
      findings: checked.findings.map {
        Finding(rule: $0.rule, field: $0.field, reason: $0.reason, message: $0.message)
      })
    try output.result(answer) {
      answer.findings.isEmpty
        ? ["\(file) is fine: \(answer.rules) rules"]
        : answer.findings.map {
          let place = [$0.rule.isEmpty ? "" : "rule \($0.rule)", $0.field].filter { !$0.isEmpty }
          return "\(place.joined(separator: ", "))  \($0.reason)\n  \($0.message)"
        }
    }
    return answer.findings.isEmpty ? .succeeded : .usage
  }
}

struct RoutingPropose: Command {
  static let configuration = CommandConfiguration(
    commandName: "propose", abstract: "Store a file of rules as a draft, which routes nothing yet.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The file of rules, JSON.") var file: String
  @Option(help: "Why it is to change.") var reason: String
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "routing")
    let request = GatewayV1.ProposeRoutingRequest(
      document: try RoutingClient.document(file), reason: reason)
    let version = try await RoutingClient.with(as: person) { client in
      try RoutingClient.required(
        try await client.call(key: key) { try await $0.proposeRouting(request, metadata: $1) }
          .version)
    }
    try output.result(RoutingVersionRow(version)) {
      [
        "version \(version.number) is a draft of \(version.rules) rules",
        "next: tender routing backtest \(version.number)",
      ]
    }
    return .succeeded
  }
}

struct RoutingApprove: Command {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Make a back-tested version the active one, or a proposed override.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "A version's number, or an override: ovr_…") var what: String
  @Option(help: "Why.") var reason = "approved"
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.approver
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "approve")
    if what.hasPrefix("ovr_") {
      let request = GatewayV1.ApproveOverrideRequest(id: what)
      let made = try await RoutingClient.with(as: person) { client in
        try RoutingClient.required(
          try await client.call(key: key) { try await $0.approveOverride(request, metadata: $1) }
            .override)
      }
      try output.result(OverrideRow(made)) { [OverrideRow(made).sentence] }
      return .succeeded
    }
    guard let number = UInt32(what), number > 0 else {
      throw Failure(
        "\(what) is no version and no override", next: "a number, or ovr_…", status: .usage)
    }
    return try await RoutingRollback.activate(number, reason, person, key, output)
  }
}

struct RoutingRollback: Command {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Make an older version the active one again.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The version; the one that was active before without it.") var number: UInt32?
  @Option(help: "Why.") var reason: String
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.approver
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "rollback")
    var number = number
    if number == nil {
      number = try await RoutingClient.with(as: person) { client in
        try await client.list().changes.first { $0.kind == "retired" }
          .flatMap { UInt32($0.subject) }
      }
    }
    guard let number else {
      throw Failure(
        "no version was active before", next: "see tender routing show", status: .usage)
    }
    return try await Self.activate(number, reason, person, key, output)
  }

  static func activate(
    _ number: UInt32, _ reason: String, _ person: OperatorIdentity, _ key: String, _ output: Output
  ) async throws -> ExitStatus {
    let request = GatewayV1.ActivateRoutingRequest(number: number, reason: reason)
    let version = try await RoutingClient.with(as: person) { client in
      try RoutingClient.required(
        try await client.call(key: key) { try await $0.activateRouting(request, metadata: $1) }
          .version)
    }
    try output.result(RoutingVersionRow(version)) {
      ["version \(version.number) is active; every process routes by it within a second"]
    }
    return .succeeded
  }
}
