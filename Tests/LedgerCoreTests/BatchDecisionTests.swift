import LedgerCore
import Money
import Testing

/// A small set of books to decide upon: accounts by code, in euros.
struct DecisionScene {
  static let merchant = MerchantID(bits: 2)
  var state = BooksState(nowMicroseconds: 1_000_000)

  static func account(_ code: String) -> AccountID {
    AccountKey(merchant: merchant, code: code, currency: .eur).id
  }

  /// Sums are debits and credits.
  mutating func account(
    _ code: String,
    _ side: Side,
    posted: (Int64, Int64) = (0, 0),
    pending: (Int64, Int64) = (0, 0),
    minimum: Int64? = nil,
    maximum: Int64? = nil,
    closed: Bool = false
  ) throws {
    state.accounts[Self.account(code)] = AccountState(
      normalSide: side,
      posted: .init(debitsMinor: posted.0, creditsMinor: posted.1),
      pending: .init(debitsMinor: pending.0, creditsMinor: pending.1),
      limits: try #require(AccountLimits(minimumMinor: minimum, maximumMinor: maximum)),
      isClosed: closed
    )
  }

  static func legs(_ debit: String, _ credit: String, _ minor: Int64) -> [BookedLeg] {
    [(debit, Side.debit), (credit, .credit)].map { code, side in
      BookedLeg(
        account: account(code),
        code: code,
        side: side,
        currency: .eur,
        amountMinor: minor
      )
    }
  }

  /// From account to account; no amount: no legs.
  static func item(
    _ id: UInt128,
    _ debit: String = "merchant_payable",
    _ credit: String = "bank:a",
    _ minor: Int64? = 100,
    _ action: PostingAction = .post,
    kind: String = "merchant_payment",
    merchant: MerchantID = merchant,
    fact: Bool = false,
    linked: Bool = false
  ) throws -> BatchDecision.Item {
    let entries = minor.map { minor in
      [
        PostingEntry(debit, .debit, currencyCode: "EUR", amountMinor: minor),
        PostingEntry(credit, .credit, currencyCode: "EUR", amountMinor: minor),
      ]
    }
    return BatchDecision.Item(
      try PostingRules.check(
        PostingCommand(
          id: LedgerTransactionID(bits: id),
          merchant: merchant,
          kind: kind,
          entries: entries ?? [],
          effectiveAtMicroseconds: 0,
          recordsFact: fact,
          action: action
        )
      ),
      isLinked: linked
    )
  }

  /// What becomes of each, in a word: `created`, `exists`, or the reason.
  func words(_ items: [BatchDecision.Item]) -> [String] {
    var decision = BatchDecision(state)
    return decision.verdicts(items).map { verdict in
      switch verdict {
      case .create: "created"
      case .exists: "exists"
      case .differs(let field): "differs: \(field)"
      case .refuse(let refusal, let isRemembered):
        refusal.rawValue + (isRemembered ? "" : " (not remembered)")
      case .refusedBefore(let reason): "before: \(reason)"
      }
    }
  }
}

@Suite struct AccountLimitTests {
  /// A row: normal side, posted and held (debits, credits), limits, what a posting debits or credits,
  /// the answer. The account is the debited one for a positive amount, the credited one for a
  /// negative one.
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var side: Side = .debit
    var posted: (Int64, Int64) = (0, 0)
    var pending: (Int64, Int64) = (0, 0)
    var minimum: Int64?
    var maximum: Int64?
    var debited: Int64
    var expected = "created"
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "no limit", debited: -1_000_000),
    Row(name: "down to the minimum", posted: (100, 0), minimum: 0, debited: -100),
    Row(
      name: "one below the minimum",
      posted: (100, 0),
      minimum: 0,
      debited: -101,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(name: "up to the maximum", posted: (100, 0), maximum: 150, debited: 50),
    Row(
      name: "one above the maximum",
      posted: (100, 0),
      maximum: 150,
      debited: 51,
      expected: "BALANCE_ABOVE_LIMIT"
    ),
    Row(
      name: "what is held counts",
      posted: (100, 0),
      pending: (0, 40),
      minimum: 0,
      debited: -61,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(
      name: "what is held leaves room",
      posted: (100, 0),
      pending: (0, 40),
      minimum: 0,
      debited: -60
    ),
    Row(
      name: "what is held to come does not help",
      posted: (100, 0),
      pending: (500, 0),
      minimum: 0,
      debited: -101,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(
      name: "what is held to come counts above",
      posted: (100, 0),
      pending: (40, 0),
      maximum: 150,
      debited: 11,
      expected: "BALANCE_ABOVE_LIMIT"
    ),
    Row(
      name: "what is held to go does not help above",
      posted: (100, 0),
      pending: (0, 90),
      maximum: 150,
      debited: 51,
      expected: "BALANCE_ABOVE_LIMIT"
    ),
    Row(
      name: "a credit account down to its minimum",
      side: .credit,
      posted: (0, 100),
      minimum: 0,
      debited: 100
    ),
    Row(
      name: "a credit account below its minimum",
      side: .credit,
      posted: (0, 100),
      minimum: 0,
      debited: 101,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(
      name: "a credit account above its maximum",
      side: .credit,
      posted: (0, 100),
      maximum: 120,
      debited: -21,
      expected: "BALANCE_ABOVE_LIMIT"
    ),
    Row(name: "a minimum below zero", minimum: -50, debited: -50),
    Row(
      name: "below a minimum below zero",
      minimum: -50,
      debited: -51,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(name: "back towards the minimum, not reached", posted: (0, 500), minimum: 0, debited: 10),
    Row(
      name: "further away",
      posted: (0, 500),
      minimum: 0,
      debited: -1,
      expected: "BALANCE_BELOW_LIMIT"
    ),
    Row(
      name: "back from above, into the hold",
      posted: (500, 0),
      pending: (10, 0),
      maximum: 0,
      debited: -10
    ),
    Row(
      name: "beyond 64 bits",
      posted: (.max, 0),
      debited: 1,
      expected: "OVERFLOW (not remembered)"
    ),
    Row(
      name: "the largest balance below the smallest minimum",
      posted: (0, .max),
      minimum: Int64.min + 1,
      debited: -1,
      expected: "OVERFLOW (not remembered)"
    ),
  ]

  @Test(arguments: rows) func limits(_ row: Row) throws {
    let code = row.side == .debit ? "bank:a" : "merchant_payable"
    var scene = DecisionScene()
    try scene.account(
      code,
      row.side,
      posted: row.posted,
      pending: row.pending,
      minimum: row.minimum,
      maximum: row.maximum
    )
    let other = "write_offs"
    func item(_ action: PostingAction = .post, fact: Bool = false) throws -> BatchDecision.Item {
      try row.debited > 0
        ? DecisionScene.item(1, code, other, row.debited, action, fact: fact)
        : DecisionScene.item(1, other, code, -row.debited, action, fact: fact)
    }
    #expect(try scene.words([item()]) == [row.expected])
    // Holding it is asked the same; a fact is booked.
    let hold = PostingAction.pending(expiresAtMicroseconds: 2_000_000)
    if row.expected.hasPrefix("BALANCE") {
      #expect(try scene.words([item(hold)]) == [row.expected])
      #expect(try scene.words([item(fact: true)]) == ["created"])
    }
  }

  @Test(arguments: [
    (0, 0, nil), (-1, 0, .minimum), (100, 0, nil), (101, 0, .maximum), (50, -50, nil),
    (50, -51, .minimum), (50, 50, nil), (50, 51, .maximum),
  ] as [(Int64, Int64, AccountBound?)])
  func whatIsPassed(_ balance: Int64, _ held: Int64, _ expected: AccountBound?) throws {
    func sums(_ minor: Int64, _ side: Side) -> AccountState.Sums {
      let isDebit = (minor > 0) == (side == .debit)
      let size = abs(minor)
      return AccountState.Sums(debitsMinor: isDebit ? size : 0, creditsMinor: isDebit ? 0 : size)
    }
    for side in [Side.debit, .credit] {
      var account = AccountState(
        normalSide: side,
        posted: sums(balance, side),
        pending: sums(held, side),
        limits: try #require(AccountLimits(minimumMinor: 0, maximumMinor: 100))
      )
      #expect(account.passed == expected)
      account.limits = .none
      #expect(account.passed == nil)
    }
  }

  @Test func limitsThatCannotBe() {
    #expect(AccountLimits(minimumMinor: 1, maximumMinor: 0) == nil)
    #expect(AccountLimits(minimumMinor: .min, maximumMinor: nil) == nil)
    #expect(AccountLimits(minimumMinor: nil, maximumMinor: .min) == nil)
    #expect(AccountLimits(minimumMinor: 0, maximumMinor: 0) != nil)
    #expect(AccountLimits(minimumMinor: nil, maximumMinor: nil) == AccountLimits.none)
  }

  /// Items see what those before them have done, and a refused one stays refused.
  @Test func itemsComeInOrder() throws {
    var scene = DecisionScene()
    try scene.account("merchant_payable", .credit, posted: (0, 250), minimum: 0)
    let words = scene.words([
      try DecisionScene.item(1), try DecisionScene.item(2), try DecisionScene.item(3),
      try DecisionScene.item(4, minor: 50), try DecisionScene.item(3, minor: 1),
      try DecisionScene.item(3, fact: true), try DecisionScene.item(3),
      try DecisionScene.item(5, "bank:a", "merchant_payable", 100),
    ])
    #expect(
      words == [
        "created", "created", "BALANCE_BELOW_LIMIT", "created", "before: BALANCE_BELOW_LIMIT",
        "created", "exists", "created",
      ]
    )
    scene.state.rejected[LedgerTransactionID(bits: 9)] = "ACCOUNT_UNKNOWN"
    scene.state.existing = [LedgerTransactionID(bits: 8)]
    #expect(
      try scene.words([DecisionScene.item(9), DecisionScene.item(8)])
        == ["before: ACCOUNT_UNKNOWN", "exists"]
    )
  }

  /// Two legs on one account count together.
  @Test func legsOfOneAccountCountTogether() throws {
    var scene = DecisionScene()
    try scene.account("bank:a", .debit, posted: (10, 0), minimum: 0, maximum: 20)
    let posting = try PostingRules.check(
      command([
        "D bank:a 500 EUR", "C bank:a 490 EUR", "C merchant_payable 10 EUR",
      ])
    )
    #expect(scene.words([BatchDecision.Item(posting)]) == ["created"])
  }
}

extension DecisionScene {
  static func item(_ id: UInt128, minor: Int64) throws -> BatchDecision.Item {
    try item(id, "merchant_payable", "bank:a", minor)
  }
}
