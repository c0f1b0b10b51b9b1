import LedgerCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Breaks that people end by a booking.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct SettlementTests {
  private static let today = ReconciliationTests.today

  /// The breaks of `ReconciliationTests`, and a fee of the account's own.
  private static func with(
    _ body: @escaping @Sendable (ReconCalls, [LedgerV1.ReconClass: LedgerV1.ReconBreak])
      async throws -> Void
  ) async throws {
    try await ReconciliationTests.with { recon in
      let fee = ReconCalls.line("txn_90", "fee", "fee_90", "", -120)
      try await recon.importing(ReconciliationTests.report + fee, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let breaks = try await recon.breaks().breaks
      try await body(recon, Dictionary(breaks.map { ($0.reconClass, $0) }) { _, last in last })
    }
  }

  private static func fee(_ recon: ReconCalls) async throws -> LedgerV1.ReconBreak {
    let breaks = try await recon.breaks().breaks
    return try #require(breaks.first { $0.reported?.amountMinor == -120 })
  }

  // MARK: By what the line says

  @Test func aBreakIsResolvedByItsBooking() async throws {
    try await Self.with { recon, _ in
      let fee = try await Self.fee(recon)
      #expect(try await recon.explain(fee.id).templates == [.fee])
      let done = try await recon.resolve(fee.id, .fee, key: "k1")
      #expect(done.reconBreak?.state == .resolved)
      #expect(try await recon.resolve(fee.id, .fee, key: "k1") == done)
      #expect(try await recon.books.balance("gateway_fees:stripe:acct_1") == 120)
      #expect(
        try await recon.reason { try await recon.resolve(fee.id, .fee, key: "k2") }
          == "BREAK_STATE"
      )
      // The run pairs the two, and opens nothing.
      let before = try await recon.breaks().breaks.count
      let run = try await recon.run(key: "run-2")
      #expect(run.breaksOpened == 0 && run.breaksResolved == 0)
      #expect(try await recon.breaks().breaks.count == before)
      #expect(try await recon.classes().last == "14 matched")
      try await recon.expectSoundSets()
      try await recon.books.expectSound()
      let story = try await recon.explain(fee.id).changes
      #expect(story.map(\.state) == [.opened, .resolved])
      #expect(story.last?.actor.contains("ann") == true)
    }
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    try await Self.with { recon, breaks in
      let fee = try await Self.fee(recon)
      let refused: [(String, LedgerV1.BookingTemplate, String, String)] = [
        (fee.id, .payout, "", "TEMPLATE_NOT_FOR_BREAK"),
        (fee.id, .unspecified, "", "TEMPLATE_REQUIRED"),
        (fee.id, .fee, "nobody", "ID_INVALID"),
        (fee.id, .fee, Books.liveMerchant.description, "MERCHANT_DIFFERS"),
        (ReconBreakID(bits: 1).description, .fee, "", "BREAK_NOT_FOUND"),
        (breaks[.feeMismatch]?.id ?? "", .adjustment, "", "TEMPLATE_NOT_FOR_BREAK"),
        (breaks[.currencyMismatch]?.id ?? "", .adjustment, "", "TEMPLATE_NOT_FOR_BREAK"),
        (breaks[.statusMismatch]?.id ?? "", .adjustment, "", "TEMPLATE_NOT_FOR_BREAK"),
      ]
      let state = try await recon.state()
      for (number, (id, template, merchant, reason)) in refused.enumerated() {
        #expect(
          try await recon.reason {
            try await recon.resolve(id, template, merchant: merchant, key: "bad-\(number)")
          } == reason,
          "\(number)"
        )
      }
      #expect(try await recon.state() == state)
    }
  }

  // MARK: By an adjustment

  /// The line says 10.00, the books 9.99: a cent is booked, and the break stays resolved.
  @Test func aDifferenceIsAdjusted() async throws {
    try await Self.with { recon, breaks in
      let found = try #require(breaks[.amountMismatch])
      #expect(try await recon.explain(found.id).difference?.amountMinor == 1)
      let totals = try await recon.run(key: "run-2").totals
      let before = try #require(totals.first)
      _ = try await recon.resolve(found.id, .adjustment, key: "k1")
      #expect(try await recon.books.balance("adjustments") == -1)
      let run = try await recon.run(key: "run-3")
      let after = try #require(run.totals.first)
      #expect(run.breaksOpened == 0 && after.deviationMinor == 0)
      #expect(after.clearingBalanceMinor == before.clearingBalanceMinor + 1)
      // It is what was reported: it changes nothing of what the account will hold.
      #expect(after.afterBookingMinor == before.afterBookingMinor)
      #expect(try await recon.explain(found.id).reconBreak?.state == .resolved)
      // Nor is the adjustment missing at the gateway when it would be due.
      recon.books.clock.set(Self.today + .seconds(30 * 86_400))
      let later = try await recon.run(key: "run-4")
      let open = try await recon.breaks().breaks.filter { $0.transactionID != "" }
      #expect(!open.contains { $0.booked?.amountMinor == 1 })
      #expect(later.totals.first?.deviationMinor == 0)
    }
  }

  /// What was settled turns up after all: then the settlement is what is wrong, and shows.
  @Test func aSettlementThatIsOvertakenShows() async throws {
    try await Self.with { recon, _ in
      let breaks = try await recon.breaks().breaks
      let missing = try #require(
        breaks.first { $0.reconClass == .missingExternal && $0.booked?.amountMinor == 900 }
      )
      // What is given up, one person cannot book.
      #expect(
        try await recon.reason { try await recon.resolve(missing.id, .adjustment, key: "k1") }
          == "TEMPLATE_NOT_FOR_BREAK"
      )
      let proposal = try #require(try await recon.propose(missing.id, key: "p1"))
      _ = try await recon.by("bob").approve(proposal.id, key: "a1")
      #expect(try await recon.books.balance("write_offs") == 900)
      #expect(try await recon.run(key: "run-2").breaksOpened == 0)
      let late = ReconCalls.line("txn_20", "charge", "ch_9", "pi_9", 900, fee: 34, payout: "po_2")
      try await recon.importing(ReconCalls.header + late, key: "import-2")
      recon.books.clock.set(Self.today + .seconds(30 * 86_400))
      _ = try await recon.run(key: "run-3")
      let open = try await recon.breaks().breaks
      #expect(
        open.contains { $0.reconClass == .missingExternal && $0.booked?.amountMinor == -900 }
      )
      #expect(!open.contains { $0.id == missing.id })
      try await recon.books.expectSound()
    }
  }

  /// What people settle is no fact: an account's limit refuses it, and nothing is left of the attempt.
  @Test func anAccountsLimitRefusesASettlement() async throws {
    try await Self.with { recon, breaks in
      let found = try #require(breaks[.amountMismatch])
      let calls = try LedgerCalls(recon.books)
      _ = try await calls.setLimits("adjustments", maximum: 0)
      let state = try await recon.state()
      #expect(
        try await recon.reason { try await recon.resolve(found.id, .adjustment, key: "k1") }
          == "BOOKING_REFUSED"
      )
      #expect(try await recon.state() == state)
      #expect(try await recon.books.count("rejection") == 0)
      _ = try await calls.setLimits("adjustments", maximum: 1)
      _ = try await recon.resolve(found.id, .adjustment, key: "k2")
      #expect(try await recon.books.balance("adjustments") == -1)
      try await recon.books.expectSound()
    }
  }

  // MARK: By two people

  @Test func twoPeopleWriteOff() async throws {
    try await Self.with { recon, breaks in
      let found = try #require(breaks[.amountMismatch])
      let proposal = try #require(try await recon.propose(found.id, key: "p1"))
      #expect(proposal.amount?.amountMinor == 1 && proposal.approvedBy.isEmpty)
      #expect(try await recon.writeOffs().map(\.id) == [proposal.id])
      #expect(
        try await recon.reason { try await recon.approve(proposal.id, key: "a1") }
          == "SAME_PERSON"
      )
      // Nothing is booked yet.
      #expect(try await recon.books.balance("write_offs") == nil)
      let bob = recon.by("bob")
      let done = try #require(try await bob.approve(proposal.id, key: "a2"))
      #expect(done.approvedBy.contains("bob") && done.transactionID.hasPrefix("ltx_"))
      #expect(try await bob.approve(proposal.id, key: "a2") == done)
      #expect(try await recon.books.balance("write_offs") == -1)
      #expect(
        try await recon.reason { try await recon.by("eve").approve(proposal.id, key: "a3") }
          == "ALREADY_APPROVED"
      )
      #expect(try await recon.explain(found.id).reconBreak?.state == .resolved)
      #expect(try await recon.explain(found.id).writeOffs == [done])
      #expect(try await recon.writeOffs() == [])
      #expect(try await recon.writeOffs(all: true) == [done])
      #expect(try await recon.run(key: "run-2").breaksOpened == 0)
      try await recon.books.expectSound()
    }
  }

  @Test func onlyTheNewestProposalWithinTheLimit() async throws {
    try await Self.with { recon, breaks in
      let bob = recon.by("bob")
      let found = try #require(breaks[.amountMismatch])
      let first = try #require(try await recon.propose(found.id, key: "p1"))
      let second = try #require(try await recon.propose(found.id, key: "p2"))
      #expect(
        try await recon.reason { try await bob.approve(first.id, key: "a1") }
          == "WRITE_OFF_SUPERSEDED"
      )
      // Settled otherwise meanwhile.
      _ = try await recon.resolve(found.id, .adjustment, key: "k1")
      #expect(
        try await recon.reason { try await bob.approve(second.id, key: "a2") } == "BREAK_STATE"
      )
      // 49.99 were booked twice; 10.00 may be given up.
      let open = try await recon.breaks().breaks
      let large = try #require(
        open.first { $0.reconClass == .duplicate && $0.reported == nil }
      )
      #expect(
        try await recon.reason { try await recon.propose(large.id, key: "p3") }
          == "WRITE_OFF_ABOVE_LIMIT"
      )
      #expect(
        try await recon.reason {
          try await recon.propose(breaks[.feeMismatch]?.id ?? "", key: "p4")
        } == "NOTHING_TO_WRITE_OFF"
      )
      #expect(
        try await recon.reason { try await recon.approve(WriteOffID(bits: 1).description, key: "a4") }
          == "WRITE_OFF_NOT_FOUND"
      )
    }
  }

  /// Whatever the service does: one person writes nothing off.
  @Test func theDatabaseWantsTwoPeople() async throws {
    try await Self.with { recon, breaks in
      let found = try #require(breaks[.amountMismatch])
      _ = try await recon.propose(found.id, key: "p1")
      for (what, sql) in [
        (
          "the same person",
          """
          insert into recon_write_off_approval (write_off_id, transaction_id, created_at, actor,
            trace_id)
          select id, gen_random_uuid(), now(), actor, trace_id from recon_write_off
          """
        ),
        (
          "nobody",
          """
          insert into recon_settlement (transaction_id, break_id, gateway, account, livemode, kind,
            currency, amount_minor, settled_at, actor, trace_id)
          select gen_random_uuid(), break_id, gateway, account, livemode, 'write_off', currency,
            amount_minor, now(), 'operator/bob', trace_id from recon_write_off
          """
        ), ("nobody edits it", "update recon_write_off set actor = 'operator/bob'"),
        ("nor takes it back", "delete from recon_write_off"),
      ] {
        await #expect(throws: PostgresError.self, "\(what)") {
          _ = try await recon.books.database.query(Statement(sql: sql))
        }
      }
    }
  }
}
