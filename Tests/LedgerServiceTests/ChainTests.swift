import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

@testable import LedgerService

/// Chains, and what takes something back, through the handler and in the tables.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ChainTests {
  private static func command(
    _ id: UInt128,
    _ minor: Int64,
    linked: Bool = false,
    debit: String = "merchant_payable",
    fact: Bool = false
  ) -> LedgerV1.PostingCommand {
    func entry(_ code: String, _ side: LedgerV1.NormalSide) -> LedgerV1.Entry {
      LedgerV1.Entry(
        accountCode: code,
        side: side,
        amount: CommonV1.Money(currency: "EUR", amountMinor: minor)
      )
    }
    return LedgerV1.PostingCommand(
      transactionID: LedgerTransactionID(bits: id).description,
      merchantID: Books.merchant.description,
      kind: "merchant_payment",
      entries: [entry(debit, .debit), entry("bank:a", .credit)],
      effectiveAt: GoogleProtobuf.Timestamp(Timestamp(seconds: 1_768_478_400)),
      subject: "po_1",
      recordsFact: fact,
      linked: linked
    )
  }

  private static func words(_ results: [LedgerV1.PostingResult]) -> [String] {
    results.map { result in
      switch result.status {
      case .created: "created"
      case .exists: "exists"
      case .existsWithDifference: "differs \(result.difference)"
      case .rejected: result.reason
      case .unspecified, .unrecognized: "?"
      }
    }
  }

  @Test func allOrNone() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      _ = try await calls.setLimits("merchant_payable", minimum: -100)
      let failed = "LINKED_TRANSACTION_FAILED"
      func expect(
        _ commands: [LedgerV1.PostingCommand],
        _ expected: [String],
        _ line: Int = #line
      ) async throws {
        #expect(Self.words(try await calls.post(commands)) == expected, "line \(line)")
      }
      let chain = [Self.command(1, 60, linked: true), Self.command(2, 41)]
      try await expect(chain, [failed, "BALANCE_BELOW_LIMIT"])
      #expect(try await books.count("transaction") == 0)
      // Again: the same; and what was refused with its chain stays refused alone.
      try await expect(chain, [failed, "BALANCE_BELOW_LIMIT"])
      try await expect([Self.command(1, 60)], [failed])
      let whole = [
        Self.command(3, 30, linked: true), Self.command(4, 30, linked: true), Self.command(5, 40),
      ]
      try await expect(whole, ["created", "created", "created"])
      try await expect(whole, ["exists", "exists", "exists"])
      // One of it is something else.
      var other = whole
      other[1] = Self.command(4, 31, linked: true)
      try await expect(other, ["exists", "differs entries.amount.amount_minor", "exists"])
      // What cannot be breaks its chain, and burns no id.
      try await expect(
        [Self.command(6, -1, linked: true), Self.command(7, 1)],
        ["AMOUNT_NOT_POSITIVE", failed]
      )
      try await expect(
        [Self.command(8, 1), Self.command(9, 1, linked: true)],
        ["BALANCE_BELOW_LIMIT", "LINKED_CHAIN_OPEN"]
      )
      try await expect(
        [Self.command(10, 1, linked: true), Self.command(11, 1, fact: true)],
        [failed, "LINKED_FACT"]
      )
      try await expect(
        [Self.command(12, 1, linked: true), Self.command(13, 1, debit: "cash:a")],
        ["BALANCE_BELOW_LIMIT", failed]
      )
      #expect(try await books.balance("bank:a") == -100)
      try await books.expectSound()
    }
  }

  /// One operator cannot give anything up, by whatever name, nor as a fact; the id stays free, and
  /// what two people have approved is posted inside the service.
  @Test func noOperatorWritesOffAlone() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      let needs = "KIND_NEEDS_APPROVAL"
      var named = Self.command(1, 5)
      named.kind = "write_off"
      var fact = named
      fact.recordsFact = true
      let other = Self.command(2, 5, debit: "write_offs")
      var linked = Self.command(3, 5)
      linked.linked = true
      let words = Self.words(
        try await calls.post([named, fact, other, linked, named], as: .operator("ann"))
      )
      #expect(words == [needs, needs, needs, "LINKED_TRANSACTION_FAILED", needs])
      #expect(try await books.count("rejection") == 0)
      #expect(try await books.count("alert") == 0)
      let adjustment = [Self.command(4, 5)]
      #expect(
        Self.words(try await calls.post(adjustment, as: .operator("ann"))) == ["created"]
      )
      let approved = try Books.payment(1, 5, kind: "write_off", debit: "write_offs")
      #expect(try await books.writer.post([approved]) == [.created])
      try await books.expectSound()
    }
  }

  /// Who posts inside the service is answered too, and so is everybody else in the batch.
  @Test func anIDTwiceInAChainFailsNobodyElse() async throws {
    try await Books.with { books in
      let failed = PostingOutcome.rejected(reason: "LINKED_TRANSACTION_FAILED")
      let outcomes = try await books.writer.post([
        Books.payment(1, 40, linked: true), Books.payment(1, 41), Books.payment(2, 5),
      ])
      #expect(outcomes == [failed, .differs("entries.amount.amount_minor"), .created])
      try await books.expectSound()
    }
  }

  /// A pay-out with its fee and the hold that it was made under: all in one chain.
  @Test func aChainMayHoldAndPost() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      var hold = Self.command(1, 100, linked: true)
      hold.phase = .pending
      hold.expiresAt = GoogleProtobuf.Timestamp(books.clock.now + .seconds(60))
      var post = Self.command(3, 0)
      post.entries = []
      post.phase = .postPending
      post.pendingID = hold.transactionID
      #expect(
        Self.words(try await calls.post([hold, Self.command(2, 5, linked: true), post]))
          == ["created", "created", "created"]
      )
      #expect(try await books.sums("merchant_payable") == [105, 0, 0, 0])
      #expect(
        Self.words(try await calls.post([hold, Self.command(2, 5, linked: true), post]))
          == ["exists", "exists", "exists"]
      )
      try await books.expectSound()
    }
  }

  /// Fields that do not go together are refused item by item.
  @Test func fieldsThatDoNotGoTogether() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      let other = LedgerTransactionID(bits: 99).description
      let soon = GoogleProtobuf.Timestamp(books.clock.now + .seconds(60))
      let changes: [(inout LedgerV1.PostingCommand) -> Void] = [
        { $0.phase = .pending },
        { $0.expiresAt = soon },
        { $0.pendingID = other },
        { $0.phase = .postPending },
        { $0.phase = .voidPending },
        {
          $0.phase = .expirePending; $0.pendingID = other; $0.entries = []
        },
        {
          $0.phase = .pending; $0.expiresAt = soon; $0.pendingID = other
        },
        {
          $0.phase = .pending; $0.expiresAt = soon; $0.reverses = other
        },
        {
          $0.phase = .postPending; $0.pendingID = other; $0.reverses = other
        },
        {
          $0.phase = .pending; $0.expiresAt = soon; $0.recordsFact = true
        },
        {
          $0.phase = .pending; $0.expiresAt = soon; $0.expiresAt?.nanos = -1
        },
        { $0.reverses = $0.transactionID },
        {
          $0.phase = .postPending; $0.pendingID = $0.transactionID
        },
      ]
      let commands = changes.enumerated().map { number, change in
        var command = Self.command(UInt128(number + 1), 1)
        change(&command)
        return command
      }
      let words = Self.words(try await calls.post(commands))
      #expect(words == Array(repeating: "PHASE_INVALID", count: changes.count))
      #expect(try await books.count("transaction") == 0)
      #expect(try await books.count("rejection") == 0)
    }
  }

  @Test func aReversalNamesWhatItTakesBackOnce() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      let original = LedgerTransactionID(bits: 1)
      _ = try await books.writer.post([
        Books.posting(1, "gateway_clearing:stripe:a", minor: 500, fact: true),
        Books.payment(2, 10, books.hold(seconds: 60)),
      ])
      func reversal(
        _ id: UInt128,
        _ minor: Int64? = nil,
        of other: UInt128 = 1,
        fact: Bool = false
      ) throws -> PendingPosting {
        try Books.payment(
          id,
          minor,
          .reverse(LedgerTransactionID(bits: other)),
          fact: fact,
          kind: "reversal",
          credit: "gateway_clearing:stripe:a"
        )
      }
      #expect(
        try await books.writer.post([
          reversal(3, 499), reversal(4, of: 77), reversal(5, of: 2), reversal(6), reversal(7),
        ]) == [
          .rejected(reason: "REVERSAL_DIFFERS"), .rejected(reason: "REVERSED_UNKNOWN"),
          .rejected(reason: "REVERSED_UNKNOWN"), .created, .rejected(reason: "REVERSED_ALREADY"),
        ]
      )
      #expect(try await books.writer.post([reversal(6), reversal(6, 500)]) == [.exists, .exists])
      #expect(try await books.balance("gateway_clearing:stripe:a") == 0)
      #expect(try await books.balance("merchant_payable") == 0)
      let shown = try #require(try await calls.transaction(6))
      #expect(shown.reverses == original.description && shown.phase == .unspecified)
      // A fact that takes it back again is booked, and people are told.
      #expect(try await books.writer.post([reversal(8, 500, fact: true)]) == [.created])
      let alerts = try await books.database.query("select kind from alert where state = 'open'")
      #expect(try alerts.column(as: String.self) == ["posting_reversal_differs"])
      // What was taken back in error: the reversal is taken back.
      #expect(
        try await books.writer.post([
          Books.payment(
            9,
            nil,
            .reverse(LedgerTransactionID(bits: 6)),
            kind: "reversal"
          )
        ]) == [.created]
      )
      #expect(try await books.count("reversal") == 2)
      try await books.expectSound()
    }
  }
}
