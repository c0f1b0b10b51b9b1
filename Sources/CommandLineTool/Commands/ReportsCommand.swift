import ArgumentParser
import Seal
import Wire

/// The gateways' reports.
struct ReportsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reports", abstract: "List and fetch the gateways' reports.",
    subcommands: [ReportsList.self, ReportsFetch.self], defaultSubcommand: ReportsList.self)
}

/// A report as people see it.
private struct ReportRowText: Encodable {
  let gateway: String
  let account: String
  let kind: String
  let name: String
  let state: String
  let bytes: UInt64
  let lines: UInt64
  let sha256: String
  let detail: String

  init(_ report: GatewayV1.Report) {
    gateway = report.gateway
    account = report.gatewayAccount
    kind = WireText.word(report.kind, "REPORT_KIND_")
    name = report.name
    state = WireText.word(report.state, "REPORT_STATE_")
    bytes = report.bytes
    lines = report.lineCount
    sha256 = Hex.encode(report.sha256)
    detail = report.detail
  }
}

struct ReportsList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List reports that were asked for or announced, newest first.")

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let reports = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: .operator) { client in
        try await GatewayV1.Reports.Client(wrapping: client)
          .listReports(GatewayV1.ListReportsRequest())
      }.reports
    }
    let rows = reports.map(ReportRowText.init)
    try output.result(rows) {
      Table.lines(
        ["gateway", "account", "kind", "name", "state", "bytes", "lines", "sha256"],
        rows.map {
          [
            $0.gateway, $0.account, $0.kind, $0.name, $0.state, String($0.bytes),
            String($0.lines), String($0.sha256.prefix(16)),
          ]
        })
    }
    return .succeeded
  }
}

struct ReportsFetch: Command {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case payoutReconciliation = "payout_reconciliation"
    case settlementDetail = "settlement_detail"
    case paymentAccounting = "payment_accounting"

    var wire: GatewayV1.ReportKind {
      switch self {
      case .payoutReconciliation: .payoutReconciliation
      case .settlementDetail: .settlementDetail
      case .paymentAccounting: .paymentAccounting
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Download a report, read every line, keep its SHA-256.",
    discussion: """
      Stripe makes a report of any span of time: --from and --until, in UTC. Adyen makes its \
      reports by itself and announces them: --name, see tender reports list.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "payout_reconciliation (Stripe), settlement_detail, payment_accounting (Adyen).")
  var kind: Kind
  @Option(help: "Adyen: the file's name.") var name = ""
  @Option(help: "Stripe: the beginning, included: 2026-11-01 or 2026-11-01T00:00:00Z.") var from: String?
  @Option(help: "Stripe: the end, not included.") var until: String?
  @Option(help: "payment_accounting: an attempt whose fate is looked for.") var attempt = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  private struct Answer: Encodable {
    let report: ReportRowText
    let lines: [String: UInt64]
    let net: [String]
    let evidence: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = GatewayV1.FetchReportRequest(
      kind: kind.wire, name: name, periodStart: try LedgerText.instant(from, "--from"),
      periodEnd: try LedgerText.instant(until, "--until"), attemptID: attempt)
    let key = try CallKeys.choose(key, prefix: "report")
    let response = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: .operator) { client in
        try await GatewayV1.Reports.Client(wrapping: client)
          .fetchReport(request, metadata: CallKeys.metadata(key: key))
      }
    }
    guard let report = response.report.map(ReportRowText.init) else {
      throw Failure("gateway-router answered without the report", next: "see tender doctor")
    }
    let answer = Answer(
      report: report,
      lines: Dictionary(response.lines.map { ($0.type, $0.count) }) { first, _ in first },
      net: response.net.map { WireText.money($0) }, evidence: response.evidence)
    try output.result(answer) {
      var lines = ["\(report.gateway) \(report.kind) \(report.name)  \(report.state)"]
      if !report.detail.isEmpty { lines.append(report.detail) }
      if !report.sha256.isEmpty {
        lines.append("\(report.bytes) bytes, \(report.lines) lines, sha256 \(report.sha256)")
      }
      lines += answer.lines.sorted { $0.key < $1.key }.map { "\($0.key)  \($0.value)" }
      if !answer.net.isEmpty { lines.append("net  " + answer.net.joined(separator: ", ")) }
      if !answer.evidence.isEmpty { lines.append("\(attempt)  \(answer.evidence)") }
      return lines
    }
    switch report.state {
    case "fetched": return .succeeded
    case "rejected": return .differs
    default: return .processing
    }
  }
}
