import ArgumentParser
import Wire

/// A seal of reconciled days as commands show it.
struct ReconSealRow: Encodable {
  let account: String
  let mode: String
  let day: String
  let number: UInt64
  let reopenedFrom: String?
  let lines: UInt64
  let items: UInt64
  let acceptedBreaks: UInt64
  let run: String
  let booksRoot: String
  let sealedAt: String
  let actor: String

  init(_ seal: LedgerV1.ReconSeal) {
    account = "\(seal.gateway):\(seal.gatewayAccount)"
    mode = LiveBooks.word(seal.livemode)
    day = seal.day
    number = seal.number
    reopenedFrom = seal.reopenedFrom.isEmpty ? nil : seal.reopenedFrom
    lines = seal.lineCount
    items = seal.itemCount
    acceptedBreaks = seal.acceptedBreakCount
    run = seal.runID
    booksRoot = seal.booksRoot
    sealedAt = LedgerText.time(seal.sealedAt)
    actor = seal.actor
  }

  static func table(_ rows: [ReconSealRow]) -> [String] {
    Table.lines(
      ["account", "mode", "up to", "number", "reopened from", "accepted", "sealed at"],
      rows.map {
        [
          $0.account, $0.mode, $0.day, String($0.number), $0.reopenedFrom ?? "-",
          String($0.acceptedBreaks), String($0.sealedAt.prefix(19)),
        ]
      }
    )
  }

  static let csvHead = [
    "account", "mode", "day", "number", "reopened_from", "lines", "items", "accepted_breaks", "run",
    "books_root", "sealed_at", "actor",
  ]
  var cells: [String] {
    [
      account, mode, day, String(number), reopenedFrom ?? "", String(lines), String(items),
      String(acceptedBreaks), run, booksRoot, sealedAt, actor,
    ]
  }
}

/// Says that books and reports agree up to a day.
struct ReconSealCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Say that an account is reconciled up to a day, where the ledger can prove it.",
    discussion: """
      Compares once more, as `recon run` does. The books' day must be sealed, a report must reach to \
      the day, nothing of those days may wait for a report, and no break of theirs may be open: resolve \
      or accept them first. A seal stays; what comes late shows from which day on another one is needed.
      """
  )

  @OptionGroup var common: CommonOptions
  @Argument(help: "The last of the days: 2026-11-28.") var day: String
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument
  @Flag(help: LiveBooks.help) var live = false

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.SealReconciliationRequest(
      gateway: gateway.gateway,
      gatewayAccount: gateway.account,
      livemode: live,
      day: day
    )
    let key = try CallKeys.fresh("recon-seal")
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await output.whileWaiting("comparing") {
        try await session.call(.ledger, as: .operator, within: .seconds(160)) { client in
          try await LedgerV1.ReconSeals.Client(wrapping: client)
            .sealReconciliation(request, metadata: CallKeys.metadata(key: key))
        }.seal
      }
    }
    guard let row = found.map(ReconSealRow.init) else {
      throw Failure("ledger answered without the seal", next: "see tender doctor")
    }
    try output.result(row) {
      [
        "\(row.account) \(row.mode) is reconciled up to \(row.day): seal \(row.number) by "
          + "\(row.actor), \(row.sealedAt)",
        "  \(row.run), \(row.lines) lines, \(row.items) items, \(row.acceptedBreaks) breaks accepted",
        "  books' root \(row.booksRoot)",
      ]
    }
    return .succeeded
  }
}

struct ReconSeals: Command {
  static let configuration = CommandConfiguration(
    commandName: "seals",
    abstract: "List up to which day accounts are reconciled, and from where on no longer.",
    discussion: "Without --gateway the newest seal of each; with it all of the account, newest first."
  )
  /// Seals of one answer.
  static let listMax = 10_000

  @OptionGroup var common: CommonOptions
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument?
  @Flag(help: "With --gateway: of its live books; without it of its test ones.") var live = false
  @Flag(help: "Print comma-separated values.") var csv = false

  func perform(_ output: Output) async throws -> ExitStatus {
    guard gateway != nil || !live else {
      throw Failure("--live names no account", next: "add --gateway", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      var rows: [ReconSealRow] = []
      var token = ""
      repeat {
        let request = LedgerV1.ListReconSealsRequest(
          gateway: gateway?.gateway ?? "",
          gatewayAccount: gateway?.account ?? "",
          livemode: live,
          pageToken: token
        )
        let page = try await session.call(.ledger, as: .operator) { client in
          try await LedgerV1.ReconSeals.Client(wrapping: client).listReconSeals(request)
        }
        rows += page.seals.map(ReconSealRow.init)
        token = page.nextPageToken
      } while !token.isEmpty && rows.count < Self.listMax
      return rows
    }
    try output.result(rows) {
      if csv { return LedgerText.csv(ReconSealRow.csvHead, rows.map(\.cells)) }
      return rows.isEmpty ? ["nothing is sealed"] : ReconSealRow.table(rows)
    }
    return .succeeded
  }
}
