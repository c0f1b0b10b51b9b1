import ArgumentParser
import Money
import Wire

/// Differences that two people give up.
struct WriteOffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "write-off",
    abstract: "Give a break's difference up: one operator proposes, another one approves.",
    discussion: """
      Up to a limit for each currency (setting `recon.writeOffLimits` of ledger). `approver` \
      approves without another name: `tender certificates --operator NAME` makes the certificate \
      of a second operator, `--as NAME` uses it.
      """,
    subcommands: [WriteOffList.self, WriteOffPropose.self, WriteOffApprove.self],
    defaultSubcommand: WriteOffList.self
  )
}

/// A proposal as people see it.
struct WriteOffRow: Encodable {
  let id: String
  let reconBreak: String
  let account: String
  let mode: String
  let merchant: String
  let amount: String
  let words: String
  let proposedBy: String
  let proposedAt: String
  let approvedBy: String
  let transaction: String

  init(_ writeOff: LedgerV1.WriteOff) {
    id = writeOff.id
    reconBreak = writeOff.breakID
    account = "\(writeOff.gateway):\(writeOff.gatewayAccount)"
    mode = LiveBooks.word(writeOff.livemode)
    merchant = writeOff.merchantID
    amount = WireText.money(writeOff.amount)
    words = writeOff.words
    proposedBy = writeOff.proposedBy
    proposedAt = LedgerText.time(writeOff.proposedAt)
    approvedBy = writeOff.approvedBy
    transaction = writeOff.transactionID
  }

  static func lines(_ rows: [WriteOffRow]) -> [String] {
    rows.flatMap {
      [
        "\($0.id)  \($0.amount)  \($0.account) \($0.mode)  break \($0.reconBreak)",
        "  \($0.words), proposed by \($0.proposedBy)"
          + ($0.approvedBy.isEmpty ? "" : ", approved by \($0.approvedBy)"),
      ]
    }
  }
}

struct WriteOffList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the proposals that wait for somebody, oldest first."
  )
  static let pageSize: UInt32 = 500
  /// Of one answer.
  static let listMax = 10_000

  @OptionGroup var common: CommonOptions
  @Flag(help: "Also those that are approved or superseded.") var all = false

  func perform(_ output: Output) async throws -> ExitStatus {
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      var rows: [WriteOffRow] = []
      var token = ""
      repeat {
        let request = LedgerV1.ListWriteOffsRequest(
          all: all,
          pageSize: Self.pageSize,
          pageToken: token
        )
        let page = try await session.call(.ledger, as: .operator) { client in
          try await LedgerV1.BreakSettlements.Client(wrapping: client).listWriteOffs(request)
        }
        rows += page.writeOffs.map(WriteOffRow.init)
        token = page.nextPageToken
      } while !token.isEmpty && rows.count < Self.listMax
      return rows
    }
    try output.result(rows) {
      rows.isEmpty ? ["nothing waits for approval"] : WriteOffRow.lines(rows)
    }
    return .succeeded
  }
}

struct WriteOffPropose: Command {
  static let configuration = CommandConfiguration(
    commandName: "propose",
    abstract: "Say that a break's difference is to be given up, and why."
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The break: rb_…") var id: String
  @Option(help: "Why it is given up.") var words: String
  @Option(help: "Whose it is, where the break names nobody: mt_… or ml_…") var merchant = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "propose"), person.caller)
    let request = LedgerV1.ProposeWriteOffRequest(
      breakID: id,
      words: words,
      merchantID: merchant
    )
    let made = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: caller) { client in
        try await LedgerV1.BreakSettlements.Client(wrapping: client)
          .proposeWriteOff(request, metadata: CallKeys.metadata(key: key))
      }.writeOff
    }
    guard let row = made.map(WriteOffRow.init) else { throw WriteOffApprove.unanswered }
    try output.result(row) {
      WriteOffRow.lines([row]) + [
        "another operator approves it: tender recon write-off approve \(row.id)"
      ]
    }
    return .succeeded
  }
}

struct WriteOffApprove: Command {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Confirm what another operator has proposed; books it."
  )

  static let unanswered = Failure(
    "ledger answered without the write-off",
    next: "see tender doctor"
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.approver
  @Argument(help: "The proposal: rw_…") var id: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "approve"), person.caller)
    let request = LedgerV1.ApproveWriteOffRequest(writeOffID: id)
    let done = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: caller) { client in
        try await LedgerV1.BreakSettlements.Client(wrapping: client)
          .approveWriteOff(request, metadata: CallKeys.metadata(key: key))
      }.writeOff
    }
    guard let row = done.map(WriteOffRow.init) else { throw Self.unanswered }
    try output.result(row) {
      WriteOffRow.lines([row]) + ["booked: \(row.transaction)"]
    }
    return .succeeded
  }
}
