import Money
import Wire

/// How the simple ledger posts: one command after the other, and a chain as if on a copy of itself.
extension ModelLedger {
  private typealias Command = LedgerV1.PostingCommand

  /// "status reason difference" of each command.
  mutating func post(_ commands: [LedgerV1.PostingCommand], at now: Timestamp) -> [String] {
    let time = max(now, lastRecorded)
    let before = booked.count
    var results: [String] = []
    var rest = commands[...]
    while !rest.isEmpty {
      let end = rest.firstIndex { !$0.linked } ?? rest.endIndex - 1
      results += chain(Array(rest[...end]), at: time)
      rest = rest[(end + 1)...]
    }
    if booked.count > before { lastRecorded = time }
    return results
  }

  /// Ends what is due; answers how many.
  mutating func expire(at now: Timestamp) -> Int {
    let time = max(now, lastRecorded)
    var count = 0
    for (id, hold) in holds where hold.ending == nil {
      if let at = hold.command.expiresAt?.timestamp, at <= time {
        release(id, "PENDING_EXPIRED")
        count += 1
      }
    }
    if count > 0 { lastRecorded = time }
    return count
  }

  private mutating func chain(_ commands: [Command], at time: Timestamp) -> [String] {
    let isChain = commands.count > 1
    let isOpen = commands[commands.count - 1].linked
    let structural = commands.enumerated().map { place, command in
      Self.structural(
        command,
        isChain: isChain || isOpen,
        isOpen: isOpen && place == commands.count - 1
      )
    }
    let failed = "rejected LINKED_TRANSACTION_FAILED"
    if structural.contains(where: { $0 != nil }) {
      return structural.map { $0.map { "rejected \($0)" } ?? failed }
    }
    let saved: ModelLedger? = isChain ? self : nil
    var results: [String] = []
    for (place, command) in commands.enumerated() {
      let result = one(command, at: time)
      results.append(result)
      guard let saved, result != "created", result != "exists" else { continue }
      let refusedNow = refused
      self = saved
      refused = refusedNow
      return commands.enumerated().map { other, command in
        if other == place { return result }
        if let known = places[command.transactionID] {
          let difference = Self.difference(booked[known].command, filled(command))
          return difference.map { "existsWithDifference \($0)" } ?? "exists"
        }
        if let reason = refused[command.transactionID] { return "rejected \(reason)" }
        refused[command.transactionID] = "LINKED_TRANSACTION_FAILED"
        return failed
      }
    }
    return results
  }

  private mutating func one(_ command: Command, at time: Timestamp) -> String {
    let id = command.transactionID
    let command = filled(command)
    if let place = places[id] {
      let difference = Self.difference(booked[place].command, command)
      return difference.map { "existsWithDifference \($0)" } ?? "exists"
    }
    if !command.recordsFact, let reason = refused[id] ?? refusal(command, at: time) {
      refused[id] = reason
      return "rejected \(reason)"
    }
    book(command, at: time)
    return "created"
  }

  private mutating func book(_ command: Command, at time: Timestamp) {
    let id = command.transactionID
    let legs = Self.legs(command)
    accounts.formUnion(legs.map(\.account))
    places[id] = booked.count
    let hasMoved = command.phase != .pending
    booked.append(Booked(command: command, recordedAt: time, legs: hasMoved ? legs : []))
    for leg in legs { count(leg.account, hasMoved ? 0 : 2, leg.side, leg.minor) }
    if command.phase == .pending { holds[id] = Hold(command: command) }
    if let hold = holds[command.pendingID], hold.ending == nil {
      release(
        command.pendingID,
        command.phase == .postPending ? "PENDING_POSTED" : "PENDING_VOIDED"
      )
    }
    if !command.reverses.isEmpty, reversible(command.reverses) != nil {
      reversed.insert(command.reverses)
    }
  }

  private mutating func release(_ id: String, _ ending: String) {
    for leg in Self.legs(holds[id]?.command ?? Command()) {
      count(leg.account, 2, leg.side, -leg.minor)
    }
    holds[id]?.ending = ending
  }

  private mutating func count(
    _ account: String,
    _ first: Int,
    _ side: LedgerV1.NormalSide,
    _ minor: Int64
  ) {
    sums[account, default: [0, 0, 0, 0]][first + (side == .debit ? 0 : 1)] += minor
  }

  // MARK: Rules

  private static func isKnown(_ code: String) -> Bool {
    chart.contains(String(code.prefix { $0 != ":" })) || code == suspense
  }

  private static func legs(
    _ command: Command
  ) -> [(account: String, side: LedgerV1.NormalSide, minor: Int64)] {
    command.entries.map { entry in
      let code = isKnown(entry.accountCode) ? entry.accountCode : suspense
      return (code, entry.side, entry.amount?.amountMinor ?? 0)
    }
  }

  private func reversible(_ id: String) -> Booked? {
    places[id].map { booked[$0] }.flatMap { $0.legs.isEmpty ? nil : $0 }
  }

  /// With the legs that it leaves out.
  private func filled(_ command: Command) -> Command {
    guard command.entries.isEmpty else { return command }
    var command = command
    if command.phase == .postPending {
      command.entries = holds[command.pendingID]?.command.entries ?? []
    } else if !command.reverses.isEmpty {
      command.entries = (reversible(command.reverses)?.legs ?? []).map { leg in
        LedgerV1.Entry(
          accountCode: leg.account,
          side: leg.side == .debit ? .credit : .debit,
          amount: CommonV1.Money(currency: "EUR", amountMinor: leg.minor)
        )
      }
    }
    return command
  }

  private static func structural(
    _ command: Command,
    isChain: Bool,
    isOpen: Bool
  ) -> String? {
    let isHoldOrVoid = command.phase == .pending || command.phase == .voidPending
    if command.recordsFact, isHoldOrVoid { return "PHASE_INVALID" }
    if command.phase == .expirePending { return "PHASE_INVALID" }
    if isChain, command.recordsFact { return "LINKED_FACT" }
    if isOpen { return "LINKED_CHAIN_OPEN" }
    let mayLeaveOut = command.phase == .postPending || !command.reverses.isEmpty
    if command.phase == .voidPending {
      return command.entries.isEmpty ? metadata(command) : "TOO_MANY_ENTRIES"
    }
    if command.entries.isEmpty, mayLeaveOut, !command.recordsFact { return metadata(command) }
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
    return sum == 0 ? metadata(command) : "UNBALANCED"
  }

  private static func metadata(_ command: Command) -> String? {
    let keys = command.metadata.map(\.key)
    return Set(keys).count == keys.count && !keys.contains("Order") ? nil : "METADATA_INVALID"
  }

  private func refusal(_ command: Command, at time: Timestamp) -> String? {
    if !Self.kinds.contains(command.kind) { return "KIND_UNKNOWN" }
    guard command.entries.allSatisfy({ Self.isKnown($0.accountCode) }) else {
      return "ACCOUNT_UNKNOWN"
    }
    if command.entries.contains(where: { closed.contains($0.accountCode) }) {
      return "ACCOUNT_CLOSED"
    }
    if command.phase == .pending {
      guard let at = command.expiresAt?.timestamp, at > time else { return "EXPIRY_PASSED" }
    }
    if !command.pendingID.isEmpty {
      guard let hold = holds[command.pendingID] else { return "PENDING_UNKNOWN" }
      if let ending = hold.ending { return ending }
      let isMore = Self.rest(hold.command, command, exchanged: false).contains { $0 < 0 }
      if isMore { return "PENDING_EXCEEDED" }
    }
    if !command.reverses.isEmpty {
      guard let original = reversible(command.reverses) else { return "REVERSED_UNKNOWN" }
      if reversed.contains(command.reverses) { return "REVERSED_ALREADY" }
      let isOther = Self.rest(original.command, command, exchanged: true).contains { $0 != 0 }
      if isOther { return "REVERSAL_DIFFERS" }
    }
    return limit(command)
  }

  /// What is left of a command's legs, by account and side, without another one's.
  private static func rest(_ whole: Command, _ part: Command, exchanged: Bool) -> [Int64] {
    var rest: [[String]: Int64] = [:]
    for leg in legs(whole) {
      let isDebit = (leg.side == .debit) != exchanged
      rest[[leg.account, "\(isDebit)"], default: 0] += leg.minor
    }
    for leg in legs(part) { rest[[leg.account, "\(leg.side == .debit)"], default: 0] -= leg.minor }
    return Array(rest.values)
  }

  /// The limit that it would pass, by its legs and what it releases.
  private func limit(_ command: Command) -> String? {
    guard !limits.isEmpty else { return nil }
    var after: [String: [Int64]] = [:]
    func add(_ account: String, _ place: Int, _ minor: Int64) {
      after[account, default: sums[account] ?? [0, 0, 0, 0]][place] += minor
    }
    let first = command.phase == .pending ? 2 : 0
    for leg in Self.legs(command) {
      add(leg.account, first + (leg.side == .debit ? 0 : 1), leg.minor)
    }
    for leg in Self.legs(holds[command.pendingID]?.command ?? Command()) {
      add(leg.account, leg.side == .debit ? 2 : 3, -leg.minor)
    }
    var reasons: Set<String> = []
    for (account, limit) in limits {
      guard let changed = after[account] else { continue }
      let old = Self.range(account, sums[account] ?? [0, 0, 0, 0])
      let new = Self.range(account, changed)
      if new.lowest < limit.minimum, new.lowest < old.lowest {
        reasons.insert("BALANCE_BELOW_LIMIT")
      } else if new.highest > limit.maximum, new.highest > old.highest {
        reasons.insert("BALANCE_ABOVE_LIMIT")
      }
    }
    return reasons.contains("BALANCE_BELOW_LIMIT")
      ? "BALANCE_BELOW_LIMIT" : reasons.first
  }

  /// What the balance comes to if only what lowers it, or raises it, is posted of what is held.
  private static func range(
    _ account: String,
    _ sums: [Int64]
  ) -> (lowest: Int64, highest: Int64) {
    let isCredit = creditNormal.contains(account)
    let balance = isCredit ? sums[1] - sums[0] : sums[0] - sums[1]
    return (
      balance - (isCredit ? sums[2] : sums[3]), balance + (isCredit ? sums[3] : sums[2])
    )
  }

  /// Only what the generator changes.
  private static func difference(_ old: Command, _ new: Command) -> String? {
    if old.kind != new.kind { return "kind" }
    if old.entries.count != new.entries.count { return "entries" }
    for (left, right) in zip(sorted(old), sorted(new)) {
      if left.accountCode != right.accountCode { return "entries.account_code" }
      if left.side != right.side { return "entries.side" }
      if left.amount != right.amount { return "entries.amount.amount_minor" }
    }
    if old.effectiveAt != new.effectiveAt { return "effective_at" }
    if old.subject != new.subject { return "subject" }
    if old.phase != new.phase { return "phase" }
    if old.pendingID != new.pendingID { return "pending_id" }
    if old.expiresAt != new.expiresAt { return "expires_at" }
    if old.reverses != new.reverses { return "reverses" }
    return pairs(old.metadata) == pairs(new.metadata) ? nil : "metadata"
  }

  static func pairs(_ metadata: [CommonV1.MetadataEntry]) -> [String: String] {
    Dictionary(metadata.map { ($0.key, $0.value) }) { first, _ in first }
  }

  private static func sorted(_ command: Command) -> [LedgerV1.Entry] {
    command.entries.sorted { left, right in
      let sides = [LedgerV1.NormalSide.credit: -1, .debit: 1]
      return (left.accountCode, sides[left.side] ?? 0, left.amount?.amountMinor ?? 0)
        < (right.accountCode, sides[right.side] ?? 0, right.amount?.amountMinor ?? 0)
    }
  }
}
