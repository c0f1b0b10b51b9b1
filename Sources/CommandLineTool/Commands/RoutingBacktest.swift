import ArgumentParser
import Wire

struct RoutingBacktest: Command {
  static let configuration = CommandConfiguration(
    commandName: "backtest",
    abstract: "Run a version over stored payments: what goes elsewhere, and what it costs.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The version's number.") var number: UInt32
  @Option(help: "Payments of so many days, 1 to 90.") var days: UInt32 = 7
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator

  struct Rule: Encodable {
    let rule: String
    let payments: UInt64
    let moved: UInt64
    let shares: [String: UInt64]
  }

  struct Fees: Encodable {
    let currency: String
    let payments: UInt64
    let draftMinor: Int64
    let againstMinor: Int64
  }

  struct Answer: Encodable {
    let id: String
    let version: UInt32
    let against: UInt32
    let days: UInt32
    let payments: UInt64
    let moved: UInt64
    let rules: [Rule]
    let fees: [Fees]
    let withoutInputs: UInt64
    let withoutFees: UInt64
    let orderedBySuccess: UInt64
    let isTruncated: Bool
    let digest: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.fresh("backtest")
    let request = GatewayV1.BacktestRoutingRequest(number: number, days: days)
    let run = try await output.whileWaiting("running the back-test") {
      try await RoutingClient.with(as: person) { client in
        try RoutingClient.required(
          try await client.call(key: key, within: RoutingClient.backtestLimit) {
            try await $0.backtestRouting(request, metadata: $1)
          }.backtest)
      }
    }
    let answer = Answer(run)
    try output.result(answer) { answer.lines(run) }
    return .succeeded
  }
}

extension RoutingBacktest.Answer {
  init(_ run: GatewayV1.Backtest) {
    self.init(
      id: run.id, version: run.number, against: run.against, days: run.days,
      payments: run.payments, moved: run.moved,
      rules: run.rules.map { rule in
        RoutingBacktest.Rule(
          rule: rule.rule, payments: rule.payments, moved: rule.moved,
          shares: Dictionary(
            rule.shares.map { (Self.name($0), $0.payments) }, uniquingKeysWith: +))
      },
      fees: run.fees.map {
        RoutingBacktest.Fees(
          currency: $0.currency, payments: $0.payments, draftMinor: $0.draft?.amountMinor ?? 0,
          againstMinor: $0.against?.amountMinor ?? 0)
      },
      withoutInputs: run.withoutInputs, withoutFees: run.withoutFees,
      orderedBySuccess: run.orderedBySuccess, isTruncated: run.isTruncated, digest: run.digest)
  }

  private static func name(_ share: GatewayV1.BacktestShare) -> String {
    share.gatewayAccount.isEmpty ? "none" : share.gatewayAccount
  }

  func lines(_ run: GatewayV1.Backtest) -> [String] {
    let other = against == 0 ? "the settings' order" : "version \(against)"
    let rules = run.rules.map { rule in
      [
        RoutingFile.cut(rule.rule), String(rule.payments),
        rule.shares.map { "\(Self.name($0)) \($0.payments)" }.joined(separator: ", "),
        String(rule.moved),
      ]
    }
    return [
      "version \(version) over \(payments) payments of \(days) days, against \(other): "
        + "\(moved) would go elsewhere first",
    ] + Table.lines(["rule", "payments", "first gateway", "moved"], rules)
      + run.fees.map {
        "fees \($0.currency)  \(WireText.money($0.draft)) in place of \(WireText.money($0.against))"
          + " over \($0.payments) payments"
      } + notes
  }

  private var notes: [String] {
    [
      withoutFees > 0 ? "\(withoutFees) payments are not in the fee schedule" : nil,
      withoutInputs > 0
        ? "\(withoutInputs) payments have no stored inputs and were left out" : nil,
      orderedBySuccess > 0
        ? "\(orderedBySuccess) payments are ordered by success rates, which are not kept: run in "
          + "the rules' own order" : nil,
      isTruncated ? "the limit was reached: the newest payments were not run" : nil,
      "next: tender routing approve \(version), by somebody else than who proposed it",
    ].compactMap { $0 }
  }
}
