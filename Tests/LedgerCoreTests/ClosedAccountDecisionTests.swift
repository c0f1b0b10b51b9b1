import LedgerCore
import Money
import Testing

/// `bank:a` is closed; `bank:b`, and what is not in the books yet, are not.
@Suite struct ClosedAccountDecisionTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var debit = "merchant_payable"
    var credit = "bank:a"
    var minor: Int64? = 100
    var action = PostingAction.post
    var fact = false
    var kind = "merchant_payment"
    var merchant = DecisionScene.merchant
    var expected: String
    var testDescription: String { name }
  }

  private static let hold = PostingAction.pending(expiresAtMicroseconds: 2_000_000)
  private static let past = PostingAction.pending(expiresAtMicroseconds: 1)
  private static let booked = LedgerTransactionID(bits: 50)

  static let rows: [Row] = [
    Row(name: "asked", expected: "ACCOUNT_CLOSED"),
    Row(
      name: "the other side",
      debit: "bank:a",
      credit: "merchant_payable",
      expected: "ACCOUNT_CLOSED"
    ),
    Row(name: "a fact", fact: true, expected: "created"),
    Row(name: "an open account", credit: "bank:b", expected: "created"),
    Row(name: "a new account", credit: "bank:c", expected: "created"),
    Row(name: "another merchant's", merchant: MerchantID(bits: 4), expected: "created"),
    Row(name: "held", action: hold, expected: "ACCOUNT_CLOSED"),
    Row(name: "held elsewhere", credit: "bank:b", action: hold, expected: "created"),
    Row(name: "taken back", minor: nil, action: .reverse(booked), expected: "ACCOUNT_CLOSED"),
    Row(
      name: "taken back, a fact",
      debit: "bank:a",
      credit: "merchant_payable",
      action: .reverse(booked),
      fact: true,
      expected: "created"
    ),
    Row(name: "an unknown kind comes before", kind: "gift", expected: "KIND_UNKNOWN"),
    Row(name: "an unknown account comes before", debit: "cash:a", expected: "ACCOUNT_UNKNOWN"),
    Row(name: "it comes before the time-out", action: past, expected: "ACCOUNT_CLOSED"),
    Row(name: "and before limits", minor: 1_000_000, expected: "ACCOUNT_CLOSED"),
  ]

  private static func scene() throws -> DecisionScene {
    var scene = DecisionScene()
    try scene.account("merchant_payable", .credit, posted: (0, 500), minimum: 0)
    try scene.account("bank:a", .debit, posted: (500, 0), closed: true)
    try scene.account("bank:b", .debit)
    scene.state.reversible[booked] = ReversibleState(
      merchant: DecisionScene.merchant,
      legs: DecisionScene.legs("merchant_payable", "bank:a", 10),
      isReversed: false
    )
    return scene
  }

  @Test(arguments: rows) func what(_ row: Row) throws {
    let item = try DecisionScene.item(
      1,
      row.debit,
      row.credit,
      row.minor,
      row.action,
      kind: row.kind,
      merchant: row.merchant,
      fact: row.fact
    )
    let again = row.expected == "created" ? "exists" : "before: \(row.expected)"
    #expect(try Self.scene().words([item, item]) == [row.expected, again])
  }

  /// It comes before the sealed day too, and a chain falls with it.
  @Test func orderAndChains() throws {
    var scene = try Self.scene()
    #expect(
      try scene.words([
        DecisionScene.item(1, "merchant_payable", "bank:b", linked: true),
        DecisionScene.item(2), DecisionScene.item(3, "merchant_payable", "bank:b"),
      ]) == ["LINKED_TRANSACTION_FAILED", "ACCOUNT_CLOSED", "created"]
    )
    scene.state.sealedUntilMicroseconds = 10
    #expect(
      try scene.words([
        DecisionScene.item(1), DecisionScene.item(2, "merchant_payable", "bank:b"),
      ]) == ["ACCOUNT_CLOSED", "DAY_SEALED"]
    )
    let reasons = PostingRefusal.allCases
    let place = try #require(reasons.firstIndex(of: .accountClosed))
    #expect(reasons[place - 1] == .accountUnknown)
    #expect(!PostingRefusal.accountClosed.isStructural)
  }
}
