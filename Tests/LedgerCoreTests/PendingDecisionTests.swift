import LedgerCore
import Money
import Testing

/// What is held, and how it ends.
@Suite struct PendingDecisionTests {
  static let held = LedgerTransactionID(bits: 50)
  static let second: Int64 = 1_000_000
  static let hold = PostingAction.pending(expiresAtMicroseconds: 5 * second)

  /// 100 are held for a payment to the merchant, until 5 s; it is 1 s.
  static func scene(
    ending: PostingAction.Phase? = nil,
    expires: Int64 = 5 * second
  ) throws -> DecisionScene {
    var scene = DecisionScene()
    scene.state.pendings[held] = PendingState(
      merchant: DecisionScene.merchant,
      expiresAtMicroseconds: expires,
      legs: DecisionScene.legs("merchant_payable", "bank:a", 100),
      ending: ending
    )
    try scene.account("merchant_payable", .credit, posted: (0, 100), pending: (100, 0), minimum: 0)
    try scene.account("bank:a", .debit, posted: (100, 0), pending: (0, 100), minimum: 0)
    return scene
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var action: PostingAction = .postPending(PendingDecisionTests.held)
    /// On the held accounts; nil: no legs.
    var minor: Int64?
    var debit = "merchant_payable"
    var merchant = DecisionScene.merchant
    var ending: PostingAction.Phase?
    var expires: Int64 = 5 * PendingDecisionTests.second
    var expected = "created"
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "post all"), Row(name: "post all, named", minor: 100),
    Row(name: "post a part", minor: 1),
    Row(name: "post more", minor: 101, expected: "PENDING_EXCEEDED"),
    Row(
      name: "post on another account",
      minor: 1,
      debit: "write_offs",
      expected: "PENDING_EXCEEDED"
    ),
    Row(name: "void", action: .voidPending(held)),
    Row(
      name: "post what is not there",
      action: .postPending(LedgerTransactionID(bits: 51)),
      minor: 1,
      expected: "PENDING_UNKNOWN"
    ),
    Row(
      name: "void what is not there",
      action: .voidPending(LedgerTransactionID(bits: 51)),
      expected: "PENDING_UNKNOWN"
    ),
    Row(name: "another merchant's", merchant: MerchantID(bits: 4), expected: "PENDING_UNKNOWN"),
    Row(
      name: "void another merchant's",
      action: .voidPending(held),
      merchant: MerchantID(bits: 4),
      expected: "PENDING_UNKNOWN"
    ),
    Row(name: "post what was posted", ending: .postPending, expected: "PENDING_POSTED"),
    Row(
      name: "void what was posted",
      action: .voidPending(held),
      ending: .postPending,
      expected: "PENDING_POSTED"
    ),
    Row(name: "post what was voided", ending: .voidPending, expected: "PENDING_VOIDED"),
    Row(
      name: "void what was voided",
      action: .voidPending(held),
      ending: .voidPending,
      expected: "PENDING_VOIDED"
    ),
    Row(name: "post what has expired", ending: .expirePending, expected: "PENDING_EXPIRED"),
    Row(
      name: "more than what has ended: how it ended comes first",
      minor: 500,
      ending: .voidPending,
      expected: "PENDING_VOIDED"
    ),
    // Whether or not somebody has released it by now.
    Row(name: "post at its very end", expires: second, expected: "PENDING_EXPIRED"),
    Row(name: "post just before", expires: second + 1),
    Row(
      name: "void at its end",
      action: .voidPending(held),
      expires: second,
      expected: "PENDING_EXPIRED"
    ),
    Row(name: "hold", action: hold, minor: 1, debit: "write_offs", expected: "BALANCE_BELOW_LIMIT"),
    Row(
      name: "hold until now",
      action: .pending(expiresAtMicroseconds: second),
      minor: 1,
      expected: "EXPIRY_PASSED"
    ),
    Row(
      name: "hold until the past",
      action: .pending(expiresAtMicroseconds: -5),
      minor: 1,
      expected: "EXPIRY_PASSED"
    ),
    Row(
      name: "hold too long",
      action: .pending(expiresAtMicroseconds: second + 366 * 86_400 * second + 1),
      minor: 1,
      expected: "EXPIRY_TOO_FAR"
    ),
    Row(
      name: "hold until the end of time",
      action: .pending(expiresAtMicroseconds: .max),
      minor: 1,
      expected: "EXPIRY_TOO_FAR"
    ),
  ]

  @Test(arguments: rows) func endings(_ row: Row) throws {
    let scene = try Self.scene(ending: row.ending, expires: row.expires)
    let item = try DecisionScene.item(
      1,
      row.debit,
      "bank:a",
      row.minor,
      row.action,
      merchant: row.merchant
    )
    #expect(scene.words([item]) == [row.expected])
  }

  /// A life in one batch: each ends once, and what it held is free again.
  @Test func eachEndsOnce() throws {
    var scene = DecisionScene()
    try scene.account("merchant_payable", .credit, posted: (0, 100), minimum: 0)
    let first = LedgerTransactionID(bits: 1)
    let words = scene.words([
      try DecisionScene.item(1, minor: 100, hold: 5), try DecisionScene.item(2, minor: 1),
      try DecisionScene.item(3, minor: 60, .postPending(first)),
      try DecisionScene.item(4, minor: nil, .postPending(first)),
      try DecisionScene.item(5, minor: nil, .voidPending(first)),
      try DecisionScene.item(6, minor: 40, hold: 5), try DecisionScene.item(7, minor: 1),
      try DecisionScene.item(8, minor: nil, .voidPending(LedgerTransactionID(bits: 6))),
      try DecisionScene.item(9, minor: 40), try DecisionScene.item(10, minor: 1),
    ])
    #expect(
      words == [
        "created", "BALANCE_BELOW_LIMIT", "created", "PENDING_POSTED", "PENDING_POSTED", "created",
        "BALANCE_BELOW_LIMIT", "created", "created", "BALANCE_BELOW_LIMIT",
      ]
    )
  }

  /// What it leaves out is filled in, so that the same command again is the same.
  @Test func allLegsAreFilledIn() throws {
    let scene = try Self.scene()
    var decision = BatchDecision(scene.state)
    let item = try DecisionScene.item(1, minor: nil, .postPending(Self.held))
    let verdict = decision.verdicts([item])[0]
    guard case .create(let posting, ends: true) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(posting.entries.map(\.amountMinor) == [100, 100])
    #expect(posting.command.entries.map(\.accountCode) == ["merchant_payable", "bank:a"])
    #expect(posting.command.entries.map(\.side) == [.debit, .credit])
  }

  /// A fact is booked whatever became of the hold, and says what is odd.
  @Test func factsAreBooked() throws {
    let rows: [(PostingAction.Phase?, Int64, UInt128, Bool, Int)] = [
      (nil, 100, 50, true, 0), (nil, 40, 50, true, 0), (nil, 101, 50, true, 1),
      (.voidPending, 100, 50, false, 1), (.postPending, 100, 50, false, 1),
      (nil, 100, 51, false, 1),
    ]
    for (ending, minor, pending, ends, remarks) in rows {
      // Also when its time is over and nobody has released it.
      let scene = try Self.scene(ending: ending, expires: 1)
      var decision = BatchDecision(scene.state)
      let action = PostingAction.postPending(LedgerTransactionID(bits: pending))
      let item = try DecisionScene.item(
        1,
        "merchant_payable",
        "bank:a",
        minor,
        action,
        fact: true
      )
      guard case .create(let posting, let itEnds) = decision.verdicts([item])[0] else {
        Issue.record("not booked")
        continue
      }
      #expect(itEnds == ends)
      #expect(posting.remarks.count == remarks)
    }
  }

  /// Another merchant's fact is booked too, but neither releases a hold nor takes anything back that
  /// is not that merchant's.
  @Test func factsEndOnlyTheirOwnMerchants() throws {
    let booked = LedgerTransactionID(bits: 60)
    var scene = try Self.scene()
    scene.state.reversible[booked] = ReversibleState(
      merchant: DecisionScene.merchant,
      legs: DecisionScene.legs("bank:a", "merchant_payable", 100),
      isReversed: false
    )
    for merchant in [DecisionScene.merchant, MerchantID(bits: 4)] {
      for action in [PostingAction.postPending(Self.held), .reverse(booked)] {
        var decision = BatchDecision(scene.state)
        let item = try DecisionScene.item(
          1,
          "merchant_payable",
          "bank:a",
          100,
          action,
          merchant: merchant,
          fact: true
        )
        guard case .create(let posting, let ends) = decision.verdicts([item])[0] else {
          Issue.record("not booked")
          continue
        }
        let isOwn = merchant == DecisionScene.merchant
        #expect(ends == isOwn, "\(action)")
        #expect(posting.remarks.isEmpty == isOwn, "\(action)")
      }
    }
  }

  /// The database adds what a batch holds before it releases anything: what would not fit meanwhile
  /// is refused, alone, and fits in the next batch.
  @Test func whatABatchHoldsFitsAtAnyTime() throws {
    let half: Int64 = 5_000_000_000_000_000_000
    let scene = DecisionScene()
    let first = LedgerTransactionID(bits: 1)
    let batch = [
      try DecisionScene.item(1, minor: half, hold: 5),
      try DecisionScene.item(2, minor: nil, .voidPending(first)),
      try DecisionScene.item(3, minor: half, hold: 5), try DecisionScene.item(4, minor: 1, hold: 5),
    ]
    #expect(
      scene.words(batch) == ["created", "created", "OVERFLOW (not remembered)", "created"]
    )
    #expect(scene.words([batch[2]]) == ["created"])
  }
}

extension DecisionScene {
  /// Held for so many seconds.
  static func item(_ id: UInt128, minor: Int64, hold seconds: Int64) throws -> BatchDecision.Item {
    try item(
      id,
      "merchant_payable",
      "bank:a",
      minor,
      .pending(expiresAtMicroseconds: seconds * 1_000_000)
    )
  }

  static func item(
    _ id: UInt128,
    minor: Int64?,
    _ action: PostingAction
  ) throws -> BatchDecision.Item {
    try item(id, "merchant_payable", "bank:a", minor, action)
  }
}
