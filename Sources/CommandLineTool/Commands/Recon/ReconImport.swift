import ArgumentParser
import Money
import Seal
import Wire

/// Hands a report to the ledger.
struct ReconImport: Command {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case payoutReconciliation = "payout_reconciliation"
    case settlementDetail = "settlement_detail"

    var wire: LedgerV1.ReconReportKind {
      switch self {
      case .payoutReconciliation: .payoutReconciliation
      case .settlementDetail: .settlementDetail
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Take a gateway's report over, whole or not at all.",
    discussion: """
      Stripe's file says neither its account nor its total: --payout names what was paid out, and \
      --sha256 what gateway-router downloaded (tender reports list).
      """
  )

  @OptionGroup var common: CommonOptions
  @Argument(help: "The file as the gateway gave it.") var file: String
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument
  @Flag(help: LiveBooks.help) var live = false
  @Option(help: "payout_reconciliation or settlement_detail; by the gateway without it.")
  var kind: Kind?
  @Option(help: "The file's SHA-256, 64 hexadecimal digits, as somebody else saw it.")
  var sha256: String?
  @Option(help: "ISO 4217: every net amount must be in it.") var currency = ""
  @Option(help: "A payout and its amount after fees: 'po_1=28.74 EUR'. May be repeated.")
  var payout: [String] = []
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  private struct Answer: Encodable {
    let id: String
    let account: String
    let mode: String
    let kind: String
    let lines: UInt64
    let bytes: UInt64
    let firstDay: String
    let lastDay: String
    let sha256: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let content = try Self.content(file)
    let sha256 = try digest(content)
    let kind = try kind?.wire ?? Self.kind(of: gateway.gateway)
    let payouts = try payout.map(Self.total)
    let partKey = try Self.partKey(of: content)
    let requests = Self.parts(of: content).map { part, count, bytes in
      LedgerV1.ImportReportRequest(
        gateway: gateway.gateway,
        gatewayAccount: gateway.account,
        kind: kind,
        sha256: sha256,
        content: Array(bytes),
        currency: currency,
        payouts: payouts,
        livemode: live,
        part: part,
        partCount: count,
        partKey: part == 0 ? [] : partKey
      )
    }
    let key = try CallKeys.choose(key, prefix: "import")
    let answers = try await ServiceSession.with(try Checkout.find()) { session in
      try await output.whileWaiting("importing \(file)") {
        var answers: [LedgerV1.ImportReportResponse] = []
        for request in requests {
          // Each part is a call of its own.
          let own = request.part == 0 ? key : "\(key).\(request.part)"
          do {
            answers.append(
              try await session.call(.ledger, as: .operator, within: .seconds(160)) { client in
                try await LedgerV1.Reconciliation.Client(wrapping: client)
                  .importReport(request, metadata: CallKeys.metadata(key: own))
              }
            )
          } catch let error as CallFailure {
            throw ReportAdvice.failure(error.failure, error.reason) ?? error.failure
          }
        }
        return answers
      }
    }
    let response = answers.last { $0.file != nil } ?? LedgerV1.ImportReportResponse()
    guard let found = response.file else {
      throw Failure("ledger answered without the file", next: "see tender doctor")
    }
    guard found.livemode == live else {
      throw Failure(
        "ledger took the report for its \(LiveBooks.word(found.livemode)) books",
        next: "a replica of the release before answered: tender status"
      )
    }
    let answer = Answer(
      id: found.id,
      account: "\(found.gateway):\(found.gatewayAccount)",
      mode: LiveBooks.word(found.livemode),
      kind: WireText.word(found.kind, "RECON_REPORT_KIND_"),
      lines: found.lineCount,
      bytes: found.bytes,
      firstDay: found.firstDay,
      lastDay: found.lastDay,
      sha256: Hex.encode(found.sha256)
    )
    try output.result(answer) {
      [
        "\(answer.id)  \(answer.account) \(answer.mode) \(answer.kind)  \(answer.lines) lines, "
          + "\(answer.firstDay) to \(answer.lastDay)", "sha256 \(answer.sha256)",
        "now: tender recon run --gateway \(answer.account)\(live ? " --live" : "")",
      ]
    }
    return .succeeded
  }

  /// Of the file itself, so that who repeats a command with its key has the same one, and parts that
  /// have arrived are those of the rest. Nobody has it but who has the file: what the ledger knows of it
  /// is another digest.
  static func partKey(of content: [UInt8]) throws -> [UInt8] {
    var digest = try SHA256()
    digest.update(Array("tender.report.part_key.v1".utf8))
    digest.update(content)
    return digest.finish()
  }

  /// Of one message, and of a whole file.
  static let partBytes = 7_500_000
  static let bytesMax = 40 * partBytes

  /// The whole as part 0 of 0, or parts counted from 1.
  static func parts(
    of content: [UInt8]
  ) -> [(part: UInt32, count: UInt32, bytes: ArraySlice<UInt8>)] {
    guard content.count > partBytes else { return [(0, 0, content[...])] }
    let count = (content.count + partBytes - 1) / partBytes
    return (0..<count).map { place in
      let start = place * partBytes
      return (
        UInt32(place + 1), UInt32(count), content[start..<min(start + partBytes, content.count)]
      )
    }
  }

  private static func content(_ path: String) throws -> [UInt8] {
    guard let bytes = try Files.bytes(path, max: bytesMax) else {
      throw Failure("\(path) does not exist", next: "name a report's file", status: .usage)
    }
    return bytes
  }

  private static func kind(of gateway: String) throws -> LedgerV1.ReconReportKind {
    switch gateway {
    case "stripe": return .payoutReconciliation
    case "adyen": return .settlementDetail
    default:
      throw Failure("the kind of report is not known", next: "name it with --kind", status: .usage)
    }
  }

  private func digest(_ content: [UInt8]) throws -> [UInt8] {
    guard let sha256 else { return SHA256.hash(content) }
    guard let bytes = Hex.decode(sha256), bytes.count == SHA256.size else {
      throw Failure("--sha256 is no SHA-256", next: "64 hexadecimal digits", status: .usage)
    }
    return bytes
  }

  static func total(_ text: String) throws -> LedgerV1.PayoutTotal {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw Failure(
        "--payout: \(text) names no amount",
        next: "such as 'po_1=28.74 EUR'",
        status: .usage
      )
    }
    return LedgerV1.PayoutTotal(
      batch: parts[0],
      net: CommonV1.Money(try AmountArgument.parse([parts[1]]))
    )
  }
}
