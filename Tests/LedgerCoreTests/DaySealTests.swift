import LedgerCore
import Money
import Seal
import Testing

/// A seal's text, and who keeps a day open.
struct DaySealTests {
  static let day = CivilDate(daysSince1970: 20_000)
  static let end = Timestamp(seconds: 20_001 * 86_400)

  static func seal(
    _ number: Int64 = 1,
    day: CivilDate = day,
    previous: [UInt8] = DaySeal.origin,
    batches: ClosedRange<Int64> = 1...3,
    without: [LedgerProducer] = []
  ) -> DaySeal {
    DaySeal(
      day: day,
      number: number,
      previousRoot: previous,
      shards: [
        DaySeal.Shard(
          shard: 0,
          firstBatch: batches.lowerBound,
          lastBatch: batches.upperBound,
          transactions: 7,
          head: SHA256.hash("head")
        )
      ],
      sums: [
        DaySeal.Sum(
          isLive: false,
          currency: "EUR",
          debitsMinor: Int128(Int64.max) * 2,
          creditsMinor: Int128(Int64.max) * 2,
          entries: 14
        ),
        DaySeal.Sum(isLive: true, currency: "USD", debitsMinor: 5, creditsMinor: 5, entries: 2),
      ],
      without: without
    )
  }

  static func record(_ seal: DaySeal) -> DaySealRecord {
    DaySealRecord(
      number: seal.number,
      day: seal.day,
      previousRoot: seal.previousRoot,
      root: seal.root,
      document: seal.document
    )
  }

  @Test func theTextIsAllOfIt() throws {
    let seal = Self.seal(without: [.intents])
    #expect(
      seal.document == """
        tender day seal 1
        day 2024-10-04
        number 1
        previous \(Hex.encode(DaySeal.origin))
        shard 0 first_batch 1 last_batch 3 transactions 7 head \(Hex.encode(SHA256.hash("head")))
        sum test EUR debits 18446744073709551614 credits 18446744073709551614 entries 14
        sum live USD debits 5 credits 5 entries 2
        without intents

        """
    )
    #expect(DaySeal(document: seal.document) == seal)
    #expect(seal.root == SHA256.hash(seal.document))
  }

  @Test(arguments: [
    ("seal 1", "seal 2"), ("day 2024-10-04", "day 2024-10-4"), ("number 1\n", "number 01\n"),
    ("transactions 7", "transactions  7"), ("entries 2", "entries +2"), ("sum live", "sum real"),
    ("first_batch 1", "first_batch 0"), ("last_batch 3", "last_batch -1"),
    ("entries 2\n", "entries 2"), ("entries 2\n", "entries 2\n\n"), ("entries 2\n", "entries 2 \n"),
    ("sum test EUR", "sum test"), ("entries 2\n", "entries 2\nwithout billing\n"),
    ("previous 0", "previous g"), ("number 1\n", "number 0\n"), ("transactions 7", "transactions -7"),
    // Sums of such numbers do not fit.
    ("last_batch 3", "last_batch 9223372036854775807"), ("number 1\n", "number 9223372036854775807\n"),
    ("transactions 7", "transactions 9223372036854775807"),
    ("first_batch 1 last_batch 3", "first_batch 9223372036854775807 last_batch 9223372036854775807"),
  ])
  func whatIsWrittenOtherwiseIsNoSeal(_ from: String, _ to: String) {
    let text = Self.seal().document
    guard let range = text.firstRange(of: from) else {
      Issue.record("\(from) is not there")
      return
    }
    var other = text
    other.replaceSubrange(range, with: to)
    #expect(DaySeal(document: other) == nil)
  }

  // MARK: Producers

  private static func told(_ through: Int64, passed: Int64?) -> ProducerWatermark {
    ProducerWatermark(
      throughMicroseconds: end.microseconds + through,
      reportedAtMicroseconds: end.microseconds + through,
      passedAtMicroseconds: passed.map { end.microseconds + $0 }
    )
  }

  struct Row: Sendable {
    var router: ProducerWatermark?
    var intents: ProducerWatermark?
    var behind: [LedgerProducer]
  }

  /// Times in microseconds behind the day's end.
  static let rows = [
    Row(behind: [.gatewayRouter, .intents]),
    Row(router: told(0, passed: 10), behind: [.intents]),
    Row(router: told(0, passed: 10), intents: told(10, passed: 20), behind: []),
    // What the router told last may still be on its way through intents.
    Row(router: told(0, passed: 10), intents: told(9, passed: 20), behind: [.intents]),
    Row(router: told(-1, passed: nil), intents: told(50, passed: 20), behind: [.gatewayRouter]),
    Row(router: told(0, passed: 10), intents: told(-1, passed: nil), behind: [.intents]),
    Row(intents: told(0, passed: 20), behind: [.gatewayRouter]),
  ]

  @Test(arguments: rows)
  func behind(_ row: Row) {
    var watermarks: [LedgerProducer: ProducerWatermark] = [:]
    watermarks[.gatewayRouter] = row.router
    watermarks[.intents] = row.intents
    #expect(DaySealRule.behind(Self.day, watermarks) == row.behind)
  }

  @Test func times() {
    let end = DaySealRule.end(of: Self.day)
    #expect(end == Self.end)
    for (seconds, over, alarming, without) in [
      (0, false, false, false), (599, false, false, false), (600, true, false, false),
      (3_600, true, true, false), (86_399, true, true, false), (86_400, true, true, true),
    ] {
      let now = end + .seconds(seconds)
      #expect(DaySealRule.isOver(Self.day, at: now) == over)
      #expect(DaySealRule.isAlarming(Self.day, at: now) == alarming)
      #expect(DaySealRule.mayGoOnWithout(Self.day, at: now) == without)
    }
    #expect(DaySealRule.isNews(Self.day, at: end + .seconds(3 * 86_400 - 1)))
    #expect(!DaySealRule.isNews(Self.day, at: end + .seconds(3 * 86_400)))
  }

  // MARK: Proof

  @Test func aChainOfSealsHolds() {
    let first = Self.seal()
    let second = Self.seal(2, day: Self.day.next, previous: first.root, batches: 4...9)
    let third = Self.seal(3, day: Self.day.next.next, previous: second.root, batches: 10...11)
    let records = [first, second, third].map(Self.record)
    #expect(SealProof.findings(records[0], after: nil) == [])
    #expect(SealProof.findings(records[1], after: records[0]) == [])
    #expect(SealProof.findings(records[2], after: records[1]) == [])
    let gap = SealProof.findings(records[2], after: records[0])
    #expect(gap.map(\.kind) == [.sealMissing] && gap[0].day == second.day)
    #expect(SealProof.findings(records[1], after: nil).map(\.kind) == [.sealMissing])
  }

  /// Nothing that somebody writes into the table ends the process that looks.
  @Test func theHighestNumberHasNoNext() {
    var last = Self.record(Self.seal())
    last.number = .max
    #expect(SealProof.findings(last, after: nil).map(\.kind) == [.sealMissing, .sealChanged])
    let after = SealProof.findings(Self.record(Self.seal()), after: last)
    #expect(after.map(\.kind) == [.sealChanged])
  }

  @Test func whoWasNotWaitedForIsAllThatDiffers() {
    let seal = Self.seal(without: [.intents])
    #expect(seal.differsInWithout(Self.seal()) && Self.seal().differsInWithout(seal))
    #expect(!seal.differsInWithout(seal))
    var other = Self.seal()
    other.sums[0].entries += 1
    #expect(!seal.differsInWithout(other))
  }

  static let changes: [@Sendable (inout DaySealRecord) -> String] = [
    { record in
      record.document = record.document.replacing("entries 2", with: "entries 4")
      return "root: not that of document"
    },
    { record in
      record.root = SHA256.hash("x")
      return "root: not that of document"
    },
    { record in
      record.document = "x"
      record.root = SHA256.hash("x")
      return "document: no seal is written so"
    },
    { record in
      record.day = record.day.next
      return "day: document says"
    },
    { record in
      record.previousRoot = SHA256.hash("x")
      return "previous_root: document says another"
    },
    { record in
      let other = DaySealTests.seal(2, day: day.next, previous: SHA256.hash("x"), batches: 4...9)
      record = DaySealTests.record(other)
      return "previous_root: not the root of the seal before"
    },
    { record in
      let other = DaySealTests.seal(2, day: day.next.next, previous: DaySealTests.seal().root, batches: 4...9)
      record = DaySealTests.record(other)
      return "day: not the next one"
    },
    { record in
      let other = DaySealTests.seal(2, day: day.next, previous: DaySealTests.seal().root, batches: 5...9)
      record = DaySealTests.record(other)
      return "do not begin where the seal before ended"
    },
  ]

  @Test(arguments: changes.indices)
  func aChangedSealSaysWhat(_ index: Int) {
    let first = Self.record(Self.seal())
    var record = Self.record(
      Self.seal(2, day: Self.day.next, previous: first.root, batches: 4...9)
    )
    let says = Self.changes[index](&record)
    let findings = SealProof.findings(record, after: first)
    #expect(findings.map(\.kind) == [.sealChanged])
    #expect(findings.first?.what.contains(says) == true, "\(findings)")
  }

  @Test func theFirstDifferenceIsNamed() {
    let seal = Self.seal()
    var other = seal
    other.sums[1].entries = 3
    #expect(SealProof.finding(seal, recomputed: seal) == nil)
    let finding = SealProof.finding(seal, recomputed: other)
    #expect(finding?.kind == .sealDiffers && finding?.day == Self.day)
    #expect(
      finding?.what
        == "`sum live USD debits 5 credits 5 entries 2` was sealed, it is "
        + "`sum live USD debits 5 credits 5 entries 3`"
    )
    other.sums.removeLast()
    #expect(SealProof.finding(seal, recomputed: other)?.what.hasSuffix("it is nothing") == true)
  }
}

/// What a sealed day refuses, and what it takes.
struct SealedDayDecisionTests {
  private static let merchant = MerchantID(bits: 2)
  private static let sealed: Int64 = 1_000_000

  struct Row: Sendable {
    var effectiveAt: Int64
    var fact = false
    var action = PostingAction.post
    var kind = "merchant_payment"
    var account = "bank:a"
    var expected: String?
  }

  static let rows = [
    Row(effectiveAt: sealed - 1, expected: "DAY_SEALED"),
    Row(effectiveAt: sealed),
    Row(effectiveAt: sealed - 1, fact: true),
    Row(effectiveAt: -9_000_000_000, expected: "DAY_SEALED"),
    Row(
      effectiveAt: sealed - 1,
      action: .pending(expiresAtMicroseconds: sealed),
      expected: "DAY_SEALED"
    ),
    Row(
      effectiveAt: sealed,
      action: .pending(expiresAtMicroseconds: sealed),
      expected: "EXPIRY_PASSED"
    ),
    Row(
      effectiveAt: sealed - 1,
      action: .reverse(LedgerTransactionID(bits: 5)),
      kind: "reversal",
      expected: "DAY_SEALED"
    ),
    Row(
      effectiveAt: sealed,
      action: .reverse(LedgerTransactionID(bits: 5)),
      kind: "reversal",
      expected: "REVERSED_UNKNOWN"
    ),
    // What the command itself is comes first.
    Row(effectiveAt: sealed - 1, kind: "x", expected: "KIND_UNKNOWN"),
    Row(effectiveAt: sealed - 1, account: "x:y", expected: "ACCOUNT_UNKNOWN"),
  ]

  @Test(arguments: rows)
  func effects(_ row: Row) throws {
    let command = PostingCommand(
      id: LedgerTransactionID(bits: 9),
      merchant: Self.merchant,
      kind: row.kind,
      entries: [
        PostingEntry("merchant_payable", .debit, currencyCode: "EUR", amountMinor: 5),
        PostingEntry(row.account, .credit, currencyCode: "EUR", amountMinor: 5),
      ],
      effectiveAtMicroseconds: row.effectiveAt,
      recordsFact: row.fact,
      action: row.action
    )
    var state = BooksState(nowMicroseconds: Self.sealed + 5)
    state.sealedUntilMicroseconds = Self.sealed
    var decision = BatchDecision(state)
    let posting = try PostingRules.check(command)
    let verdicts = decision.verdicts([BatchDecision.Item(posting), BatchDecision.Item(posting)])
    guard let expected = row.expected else {
      #expect(verdicts[0].booked != nil && verdicts[1] == .exists(command))
      return
    }
    guard case .refuse(let refusal, isRemembered: true) = verdicts[0] else {
      Issue.record("\(verdicts[0])")
      return
    }
    #expect(refusal.rawValue == expected)
    #expect(verdicts[1] == .refusedBefore(expected))
  }

  @Test func whileNothingIsSealedNothingIsRefused() throws {
    let posting = try PostingRules.check(
      PostingCommand(
        id: LedgerTransactionID(bits: 9),
        merchant: Self.merchant,
        kind: "merchant_payment",
        entries: [
          PostingEntry("merchant_payable", .debit, currencyCode: "EUR", amountMinor: 5),
          PostingEntry("bank:a", .credit, currencyCode: "EUR", amountMinor: 5),
        ],
        effectiveAtMicroseconds: -9_000_000_000
      )
    )
    var decision = BatchDecision(BooksState(nowMicroseconds: 5))
    #expect(decision.verdicts([BatchDecision.Item(posting)])[0].booked != nil)
  }
}
