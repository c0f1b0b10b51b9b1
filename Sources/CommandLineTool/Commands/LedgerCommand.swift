import ArgumentParser
import Money
import Wire

/// What is booked.
struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Show accounts, the trial balance, a transaction.",
    subcommands: [LedgerAccounts.self, LedgerTrialBalance.self, LedgerShow.self],
    defaultSubcommand: LedgerAccounts.self)
}

struct LedgerAccounts: Command {
  static let configuration = CommandConfiguration(
    commandName: "accounts", abstract: "List accounts and balances.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?

  struct Row: Encodable {
    let code: String
    let currency: String
    let normalSide: String
    let debitsMinor: Int64
    let creditsMinor: Int64
    let balanceMinor: Int64
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let accounts = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .accounts()
    }
    let rows = accounts.map {
      Row(
        code: $0.code, currency: $0.currency,
        normalSide: WireText.word($0.normalSide, "NORMAL_SIDE_"),
        debitsMinor: $0.debitsPostedMinor, creditsMinor: $0.creditsPostedMinor,
        balanceMinor: $0.balanceMinor)
    }
    try output.result(rows) {
      Table.lines(
        ["account", "side", "debits", "credits", "balance"],
        rows.map {
          [
            $0.code, $0.normalSide, LedgerText.amount($0.debitsMinor, $0.currency),
            LedgerText.amount($0.creditsMinor, $0.currency),
            LedgerText.amount($0.balanceMinor, $0.currency),
          ]
        })
    }
    return .succeeded
  }
}

struct LedgerTrialBalance: Command {
  static let configuration = CommandConfiguration(
    commandName: "trial-balance", abstract: "Compare debits and credits per currency.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?

  struct Row: Encodable {
    let currency: String
    let transactions: UInt64
    let debitsMinor: Int64
    let creditsMinor: Int64
    /// The same sums, over the entries themselves.
    let entriesDebitsMinor: Int64
    let entriesCreditsMinor: Int64
    let isBalanced: Bool
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let lines = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .trialBalance()
    }
    let rows = lines.map {
      Row(
        currency: $0.currency, transactions: $0.transactions, debitsMinor: $0.debitsMinor,
        creditsMinor: $0.creditsMinor, entriesDebitsMinor: $0.entriesDebitsMinor,
        entriesCreditsMinor: $0.entriesCreditsMinor,
        isBalanced: Set([
          $0.debitsMinor, $0.creditsMinor, $0.entriesDebitsMinor, $0.entriesCreditsMinor,
        ]).count == 1)
    }
    try output.result(rows) {
      Table.lines(
        ["currency", "transactions", "debits", "credits", "by entries", "balanced"],
        rows.map {
          [
            $0.currency, String($0.transactions), LedgerText.amount($0.debitsMinor, $0.currency),
            LedgerText.amount($0.creditsMinor, $0.currency),
            LedgerText.amount($0.entriesDebitsMinor, $0.currency), $0.isBalanced ? "yes" : "NO",
          ]
        })
    }
    return rows.allSatisfy(\.isBalanced) ? .succeeded : .differs
  }
}

struct LedgerShow: Command {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a transaction and its entries.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The transaction: ltx_…") var id: String
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?

  struct Leg: Encodable {
    let side: String
    let account: String
    let amount: String
  }
  struct Answer: Encodable {
    let id: String
    let kind: String
    let subject: String
    let externalReference: String
    let batch: UInt64
    let entries: [Leg]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .transaction(id)
    }
    guard let found else {
      throw Failure("ledger answered without the transaction", next: "see tender doctor")
    }
    let answer = Answer(
      id: found.id, kind: found.kind, subject: found.subject,
      externalReference: found.externalReference, batch: found.batch,
      entries: found.entries.map {
        Leg(
          side: WireText.word($0.side, "NORMAL_SIDE_"), account: $0.accountCode,
          amount: WireText.money($0.amount))
      })
    try output.result(answer) {
      [
        "\(answer.id)  \(answer.kind)  \(answer.subject)  \(answer.externalReference)"
          + "  batch \(answer.batch)"
      ]
        + Table.lines(
          ["side", "account", "amount"], answer.entries.map { [$0.side, $0.account, $0.amount] })
    }
    return .succeeded
  }
}

enum LedgerText {
  static func amount(_ minor: Int64, _ code: String) -> String {
    WireText.money(CommonV1.Money(currency: code, amountMinor: minor))
  }
}
