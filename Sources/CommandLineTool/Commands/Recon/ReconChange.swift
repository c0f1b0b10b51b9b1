import ArgumentParser
import Money
import Wire

/// What people do with a break.
private enum BreakChange {
  static func perform(
    _ request: LedgerV1.ChangeBreakRequest,
    _ person: OperatorIdentity,
    _ key: String?,
    _ output: Output
  ) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "break"), person.caller)
    let response = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: caller) { client in
        try await LedgerV1.Reconciliation.Client(wrapping: client)
          .changeBreak(request, metadata: CallKeys.metadata(key: key))
      }
    }
    guard let row = response.reconBreak.map(ReconBreakRow.init) else {
      throw Failure("ledger answered without the break", next: "see tender doctor")
    }
    try output.result(row) { ReconBreakRow.table([row]) }
    return .succeeded
  }
}

struct ReconAcknowledge: Command {
  static let configuration = CommandConfiguration(
    commandName: "acknowledge",
    abstract: "Say that you look into a break."
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The break: rb_…") var id: String
  @Option(help: "What is known so far.") var note = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    try await BreakChange.perform(
      LedgerV1.ChangeBreakRequest(breakID: id, action: .acknowledge, note: note),
      person,
      key,
      output
    )
  }
}

struct ReconAccept: Command {
  static let configuration = CommandConfiguration(
    commandName: "accept",
    abstract: "Leave a break as it is, and say why; books nothing."
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The break: rb_…") var id: String
  @Option(help: "Why it stays as it is.") var note: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    try await BreakChange.perform(
      LedgerV1.ChangeBreakRequest(breakID: id, action: .accept, note: note),
      person,
      key,
      output
    )
  }
}

struct ReconSnooze: Command {
  static let configuration = CommandConfiguration(
    commandName: "snooze",
    abstract: "Set a break aside until an instant; then a run reopens it."
  )

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The break: rb_…") var id: String
  @Option(help: "Until when (RFC 3339, or a day), at most 31 days ahead.") var until: String
  @Option(help: "What is waited for.") var note = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    try await BreakChange.perform(
      LedgerV1.ChangeBreakRequest(
        breakID: id,
        action: .snooze,
        note: note,
        snoozedUntil: try LedgerText.instant(until, "--until")
      ),
      person,
      key,
      output
    )
  }
}
