import ArgumentParser
import Money
import Wire

/// What a break may be booked as.
enum BookingTemplateArgument: String, ExpressibleByArgument, CaseIterable {
  case fee, payout
  case payoutReversal = "payout_reversal"
  case reserve, adjustment
  case disputeOpened = "dispute_opened"
  case directDebitReturn = "direct_debit_return"
  case disputeWon = "dispute_won"
  case orphanCapture = "orphan_capture"
  case orphanReversal = "orphan_reversal"

  var wire: LedgerV1.BookingTemplate {
    switch self {
    case .fee: .fee
    case .payout: .payout
    case .payoutReversal: .payoutReversal
    case .reserve: .reserve
    case .adjustment: .adjustment
    case .disputeOpened: .disputeOpened
    case .directDebitReturn: .directDebitReturn
    case .disputeWon: .disputeWon
    case .orphanCapture: .orphanCapture
    case .orphanReversal: .orphanReversal
    }
  }
}

/// Ends a break by a booking.
struct ReconResolve: Command {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Book what ends a break, and resolve it.",
    discussion: """
      `tender recon explain` says what a break may be booked as: what its line is, which the next \
      run pairs with it, or an adjustment of a difference in our favour. What is to be given up, \
      two people write off.
      """
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The break: rb_…") var id: String
  @Option(help: "What it is booked as, such as fee, payout or adjustment.")
  var book: BookingTemplateArgument
  @Option(help: "Whose it is, where the break names nobody: mt_… or ml_…") var merchant = ""
  @Option(help: "Kept with the break.") var note = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  struct Answer: Encodable {
    let found: ReconBreakRow
    let transaction: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "resolve"), person.caller)
    let request = LedgerV1.ResolveBreakRequest(
      breakID: id,
      template: book.wire,
      merchantID: merchant,
      note: note
    )
    let response = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: caller) { client in
        try await LedgerV1.BreakSettlements.Client(wrapping: client)
          .resolveBreak(request, metadata: CallKeys.metadata(key: key))
      }
    }
    guard let row = response.reconBreak.map(ReconBreakRow.init) else {
      throw Failure("ledger answered without the break", next: "see tender doctor")
    }
    let answer = Answer(found: row, transaction: response.transactionID)
    try output.result(answer) {
      ReconBreakRow.table([row]) + ["booked as \(book.rawValue): \(answer.transaction)"]
    }
    return .succeeded
  }
}

/// When each book is compared.
struct ReconScheduleCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "schedule",
    abstract: "Show when each book was compared last, and when it will be next."
  )

  @OptionGroup var common: CommonOptions

  struct Row: Encodable {
    let account: String
    let mode: String
    let lastRun: String
    let lastRunAt: String
    let nextRunAt: String
    let failures: UInt32
    let failure: String

    init(_ schedule: LedgerV1.ReconSchedule) {
      account = "\(schedule.gateway):\(schedule.gatewayAccount)"
      mode = LiveBooks.word(schedule.livemode)
      lastRun = schedule.lastRunID
      lastRunAt = LedgerText.time(schedule.lastRunAt)
      nextRunAt = LedgerText.time(schedule.nextRunAt)
      failures = schedule.failures
      failure = schedule.failure
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.reconSchedules()
    }.map(Row.init)
    try output.result(rows) { Self.lines(rows) }
    return rows.allSatisfy { $0.failures == 0 } ? .succeeded : .differs
  }

  static func lines(_ rows: [Row]) -> [String] {
    guard !rows.isEmpty else { return ["no report was imported"] }
    return Table.lines(
      ["account", "books", "last run", "next run", "failed"],
      rows.map {
        [
          $0.account, $0.mode, $0.lastRunAt.isEmpty ? "-" : $0.lastRunAt,
          $0.nextRunAt.isEmpty ? "by hand" : $0.nextRunAt, String($0.failures),
        ]
      }
    ) + rows.filter { $0.failures > 0 }.map { "\($0.account) \($0.mode): \($0.failure)" }
  }
}

extension ServiceSession {
  func reconSchedules() async throws -> [LedgerV1.ReconSchedule] {
    try await call(.ledger, as: .operator) { client in
      try await LedgerV1.Reconciliation.Client(wrapping: client)
        .listSchedules(LedgerV1.ListSchedulesRequest())
    }.schedules
  }
}
