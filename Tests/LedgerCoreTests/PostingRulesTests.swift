import LedgerCore
import Money
import Testing

/// A command in a few words: legs as "D account amount currency".
func command(
  _ legs: [String],
  kind: String = "capture",
  merchant: MerchantID? = MerchantID(bits: 2),
  effectiveAt: Int64? = 1_700_000_000_000_000,
  fact: Bool = false,
  action: PostingAction? = .post,
  metadata: TransactionMetadata? = TransactionMetadata.none
) -> PostingCommand {
  let entries = legs.map { leg in
    let parts = leg.split(separator: " ").map(String.init)
    let side: Side? = parts[0] == "D" ? .debit : parts[0] == "C" ? .credit : nil
    return PostingEntry(
      parts[1],
      side,
      currencyCode: parts[3],
      amountMinor: Int64(parts[2]) ?? .min
    )
  }
  return PostingCommand(
    id: LedgerTransactionID(bits: 7),
    merchant: merchant,
    kind: kind,
    entries: entries,
    effectiveAtMicroseconds: effectiveAt,
    subject: "pi_x",
    externalReference: "ch_1",
    recordsFact: fact,
    action: action,
    metadata: metadata
  )
}

func outcome(_ command: PostingCommand, link: PostingLink = .none) -> PostingRefusal? {
  do throws(PostingRefusal) {
    return try PostingRules.check(command, link: link).refusal
  } catch {
    return error
  }
}

@Suite struct PostingRulesTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var legs: [String]
    var expected: PostingRefusal?
    var testDescription: String { name }
  }

  static let max = Int64.max
  static let rows: [Row] = [
    Row(
      name: "a capture",
      legs: ["D gateway_clearing:stripe:a 4999 EUR", "C merchant_payable 4999 EUR"]
    ),
    Row(
      name: "three legs",
      legs: [
        "D gateway_clearing:s:a 90 EUR", "D gateway_fees:s:a 10 EUR", "C merchant_payable 100 EUR",
      ]
    ),
    Row(
      name: "two currencies, each balanced",
      legs: [
        "D fx_liquidity:s:a 100 EUR", "C gateway_clearing:s:a 100 EUR",
        "D gateway_clearing:s:a 108 USD", "C fx_liquidity:s:a 108 USD",
      ]
    ),
    Row(name: "no legs", legs: [], expected: .tooFewEntries),
    Row(name: "one leg", legs: ["D bank:a 1 EUR"], expected: .tooFewEntries),
    Row(
      name: "33 legs",
      legs: Array(repeating: "D bank:a 1 EUR", count: 33),
      expected: .tooManyEntries
    ),
    Row(
      name: "no such currency",
      legs: ["D bank:a 1 EUR", "C bank:b 1 ZZZ"],
      expected: .currencyUnknown
    ),
    Row(
      name: "lower case",
      legs: ["D bank:a 1 eur", "C bank:b 1 eur"],
      expected: .currencyUnknown
    ),
    Row(name: "no side", legs: ["D bank:a 1 EUR", "X bank:b 1 EUR"], expected: .sideMissing),
    Row(name: "zero", legs: ["D bank:a 0 EUR", "C bank:b 0 EUR"], expected: .amountNotPositive),
    Row(
      name: "negative",
      legs: ["D bank:a -1 EUR", "C bank:b -1 EUR"],
      expected: .amountNotPositive
    ),
    Row(
      name: "the largest amount",
      legs: ["D bank:a \(max) EUR", "C merchant_payable \(max) EUR"]
    ),
    Row(
      name: "a sum beyond 64 bits",
      legs: ["D bank:a \(max) EUR", "D bank:b 1 EUR", "C bank:c \(max) EUR", "C bank:d 1 EUR"],
      expected: .overflow
    ),
    Row(name: "a cent off", legs: ["D bank:a 100 EUR", "C bank:b 99 EUR"], expected: .unbalanced),
    Row(name: "one side only", legs: ["D bank:a 1 EUR", "D bank:b 1 EUR"], expected: .unbalanced),
    Row(
      name: "balanced over currencies, not in them",
      legs: ["D bank:a 1 EUR", "C bank:b 1 USD"],
      expected: .unbalanced
    ),
    Row(
      name: "not in the chart",
      legs: ["D cash 1 EUR", "C bank:b 1 EUR"],
      expected: .accountUnknown
    ),
    Row(
      name: "malformed code",
      legs: ["D bank: 1 EUR", "C bank:b 1 EUR"],
      expected: .accountUnknown
    ),
  ]

  @Test(arguments: rows) func check(_ row: Row) {
    #expect(outcome(command(row.legs)) == row.expected)
  }

  @Test func headersComeBeforeEntries() {
    #expect(outcome(command([], merchant: nil, effectiveAt: nil)) == .merchantInvalid)
    #expect(outcome(command([], effectiveAt: nil)) == .effectiveTimeInvalid)
    let good = ["D bank:a 1 EUR", "C bank:b 1 EUR"]
    #expect(outcome(command(good, kind: "gift")) == .kindUnknown)
    #expect(outcome(command(["D cash 1 EUR", "C bank:b 1 EUR"], kind: "gift")) == .kindUnknown)
  }

  /// Commands with every defect from some precedence on: the answer is the first of them.
  @Test func precedenceFollowsTheEnum() {
    let defects: [(PostingRefusal, [String])] = [
      (.currencyUnknown, ["X cash 0 ZZZ", "D cash 1 EUR"]),
      (.sideMissing, ["X cash 0 EUR", "D cash 1 EUR"]),
      (.amountNotPositive, ["D cash 0 EUR", "D cash 1 EUR"]),
      (.overflow, ["D cash \(Self.max) EUR", "D cash 1 EUR"]),
      (.unbalanced, ["D cash 2 EUR", "D cash 1 EUR"]),
      (.accountUnknown, ["D cash 1 EUR", "C cash 1 EUR"]),
    ]
    for (expected, legs) in defects { #expect(outcome(command(legs)) == expected) }
    let (even, unknown) = (["D bank:a 1 EUR", "C bank:b 1 EUR"], "gift")
    #expect(outcome(command(["D bank:a 1 EUR", "C bank:b 2 EUR"], metadata: nil)) == .unbalanced)
    #expect(outcome(command(even, kind: unknown, metadata: nil)) == .metadataInvalid)
    #expect(outcome(command(even, fact: true, metadata: nil)) == .metadataInvalid)
    let order = defects.compactMap { PostingRefusal.allCases.firstIndex(of: $0.0) }
    #expect(order == order.sorted())
  }

  @Test func factsGoToSuspenseAndAreNeverRefusedForTheBooksSake() throws {
    let fact = command(
      ["D cash:drawer 100 EUR", "C merchant_payable 100 EUR"],
      kind: "gift",
      fact: true
    )
    let posting = try PostingRules.check(fact)
    #expect(posting.refusal == nil)
    #expect(
      posting.remarks == [.accountInSuspense(code: "cash:drawer"), .kindUnknown("gift")]
    )
    #expect(posting.entries[0].account.description == ChartOfAccounts.suspenseCode)
    #expect(posting.entries[0].line.accountClass == .suspense)
    #expect(posting.entries[0].submittedCode == "cash:drawer")
    #expect(posting.entries[1].submittedCode == nil)
    #expect(
      outcome(command(["D bank:a 2 EUR", "C bank:b 1 EUR"], fact: true)) == .unbalanced
    )
  }

  /// What never gets better comes before what the books may allow later.
  @Test func structuralRefusalsComeFirst() {
    let structural = PostingRefusal.allCases.map(\.isStructural)
    #expect(structural == structural.sorted { $0 && !$1 })
    #expect(PostingRefusal.allCases.first { !$0.isStructural } == .kindUnknown)
  }

  /// Which actions go with facts, with legs and without.
  @Test func actionsAndTheirLegs() {
    let two = ["D bank:a 1 EUR", "C bank:b 1 EUR"]
    let (id, own) = (LedgerTransactionID(bits: 9), LedgerTransactionID(bits: 7))
    let hold = PostingAction.pending(expiresAtMicroseconds: 1)
    let rows: [(PostingAction?, [String], Bool, PostingRefusal?)] = [
      (nil, two, false, .phaseInvalid), (nil, two, true, .phaseInvalid),
      (hold, two, false, nil), (hold, two, true, .phaseInvalid), (hold, [], false, .tooFewEntries),
      (.postPending(id), two, false, nil), (.postPending(id), two, true, nil),
      (.postPending(id), [], false, nil), (.postPending(id), [], true, .tooFewEntries),
      (.postPending(id), [two[0]], false, .tooFewEntries),
      (.postPending(own), two, false, .phaseInvalid),
      (.voidPending(id), [], false, nil), (.voidPending(id), two, false, .tooManyEntries),
      (.voidPending(id), [two[0]], false, .tooManyEntries),
      (.voidPending(id), [], true, .phaseInvalid),
      (.expirePending(id), [], false, .phaseInvalid),
      (.reverse(id), two, false, nil), (.reverse(id), [], false, nil),
      (.reverse(id), [], true, .tooFewEntries), (.reverse(own), two, false, .phaseInvalid),
    ]
    for (action, legs, fact, expected) in rows {
      let command = command(legs, fact: fact, action: action)
      #expect(outcome(command) == expected, "\(String(describing: action)) \(legs) \(fact)")
    }
  }

  @Test func chains() {
    let two = ["D bank:a 1 EUR", "C bank:b 1 EUR"]
    #expect(outcome(command(two), link: .chained) == nil)
    #expect(outcome(command(two), link: .open) == .linkedChainOpen)
    #expect(outcome(command(two, fact: true), link: .chained) == .linkedFact)
    #expect(outcome(command(two, fact: true), link: .open) == .linkedFact)
    let rows: [([Bool], [PostingLink], [ClosedRange<Int>])] = [
      ([], [], []), ([false], [.none], []), ([true], [.open], []),
      ([true, false], [.chained, .chained], [0...1]),
      ([false, true, true, false, false], [.none, .chained, .chained, .chained, .none], [1...3]),
      ([true, false, true, false], [.chained, .chained, .chained, .chained], [0...1, 2...3]),
      ([false, true, true], [.none, .chained, .open], [1...2]),
    ]
    for (linked, links, ranges) in rows {
      #expect(PostingChain.links(linked) == links, "\(linked)")
      #expect(PostingChain.ranges(linked) == ranges, "\(linked)")
    }
  }

  /// Random legs: `check` accepts exactly what a naive sum in wide integers accepts.
  @Test func agreesWithANaiveModel() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = Scrambler(state: seed)
    let codes = ["bank:a", "merchant_payable", "gateway_clearing:stripe:x"]
    for _ in 0..<2_000 {
      var sums: [String: Int128] = [:]
      var legs: [String] = []
      for _ in 0..<Int(2 + random.next() % 4) {
        let amount = Int64(1 + random.next() % 3)
        let currency = random.next() % 4 == 0 ? "USD" : "EUR"
        let debit = random.next() % 2 == 0
        sums[currency, default: 0] += debit ? Int128(amount) : -Int128(amount)
        legs.append(
          "\(debit ? "D" : "C") \(codes[Int(random.next() % 3)]) \(amount) \(currency)"
        )
      }
      let balanced = sums.values.allSatisfy { $0 == 0 }
      #expect(outcome(command(legs)) == (balanced ? nil : .unbalanced), "\(legs)")
    }
  }
}

/// SplitMix64: small and repeatable.
struct Scrambler: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
