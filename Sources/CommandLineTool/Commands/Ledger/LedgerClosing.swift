import ArgumentParser
import GRPCCore
import Wire

struct LedgerClose: Command {
  static let configuration = CommandConfiguration(
    commandName: "close",
    abstract: "Close an account: what people and services ask for is refused on it.",
    discussion: """
      Nothing may be held on it; its balance stays, whatever it is. What has happened is booked in \
      any case, and told by an alert.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var choice: LedgerAccountChoice

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.CloseAccountRequest(
      accountCode: choice.account, currency: choice.currency)
    return try await choice.perform(output, prefix: "close") { ledger, metadata in
      try await ledger.closeAccount(request, metadata: metadata).account
    }
  }
}

struct LedgerReopen: Command {
  static let configuration = CommandConfiguration(
    commandName: "reopen",
    abstract: "Open a closed account again; what was refused meanwhile stays refused.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var choice: LedgerAccountChoice

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.ReopenAccountRequest(
      accountCode: choice.account, currency: choice.currency)
    return try await choice.perform(output, prefix: "reopen") { ledger, metadata in
      try await ledger.reopenAccount(request, metadata: metadata).account
    }
  }
}

/// The account that is closed, or opened again.
struct LedgerAccountChoice: ParsableArguments {
  @Argument(help: "The account's code, such as merchant_payable.") var account: String
  @Argument(help: "ISO 4217, such as EUR.") var currency: String
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  /// Calls the ledger, and shows the account as it is then.
  func perform(
    _ output: Output,
    prefix: String,
    _ call:
      @Sendable (LedgerV1.Ledger.Client<ServiceSession.Transport>, Metadata) async throws
      -> LedgerV1.Account?
  ) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: prefix)
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      let metadata = CallKeys.metadata(
        key: key, merchant: try MerchantOption.resolve(merchant, session))
      return try await session.call(.ledger, as: .operator) { client in
        try await call(LedgerV1.Ledger.Client(wrapping: client), metadata)
      }
    }
    guard let found else {
      throw Failure("ledger answered without the account", next: "see tender doctor")
    }
    let row = LedgerAccounts.Row(found)
    try output.result(row) { LedgerAccounts.table([row]) }
    return .succeeded
  }
}
