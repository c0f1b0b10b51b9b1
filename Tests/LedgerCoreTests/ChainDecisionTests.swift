import LedgerCore
import Money
import Testing

/// Chains, and what takes something back.
@Suite struct ChainDecisionTests {
  private static func scene() throws -> DecisionScene {
    var scene = DecisionScene()
    try scene.account("merchant_payable", .credit, posted: (0, 100), minimum: 0)
    return scene
  }

  private static func item(
    _ id: UInt128,
    _ minor: Int64,
    linked: Bool,
    kind: String = "merchant_payment"
  ) throws -> BatchDecision.Item {
    try DecisionScene.item(
      id,
      "merchant_payable",
      "bank:a",
      minor,
      kind: kind,
      linked: linked
    )
  }

  @Test func allOrNone() throws {
    let failed = "LINKED_TRANSACTION_FAILED"
    let differs = "differs: entries.amount.amount_minor"
    let rows: [([(UInt128, Int64, Bool)], [String])] = [
      ([(1, 40, true), (2, 60, false)], ["created", "created"]),
      ([(1, 40, true), (2, 61, false)], [failed, "BALANCE_BELOW_LIMIT"]),
      // What the chain would have taken is there for the next one.
      (
        [(1, 40, true), (2, 61, false), (3, 100, false)],
        [failed, "BALANCE_BELOW_LIMIT", "created"]
      ),
      // Two chains side by side; one of three.
      (
        [(1, 90, true), (2, 20, false), (3, 30, true), (4, 30, true), (5, 40, false)],
        [failed, "BALANCE_BELOW_LIMIT", "created", "created", "created"]
      ),
      ([(1, 200, true), (2, 1, true), (3, 1, false)], ["BALANCE_BELOW_LIMIT", failed, failed]),
      // The same chain again, in one batch: the same answers.
      (
        [(1, 40, true), (2, 61, false), (1, 40, true), (2, 61, false)],
        [failed, "BALANCE_BELOW_LIMIT", "before: \(failed)", "before: BALANCE_BELOW_LIMIT"]
      ),
      (
        [(1, 40, true), (2, 60, false), (1, 40, true), (2, 60, false)],
        ["created", "created", "exists", "exists"]
      ),
      // Something else under an id of the chain breaks it.
      ([(1, 40, false), (1, 41, true), (2, 1, false)], ["created", differs, failed]),
      // Also where that other one falls with it, so that nobody could compare them later.
      ([(1, 40, true), (1, 41, true), (2, 1, false)], [failed, differs, failed]),
      // One that was there counts as posted.
      ([(1, 40, false), (1, 40, true), (2, 1, false)], ["created", "exists", "created"]),
    ]
    for (items, expected) in rows {
      let words = try Self.scene().words(
        items.map { try Self.item($0.0, $0.1, linked: $0.2) }
      )
      #expect(words == expected, "\(items)")
    }
  }

  /// What is not remembered of one is not remembered of its neighbours.
  @Test func aReasonThatMayPassIsNotRemembered() throws {
    var scene = try Self.scene()
    try scene.account("bank:a", .debit, posted: (0, .max - 50))
    let words = scene.words([
      try Self.item(1, 40, linked: true), try Self.item(2, 20, linked: false),
      try Self.item(1, 40, linked: false),
    ])
    #expect(
      words == [
        "LINKED_TRANSACTION_FAILED (not remembered)", "OVERFLOW (not remembered)", "created",
      ]
    )
  }

  /// A hold that a failed chain has made is not there; one that it ended is open again.
  @Test func holdsOfAFailedChainAreUndone() throws {
    var scene = try PendingDecisionTests.scene()
    scene.state.accounts[DecisionScene.account("merchant_payable")]?.limits = AccountLimits.none
    let held = PendingDecisionTests.held
    let hold = PostingAction.pending(expiresAtMicroseconds: 9_000_000)
    let words = scene.words([
      try DecisionScene.item(1, "merchant_payable", "bank:b", 5, hold, linked: true),
      try DecisionScene.item(
        2,
        "merchant_payable",
        "bank:a",
        nil,
        .postPending(held),
        linked: true
      ),
      try DecisionScene.item(3, kind: "gift"),
      try DecisionScene.item(4, minor: nil, .voidPending(LedgerTransactionID(bits: 1))),
      try DecisionScene.item(5, minor: nil, .voidPending(held)),
    ])
    let failed = "LINKED_TRANSACTION_FAILED"
    #expect(words == [failed, failed, "KIND_UNKNOWN", "PENDING_UNKNOWN", "created"])
  }

  @Test func reversals() throws {
    let booked = LedgerTransactionID(bits: 60)
    func scene(reversed: Bool = false) -> DecisionScene {
      var scene = DecisionScene()
      scene.state.reversible[booked] = ReversibleState(
        merchant: DecisionScene.merchant,
        legs: DecisionScene.legs("bank:a", "merchant_payable", 100),
        isReversed: reversed
      )
      return scene
    }
    func item(
      _ id: UInt128,
      _ minor: Int64?,
      debit: String = "merchant_payable",
      of: UInt128 = 60,
      merchant: MerchantID = DecisionScene.merchant,
      fact: Bool = false
    ) throws -> BatchDecision.Item {
      try DecisionScene.item(
        id,
        debit,
        "bank:a",
        minor,
        .reverse(LedgerTransactionID(bits: of)),
        kind: "reversal",
        merchant: merchant,
        fact: fact
      )
    }
    #expect(try scene().words([item(1, nil)]) == ["created"])
    #expect(try scene().words([item(1, 100)]) == ["created"])
    #expect(try scene().words([item(1, 99)]) == ["REVERSAL_DIFFERS"])
    #expect(try scene().words([item(1, 100, debit: "write_offs")]) == ["REVERSAL_DIFFERS"])
    #expect(try scene().words([item(1, 100, of: 61)]) == ["REVERSED_UNKNOWN"])
    #expect(
      try scene().words([item(1, nil, merchant: MerchantID(bits: 4))]) == ["REVERSED_UNKNOWN"]
    )
    #expect(try scene(reversed: true).words([item(1, 7)]) == ["REVERSED_ALREADY"])
    #expect(try scene().words([item(1, nil), item(2, nil)]) == ["created", "REVERSED_ALREADY"])
    // A fact is booked, also the second one; the reversal itself may be taken back.
    #expect(
      try scene(reversed: true).words([item(1, 7, fact: true), item(2, 100, fact: true)])
        == ["created", "created"]
    )
    #expect(
      try scene().words([
        item(1, nil),
        DecisionScene.item(
          2,
          "bank:a",
          "merchant_payable",
          100,
          .reverse(LedgerTransactionID(bits: 1))
        ),
      ]) == ["created", "created"]
    )
  }
}
