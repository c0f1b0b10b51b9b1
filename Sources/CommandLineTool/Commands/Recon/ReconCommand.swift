import ArgumentParser
import Money
import Wire

/// The books compared with the gateways' reports.
struct ReconCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recon",
    abstract:
      "Compare the books with the gateways' reports; show what differs and who looks into it.",
    discussion: """
      Import a report, run the comparison, look at the breaks. A run books the fees and payouts \
      that the reports prove; `resolve` books what ends a break; `write-off` gives a difference \
      up, which takes two operators; `seal` says that books and reports agree up to a day.
      """,
    subcommands: [
      ReconImport.self, ReconRun.self, ReconBreaks.self, ReconExplain.self,
      ReconAcknowledge.self, ReconAccept.self, ReconSnooze.self, ReconResolve.self,
      WriteOffCommand.self, ReconScheduleCommand.self, ReconForecast.self,
      ReconSealCommand.self, ReconSeals.self,
    ],
    defaultSubcommand: ReconBreaks.self
  )
}

/// Which of an account's two books.
enum LiveBooks {
  static let help: ArgumentHelp = "Of the live books; without it of the test ones."

  static func word(_ isLive: Bool) -> String { isLive ? "live" : "test" }
}

/// `stripe:acct_1`.
struct GatewayAccountArgument: ExpressibleByArgument, Sendable {
  static let help: ArgumentHelp = "The account at a gateway, such as stripe:acct_1."

  let gateway: String
  let account: String

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    (gateway, account) = (parts[0], parts[1])
  }
}

/// A break as people see it.
struct ReconBreakRow: Encodable {
  let id: String
  let account: String
  let mode: String
  let reconClass: String
  let state: String
  let severity: String
  let reported: String
  let booked: String
  let occurredOn: String
  let ageDays: UInt32
  let merchant: String
  let transaction: String
  let note: String
  let snoozedUntil: String

  init(_ found: LedgerV1.ReconBreak) {
    id = found.id
    account = "\(found.gateway):\(found.gatewayAccount)"
    mode = LiveBooks.word(found.livemode)
    reconClass = WireText.word(found.reconClass, "RECON_CLASS_")
    state = WireText.word(found.state, "BREAK_STATE_")
    severity = found.severity
    reported = WireText.money(found.reported)
    booked = WireText.money(found.booked)
    occurredOn = found.occurredOn
    ageDays = found.ageDays
    merchant = found.merchantID
    transaction = found.transactionID
    note = found.note
    snoozedUntil = LedgerText.time(found.snoozedUntil)
  }

  static func table(_ rows: [ReconBreakRow]) -> [String] {
    Table.lines(
      ["break", "class", "state", "reported", "booked", "days"],
      rows.map {
        [
          $0.id, $0.reconClass, $0.state, $0.reported.isEmpty ? "-" : $0.reported,
          $0.booked.isEmpty ? "-" : $0.booked, String($0.ageDays),
        ]
      }
    )
  }

  /// A table for each of the books.
  static func tables(_ rows: [ReconBreakRow]) -> [String] {
    Dictionary(grouping: rows) { "\($0.account) \($0.mode)" }.sorted { $0.key < $1.key }
      .flatMap { [$0.key] + table($0.value) }
  }

  static func csv(_ rows: [ReconBreakRow]) -> [String] {
    LedgerText.csv(csvHead, rows.map(\.cells))
  }

  static let csvHead = [
    "break", "account", "mode", "class", "state", "severity", "reported", "booked", "occurred_on",
    "age_days", "merchant", "transaction", "note", "snoozed_until",
  ]
  var cells: [String] {
    [
      id, account, mode, reconClass, state, severity, reported, booked, occurredOn, String(ageDays),
      merchant, transaction, note, snoozedUntil,
    ]
  }
}

struct ReconBreaks: Command {
  static let configuration = CommandConfiguration(
    commandName: "breaks",
    abstract: "List what books and reports do not say alike, oldest first."
  )
  static let pageSize: UInt32 = 500
  /// Breaks of one answer.
  static let listMax = 10_000

  @OptionGroup var common: CommonOptions
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument?
  @Flag(help: "With --gateway: of its live books; without it of its test ones.") var live = false
  @Flag(help: "Also those that are resolved, accepted or snoozed.") var all = false
  @Flag(help: "Print comma-separated values.") var csv = false

  func perform(_ output: Output) async throws -> ExitStatus {
    guard gateway != nil || !live else {
      throw Failure("--live names no account", next: "add --gateway", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      var rows: [ReconBreakRow] = []
      var token = ""
      repeat {
        let request = LedgerV1.ListBreaksRequest(
          gateway: gateway?.gateway ?? "",
          gatewayAccount: gateway?.account ?? "",
          all: all,
          pageSize: Self.pageSize,
          pageToken: token,
          livemode: live
        )
        let page = try await session.call(.ledger, as: .operator) { client in
          try await LedgerV1.Reconciliation.Client(wrapping: client).listBreaks(request)
        }
        rows += page.breaks.map(ReconBreakRow.init)
        guard rows.count <= Self.listMax else {
          throw Failure(
            "more than \(Self.listMax) breaks",
            next: "name one account with --gateway",
            status: .usage
          )
        }
        token = page.nextPageToken
      } while !token.isEmpty
      return rows
    }
    try output.result(rows) {
      if csv { return ReconBreakRow.csv(rows) }
      return rows.isEmpty ? ["nothing differs"] : ReconBreakRow.tables(rows)
    }
    return .succeeded
  }
}
