import Money
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Random operations by seed against `ModelLedger`: every answer is compared, whatever way it came.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(10)))
struct ModelTests {
  private static let codes = [
    "gateway_clearing:stripe:a", "gateway_clearing:adyen:b", "merchant_payable", "bank:a",
    "write_offs", "cash:drawer",
  ]
  private static let batches = 80
  /// So that most seeds meet them from either side.
  private static let limits: [(String, Int64, Int64)] = [
    ("merchant_payable", -60_000, 60_000), ("bank:a", 0, 40_000),
  ]

  @Test(arguments: [1, 2, 3]) func everyAnswerIsTheModels(_ run: UInt64) async throws {
    try await Books.with { books in
      var random = SeededRandom(seed: Seed.current &+ run)
      var model = ModelLedger()
      var commands: [LedgerV1.PostingCommand] = []
      let calls = try LedgerCalls(books)
      for (code, least, most) in Self.limits {
        _ = try await calls.setLimits(code, minimum: least, maximum: most)
        model.limits[code] = (least, most)
        model.accounts.insert(code)
      }
      for batch in 1...Self.batches {
        // Also backwards: clocks are set.
        books.clock.advance(by: .milliseconds(Int64.random(in: -5_000...600_000, using: &random)))
        // Now and then so many that accounts get snapshots, whatever the seed.
        let size = batch % 20 == 10 ? 1_000 : Self.size(&random)
        let posted = (0..<size).map { _ in
          Self.command(&commands, books.clock.now, &random)
        }
        // Whoever looks first releases what is due; here it is said when, for the model's sake.
        let due = model.expire(at: books.clock.now)
        #expect(try await books.writer.expireDue() == due)
        // Two of the accounts that not everything moves on.
        if batch % 10 == 3 || batch % 10 == 7 {
          for code in ["bank:a", "gateway_clearing:adyen:b"] {
            let reason = await calls.reason { try await calls.setClosed(batch % 10 == 3, code) }
            let expected = model.setClosed(batch % 10 == 3, code)
            #expect(reason == expected)
          }
        }
        let results = try await calls.post(posted)
        let expected = model.post(posted, at: books.clock.now)
        try #require(
          Self.difference(results.map(Self.text), expected) == nil,
          "batch \(batch), TENDER_TEST_SEED=\(Seed.current)"
        )
        if batch % 20 == 0 { try await Self.compare(model, calls, books, &random) }
      }
      #expect(try await books.count("balance_snapshot") > 0)
      try await books.expectSound()
    }
  }

  // MARK: Operations

  private static func size(_ random: inout SeededRandom) -> Int {
    switch random.next() % 10 {
    case 0..<5: Int(random.next() % 4) + 1
    case 5..<8: Int(random.next() % 60) + 1
    default: Int(random.next() % 300) + 1
    }
  }

  /// A new command, or one of before, perhaps with something changed.
  private static func command(
    _ commands: inout [LedgerV1.PostingCommand],
    _ now: Timestamp,
    _ random: inout SeededRandom
  ) -> LedgerV1.PostingCommand {
    if random.next() % 4 == 0, var old = commands.randomElement(using: &random) {
      change(&old, &random)
      return old
    }
    var new = fresh(id: UInt128(commands.count + 1), &random)
    extend(&new, commands, now, &random)
    if random.next() % 20 == 0 { spoil(&new, &random) }
    commands.append(new)
    return new
  }

  private static func fresh(
    id: UInt128,
    _ random: inout SeededRandom
  ) -> LedgerV1.PostingCommand {
    let minor = Int64(random.next() % 10_000) + 2
    let kind =
      random.next() % 30 == 0 ? "gift" : ["capture", "refund", "fee"][Int(random.next() % 3)]
    func code() -> String {
      switch random.next() % 15 {
      case 0: codes[5]
      case 1..<8: "merchant_payable"
      default: codes[Int(random.next() % 5)]
      }
    }
    var entries = [entry(code(), .debit, minor), entry(code(), .credit, minor)]
    if random.next() % 5 == 0 {
      entries[1].amount?.amountMinor = minor - 1
      entries.append(entry(code(), .credit, 1))
    }
    let at = Timestamp(seconds: 1_768_400_000 + Int64(random.next() % 200_000))
    return LedgerV1.PostingCommand(
      transactionID: LedgerTransactionID(bits: id).description,
      merchantID: Books.merchant.description,
      kind: kind,
      entries: entries,
      effectiveAt: GoogleProtobuf.Timestamp(at),
      subject: "s\(random.next() % 50)",
      recordsFact: random.next() % 3 == 0,
      metadata: random.next() % 4 == 0 ? metadata(&random) : []
    )
  }

  private static func metadata(_ random: inout SeededRandom) -> [CommonV1.MetadataEntry] {
    let pairs = [("payment_method", "card"), ("order", "\(random.next() % 3)"), ("note", "\\\"{,}")]
    return pairs.shuffled(using: &random).prefix(Int(random.next() % 3) + 1).map {
      CommonV1.MetadataEntry(key: $0.0, value: $0.1)
    }
  }

  /// Makes it a hold, the end of one, a reversal, or a link of a chain.
  private static func extend(
    _ command: inout LedgerV1.PostingCommand,
    _ before: [LedgerV1.PostingCommand],
    _ now: Timestamp,
    _ random: inout SeededRandom
  ) {
    func earlier(_ phase: LedgerV1.PostingPhase) -> String {
      let some = before.suffix(60).filter { $0.phase == phase }.map(\.transactionID)
      return some.randomElement(using: &random)
        ?? LedgerTransactionID(bits: 999_999_999).description
    }
    let leavesOut = random.next() % 3 != 0
    switch random.next() % 12 {
    case 0, 1:
      let seconds = Int64(random.next() % 1_800) - 20
      command.phase = .pending
      // The ledger's own releases bear it too; they are in no answer of the model.
      command.subject = "h"
      command.expiresAt = GoogleProtobuf.Timestamp(now + .seconds(seconds))
      command.recordsFact = random.next() % 40 == 0
    case 2:
      command.phase = .postPending
      command.pendingID = earlier(.pending)
      if leavesOut {
        command.entries = []
      } else if let hold = before.first(where: { $0.transactionID == command.pendingID }) {
        command.entries = hold.entries.filter { ($0.amount?.amountMinor ?? 0) > 1 }
        let part = Int64(random.next() % 3)
        for index in command.entries.indices {
          command.entries[index].amount?.amountMinor -= part - 1
        }
      }
    case 3:
      command.phase = .voidPending
      command.pendingID = earlier(.pending)
      command.entries = []
      command.recordsFact = false
    case 4:
      command.reverses = earlier(.unspecified)
      if leavesOut { command.entries = [] }
    default: break
    }
    if random.next() % 8 == 0, !command.recordsFact { command.linked = true }
  }

  private static func entry(
    _ code: String,
    _ side: LedgerV1.NormalSide,
    _ minor: Int64
  ) -> LedgerV1.Entry {
    LedgerV1.Entry(
      accountCode: code,
      side: side,
      amount: CommonV1.Money(currency: "EUR", amountMinor: minor)
    )
  }

  private static func change(
    _ command: inout LedgerV1.PostingCommand,
    _ random: inout SeededRandom
  ) {
    switch random.next() % 11 {
    case 9: command.metadata.reverse()
    case 10: command.metadata = metadata(&random)
    case 0: command.kind = "refund"
    case 1: command.subject += "x"
    case 2: command.effectiveAt?.seconds += 1
    case 3: for index in command.entries.indices { command.entries[index].amount?.amountMinor += 1 }
    case 4: if !command.entries.isEmpty { command.entries[0].accountCode = "bank:a" }
    case 8: command.linked.toggle()
    case 5: command.recordsFact.toggle()
    case 6: command.entries.reverse()
    default: break
    }
  }

  private static func spoil(
    _ command: inout LedgerV1.PostingCommand,
    _ random: inout SeededRandom
  ) {
    if random.next() % 6 == 0 {
      let pair = CommonV1.MetadataEntry(key: "order", value: "1")
      command.metadata = random.next() % 2 == 0 ? [pair, pair] : [.init(key: "Order", value: "1")]
    }
    guard !command.entries.isEmpty else { return }
    switch random.next() % 5 {
    case 0: command.entries = [command.entries[0]]
    case 1: command.entries[0].amount?.currency = "XXQ"
    case 2: command.entries[0].side = .unspecified
    case 3: command.entries[0].amount?.amountMinor = 0
    default: command.entries[0].amount?.amountMinor += 1
    }
  }

  private static func text(_ result: LedgerV1.PostingResult) -> String {
    switch result.status {
    case .created: "created"
    case .exists: "exists"
    case .existsWithDifference: "existsWithDifference \(result.difference)"
    case .rejected: "rejected \(result.reason)"
    case .unspecified, .unrecognized: "\(result.status)"
    }
  }

  // MARK: Comparison

  /// The first one: to tell how two long lists differ as a whole takes longer than all else here.
  private static func difference(_ found: [String], _ expected: [String]) -> String? {
    for place in 0..<max(found.count, expected.count) {
      let one = place < found.count ? found[place] : "nothing"
      let other = place < expected.count ? expected[place] : "nothing"
      if one != other { return "\(place): \(one), expected \(other)" }
    }
    return nil
  }

  private static func compare(
    _ model: ModelLedger,
    _ calls: LedgerCalls,
    _ books: Books,
    _ random: inout SeededRandom
  ) async throws {
    for account in model.accounts {
      // Balances are compared as debits less credits.
      let sign: Int64 = ModelLedger.creditNormal.contains(account) ? -1 : 1
      #expect(try await books.sums(account) == model.counted(account), "\(account)")
      #expect((model.sums[account] ?? [0, 0, 0, 0]) == model.counted(account))
      func expectBalance(_ recorded: Timestamp?, _ effective: Timestamp?) async throws {
        let found = try await calls.balance(account, recorded: recorded, effective: effective)
        #expect(
          found.map { $0 * sign }
            == model.balance(account, recorded: recorded, effective: effective),
          "\(account) recorded \(recorded?.description ?? "-") effective \(effective?.description ?? "-")"
        )
      }
      try await expectBalance(nil, nil)
      for _ in 0..<6 {
        let recorded = model.booked.randomElement(using: &random)?.recordedAt
        let effective = Timestamp(seconds: 1_768_395_000 + Int64(random.next() % 210_000))
        try await expectBalance(recorded, nil)
        try await expectBalance(nil, effective)
        try await expectBalance(recorded, effective)
      }
      let times = (0..<2).compactMap { _ in model.booked.randomElement(using: &random)?.recordedAt }
        .sorted()
      try await expectHistory(account, sign, model, calls, times[0], times[1])
    }
    let trial = try await calls.trialBalance()
    #expect(trial.reduce(0) { $0 + $1.debitsPostedMinor - $1.creditsPostedMinor } == 0)
    #expect(Set(trial.map(\.code)) == model.accounts)
    let subject = "s\(random.next() % 50)"
    let found = try await calls.transactions(about: subject)
    let expected = model.booked.filter { $0.command.subject == subject }.prefix(200)
    #expect(found.map(\.id) == expected.map(\.command.transactionID))
    #expect(
      found.map { ModelLedger.pairs($0.metadata) }
        == expected.map { ModelLedger.pairs($0.command.metadata) }
    )
  }

  private static func expectHistory(
    _ account: String,
    _ sign: Int64,
    _ model: ModelLedger,
    _ calls: LedgerCalls,
    _ after: Timestamp,
    _ through: Timestamp
  ) async throws {
    var lines: [String] = []
    var token = ""
    var closing = model.balance(account, recorded: after) ?? 0
    repeat {
      let page = try await calls.entries(
        account,
        after: after,
        through: through,
        size: 200,
        token: token
      )
      #expect(page.openingMinor * sign == closing)
      closing = page.closingMinor * sign
      lines += page.entries.map { "\($0.transactionID) \($0.balanceMinor * sign)" }
      token = page.nextPageToken
    } while !token.isEmpty
    let expected = model.history(account, after: after, through: through)
    #expect(difference(lines, expected) == nil, "\(account), TENDER_TEST_SEED=\(Seed.current)")
    #expect(closing == model.balance(account, recorded: through))
  }
}
