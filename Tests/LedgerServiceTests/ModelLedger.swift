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

  struct Hold {
    var command: LedgerV1.PostingCommand
    /// How it ended: `PENDING_POSTED`, `PENDING_VOIDED` or `PENDING_EXPIRED`; nil while it is open.
    var ending: String?
  }

  static let chart: Set<String> = ["gateway_clearing", "merchant_payable", "bank", "write_offs"]
  static let kinds: Set<String> = ["capture", "refund", "fee"]
  static let suspense = "suspense:unknown_account"

  static let creditNormal: Set<String> = ["merchant_payable", suspense]

  var booked: [Booked] = []
  var places: [String: Int] = [:]
  var refused: [String: String] = [:]
  var lastRecorded = Timestamp(microseconds: 0)
  var holds: [String: Hold] = [:]
  var reversed: Set<String> = []
  /// The least and the most, on the normal side.
  var limits: [String: (minimum: Int64, maximum: Int64)] = [:]
  var closed: Set<String> = []
  /// As `counted` would say.
  var sums: [String: [Int64]] = [:]

  /// The reason of a refusal; nil once it is so.
  mutating func setClosed(_ isClosed: Bool, _ account: String) -> String? {
    let sums = sums[account] ?? [0, 0, 0, 0]
    if isClosed, sums[2] + sums[3] > 0 { return "ACCOUNT_HAS_PENDING" }
    accounts.insert(account)
    if isClosed { closed.insert(account) } else { closed.remove(account) }
    return nil
  }

  // MARK: Questions

  var accounts: Set<String> = []

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

  /// Debits and credits, posted and then held: counted, not kept.
  func counted(_ account: String) -> [Int64] {
    var sums: [Int64] = [0, 0, 0, 0]
    for item in booked {
      for leg in item.legs where leg.account == account {
        sums[leg.side == .debit ? 0 : 1] += leg.minor
      }
    }
    for hold in holds.values where hold.ending == nil {
      for entry in hold.command.entries where entry.accountCode == account {
        sums[entry.side == .debit ? 2 : 3] += entry.amount?.amountMinor ?? 0
      }
    }
    return sums
  }

  func ids(about subject: String) -> [String] {
    booked.filter { $0.command.subject == subject }.map(\.command.transactionID)
  }
}
