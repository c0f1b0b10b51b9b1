import Money
import Wire

/// What a ledger is, in the simplest way: a list of what was booked, and sums over it.
struct ModelLedger {
  struct Booked {
    var command: LedgerV1.PostingCommand
    var recordedAt: Timestamp
    /// Accounts as booked: what is not in the chart lies in suspense.
    var legs: [(account: String, side: LedgerV1.NormalSide, minor: Int64)]
  }

  static let chart: Set<String> = ["gateway_clearing", "merchant_payable", "bank", "write_offs"]
  static let kinds: Set<String> = ["capture", "refund", "fee"]
  static let suspense = "suspense:unknown_account"

  private(set) var booked: [Booked] = []
  private var places: [String: Int] = [:]
  private var refused: [String: String] = [:]
  private var lastRecorded = Timestamp(microseconds: 0)

  /// "status reason difference" of each command.
  mutating func post(_ commands: [LedgerV1.PostingCommand], at now: Timestamp) -> [String] {
    let recordedAt = max(now, lastRecorded)
    var created = false
    let results = commands.map { command in
      if let reason = Self.structural(command) { return "rejected \(reason)" }
      if let place = places[command.transactionID] {
        let difference = Self.difference(booked[place].command, command)
        return difference.map { "existsWithDifference \($0)" } ?? "exists"
      }
      if !command.recordsFact {
        if let reason = refused[command.transactionID] ?? Self.refusal(command) {
          refused[command.transactionID] = reason
          return "rejected \(reason)"
        }
      }
      places[command.transactionID] = booked.count
      booked.append(
        Booked(
          command: command,
          recordedAt: recordedAt,
          legs: command.entries.map { entry in
            let code = Self.isKnown(entry.accountCode) ? entry.accountCode : Self.suspense
            return (code, entry.side, entry.amount?.amountMinor ?? 0)
          }
        )
      )
      accounts.formUnion(booked[booked.count - 1].legs.map(\.account))
      created = true
      return "created"
    }
    if created { lastRecorded = recordedAt }
    return results
  }

  private static func isKnown(_ code: String) -> Bool {
    chart.contains(String(code.prefix { $0 != ":" }))
  }

  private static func structural(_ command: LedgerV1.PostingCommand) -> String? {
    if command.entries.count < 2 { return "TOO_FEW_ENTRIES" }
    if command.entries.contains(where: { $0.amount?.currency != "EUR" }) {
      return "CURRENCY_UNKNOWN"
    }
    if command.entries.contains(where: { $0.side == .unspecified }) { return "SIDE_MISSING" }
    if command.entries.contains(where: { ($0.amount?.amountMinor ?? 0) <= 0 }) {
      return "AMOUNT_NOT_POSITIVE"
    }
    let sum = command.entries.reduce(Int64(0)) {
      $0 + ($1.side == .debit ? 1 : -1) * ($1.amount?.amountMinor ?? 0)
    }
    return sum == 0 ? nil : "UNBALANCED"
  }

  private static func refusal(_ command: LedgerV1.PostingCommand) -> String? {
    if !kinds.contains(command.kind) { return "KIND_UNKNOWN" }
    return command.entries.allSatisfy { isKnown($0.accountCode) } ? nil : "ACCOUNT_UNKNOWN"
  }

  /// Only what the generator changes.
  private static func difference(
    _ old: LedgerV1.PostingCommand,
    _ new: LedgerV1.PostingCommand
  ) -> String? {
    if old.kind != new.kind { return "kind" }
    if old.entries.count != new.entries.count { return "entries" }
    for (left, right) in zip(sorted(old), sorted(new)) {
      if left.accountCode != right.accountCode { return "entries.account_code" }
      if left.side != right.side { return "entries.side" }
      if left.amount != right.amount { return "entries.amount.amount_minor" }
    }
    if old.effectiveAt != new.effectiveAt { return "effective_at" }
    return old.subject == new.subject ? nil : "subject"
  }

  private static func sorted(_ command: LedgerV1.PostingCommand) -> [LedgerV1.Entry] {
    command.entries.sorted { left, right in
      let sides = [LedgerV1.NormalSide.credit: -1, .debit: 1]
      return (left.accountCode, sides[left.side] ?? 0, left.amount?.amountMinor ?? 0)
        < (right.accountCode, sides[right.side] ?? 0, right.amount?.amountMinor ?? 0)
    }
  }

  // MARK: Questions

  private(set) var accounts: Set<String> = []

  /// Debits less credits; nil for an account that was never used.
  func balance(
    _ account: String,
    recorded: Timestamp? = nil,
    effective: Timestamp? = nil
  ) -> Int64? {
    guard accounts.contains(account) else { return nil }
    var sum: Int64 = 0
    for item in booked {
      if let recorded, item.recordedAt > recorded { continue }
      if let effective, let at = item.command.effectiveAt?.timestamp, at > effective { continue }
      for leg in item.legs where leg.account == account {
        sum += leg.side == .debit ? leg.minor : -leg.minor
      }
    }
    return sum
  }

  /// "transaction debits−credits after it" of an account's legs in order.
  func history(
    _ account: String,
    after: Timestamp? = nil,
    through: Timestamp? = nil
  ) -> [String] {
    var balance: Int64 = 0
    var lines: [String] = []
    for item in booked {
      for leg in item.legs where leg.account == account {
        balance += leg.side == .debit ? leg.minor : -leg.minor
        if after.map({ item.recordedAt <= $0 }) ?? false { continue }
        if through.map({ item.recordedAt > $0 }) ?? false { continue }
        lines.append("\(item.command.transactionID) \(balance)")
      }
    }
    return lines
  }

  func ids(about subject: String) -> [String] {
    booked.filter { $0.command.subject == subject }.map(\.command.transactionID)
  }
}
