import ArgumentParser
import Money
import Wire

struct LedgerTrialBalance: Command {
  static let configuration = CommandConfiguration(
    commandName: "trial-balance",
    abstract: "Compare debits and credits per currency, now or at an instant.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Option(help: "Only what was recorded by this instant (RFC 3339); shows every account.")
  var recorded: String?
  @Option(help: "Only what had taken effect by this instant (RFC 3339); shows every account.")
  var effective: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

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
    guard recorded == nil, effective == nil else { return try await performAsOf(output) }
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
      csv
        ? LedgerText.csv(
          [
            "currency", "transactions", "debits_minor", "credits_minor", "entries_debits_minor",
            "entries_credits_minor",
          ],
          rows.map {
            [
              $0.currency, String($0.transactions), String($0.debitsMinor), String($0.creditsMinor),
              String($0.entriesDebitsMinor), String($0.entriesCreditsMinor),
            ]
          })
        : Table.lines(
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

  /// Every account, and the sums per currency.
  private func performAsOf(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.GetTrialBalanceAsOfRequest(
      asOfRecorded: try LedgerText.instant(recorded, "--recorded"),
      asOfEffective: try LedgerText.instant(effective, "--effective"))
    let accounts = try await ServiceSession.with(try Checkout.find()) { session in
      try await LedgerReads(session, MerchantOption.resolve(merchant, session))
        .trialBalance(request)
    }
    let rows = accounts.map { LedgerAccounts.Row($0) }
    let sums = Dictionary(grouping: rows, by: \.currency).mapValues { rows in
      rows.reduce(Int128(0)) { $0 + Int128($1.debitsMinor) - Int128($1.creditsMinor) }
    }
    try output.result(rows) {
      csv
        ? LedgerAccounts.csv(rows)
        : LedgerAccounts.table(rows)
          + sums.sorted { $0.key < $1.key }.map {
            "\($0.key): debits less credits \($0.value)\($0.value == 0 ? "" : " NOT BALANCED")"
          }
    }
    return sums.values.allSatisfy { $0 == 0 } ? .succeeded : .differs
  }
}
