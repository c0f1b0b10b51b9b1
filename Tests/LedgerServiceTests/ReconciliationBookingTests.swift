import LedgerCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What a run books from reports: fees, payouts and the like, each once, however often it is told.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationBookingTests {
  static let today = ReconciliationTests.today

  /// A payment of 49.99 with a fee of 0.75, a monthly fee of 1.00, and the payout of the rest.
  static let settlement = """
    Merchant Account,Psp Reference,Merchant Reference,Creation Date,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Batch Number
    Main,P1,ta1,2026-11-01 10:00:00,Settled,M1,EUR,,49.99,EUR,,49.24,0.75,7
    Main,,,2026-11-02 00:00:00,Fee,Fees November 2026,,,,EUR,1.00,,,7
    Main,,,2026-11-02 00:00:00,MerchantPayout,,,,,EUR,48.24,,,7

    """

  static func adyen(
    _ books: Books,
    merchants: String = ""
  ) throws -> ReconCalls {
    var recon = try ReconCalls(books, fees: "", booksReports: true, merchants: merchants)
    recon.account = GatewayAccount(gateway: "adyen", account: "Main")
    books.clock.set(today)
    return recon
  }

  private static func bookings(_ recon: ReconCalls) async throws -> [String] {
    try await recon.books.database.query(
      """
      select b.part || ' ' || b.kind || ' ' || b.amount_minor from recon_booking b
      join transaction t on t.id = b.transaction_id and t.kind = b.kind order by 1
      """
    ).column(as: String.self)
  }

  @Test func aRunBooksWhatTheReportProves() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 2 && run.feesBooked == 1)
      #expect(run.breaksOpen == 0 && run.breaksOpened == 0)
      #expect(run.classes == [LedgerV1.ClassCount(reconClass: .matched, count: 3)])
      #expect(
        try await Self.bookings(recon) == ["fee fee -75", "line fee -100", "line payout -4824"]
      )
      #expect(try await books.balance("gateway_fees:adyen:Main") == 175)
      #expect(try await books.balance("payouts_in_transit:adyen:Main") == 4_824)
      #expect(try await books.balance("gateway_clearing:adyen:Main") == 0)
      let total = try #require(run.totals.first)
      #expect(total.clearingBalanceMinor == 0 && total.deviationMinor == 0)
      #expect(total.openItemsMinor == 0 && total.afterBookingMinor == 0)
      #expect(total.feesMinor == 75 && total.unbookedFeesMinor == 0)
      try await recon.expectSoundSets()

      let state = try await recon.state()
      let again = try await recon.run(key: "run-2")
      #expect(again.movementsBooked == 0 && again.feesBooked == 0 && again.breaksOpen == 0)
      #expect(try await recon.state() == state)
      try await books.expectSound()
    }
  }

  /// It is found beside its payment, and says when the gateway took it.
  @Test func aFeeBelongsToItsPayment() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      _ = try await books.writer.post([
        try Books.posting(
          1,
          "gateway_clearing:adyen:Main",
          "merchant_payable",
          minor: 4_999,
          subject: "pi_of_ours",
          fact: true
        )
      ])
      // The reference of that posting is ch_1.
      try await recon.importing(
        Self.settlement.replacing("P1", with: "ch_1"),
        .settlementDetail,
        key: "import-1"
      )
      #expect(try await recon.run(key: "run-1").feesBooked == 1)
      let found = try await books.database.query(
        """
        select subject || ' ' || external_reference || ' ' || (effective_at at time zone 'UTC')::date
        from transaction where kind = 'fee' and subject <> ''
        """
      ).column(as: String.self)
      #expect(found == ["pi_of_ours M1 2026-11-01"])
    }
  }

  /// A later file that tells of the same movements again books nothing again.
  @Test func whatIsToldTwiceIsBookedOnce() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      try await recon.book(2, .capture, "pi_2", 1_000)
      let first = ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)
      let monthly = ReconCalls.line("txn_9", "fee", "fee_9", "", -100)
      try await recon.importing(ReconCalls.header + first + monthly, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 1 && run.feesBooked == 1)
      // The order of files is that of their imports.
      books.clock.set(Self.today + .seconds(60))
      let second = ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 1_000, fee: 35)
      try await recon.importing(
        ReconCalls.header + second + first + monthly,
        key: "import-2"
      )
      let later = try await recon.run(key: "run-2")
      #expect(later.movementsBooked == 0 && later.feesBooked == 1)
      #expect(try await books.balance("gateway_fees:stripe:acct_1") == 75 + 100 + 35)
      #expect(later.classes.first { $0.reconClass == .duplicate }?.count == 2)
      // A fee of a line that came twice is nobody's.
      #expect(later.totals.first?.unbookedFeesMinor == 0)
      try await books.expectSound()
    }
  }

  /// Stripe's report has no line of the payout: whoever imports it names it, or nobody books it.
  @Test func aNamedPayoutIsBooked() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      for (number, payout) in [(1, "po_1"), (2, "po_2")] {
        try await recon.book(UInt128(number), .capture, "pi_\(number)", 4_999)
        let line = ReconCalls.line(
          "txn_\(number)", "charge", "ch_\(number)", "pi_\(number)", 4_999, fee: 75,
          payout: payout)
        let total = LedgerV1.PayoutTotal(
          batch: payout,
          net: CommonV1.Money(currency: "EUR", amountMinor: 4_924)
        )
        try await recon.importing(
          ReconCalls.header + line,
          payouts: number == 1 ? [total] : [],
          key: "import-\(number)"
        )
      }
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 1 && run.feesBooked == 2 && run.breaksOpen == 0)
      #expect(try await books.balance("payouts_in_transit:stripe:acct_1") == 4_924)
      #expect(try await recon.run(key: "run-2").movementsBooked == 0)
    }
  }

  /// It is booked on the day on which the gateway pays it out, not on that of its last line.
  @Test func aNamedPayoutIsOfItsOwnDay() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      let head = "automatic_payout_effective_at_utc," + ReconCalls.header
      let line = ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)
      try await recon.importing(
        head + "2026-11-05 00:00:00," + line,
        payouts: [
          LedgerV1.PayoutTotal(
            batch: "po_1", net: CommonV1.Money(currency: "EUR", amountMinor: 4_924))
        ],
        key: "import-1")
      #expect(try await recon.run(key: "run-1").movementsBooked == 1)
      let days = try await books.database.query(
        """
        select (effective_at at time zone 'UTC')::date::text from transaction where kind = 'payout'
        """
      ).column(as: String.self)
      #expect(days == ["2026-11-05"])
    }
  }

  /// It is no line and no item: no break could say that it is not booked.
  @Test func aNamedPayoutThatNobodyOwnsIsAnAlert() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      let another = MerchantID(bits: Books.merchant.bits + 2)
      _ = try await books.writer.post([
        try Books.posting(
          2, "gateway_clearing:stripe:acct_1", merchant: another, fact: true)
      ])
      let line = ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)
      let total = LedgerV1.PayoutTotal(
        batch: "po_1", net: CommonV1.Money(currency: "EUR", amountMinor: 4_924))
      try await recon.importing(ReconCalls.header + line, payouts: [total], key: "import-1")
      func alerts() async throws -> [String] {
        try await books.database.query(
          """
          select severity || ' ' || state || ' ' || (message like '%such as po_1.%recon.merchants%')
          from alert where kind = 'reconciliation_payouts_unbooked'
          """
        ).column(as: String.self)
      }
      #expect(try await recon.run(key: "run-1").withoutMerchant == 1)
      #expect(try await alerts() == ["critical open true"])
      let named = try ReconCalls(
        books, booksReports: true, merchants: "stripe acct_1 \(another)")
      #expect(try await named.run(key: "run-2").movementsBooked == 1)
      #expect(try await alerts() == ["critical resolved true"])
    }
  }

  /// Files that overlap before the first run double a payout's lines, not the payout.
  @Test func aNamedPayoutWhoseLinesCameTwiceIsBooked() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      for number in [1, 2] {
        try await recon.book(UInt128(number), .capture, "pi_\(number)", 4_999)
      }
      let first = ReconCalls.line(
        "txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75, payout: "po_1")
      let total = LedgerV1.PayoutTotal(
        batch: "po_1", net: CommonV1.Money(currency: "EUR", amountMinor: 4_924))
      try await recon.importing(ReconCalls.header + first, payouts: [total], key: "import-1")
      books.clock.set(Self.today + .seconds(60))
      let second = ReconCalls.line(
        "txn_2", "charge", "ch_2", "pi_2", 4_999, fee: 75, payout: "po_2")
      try await recon.importing(ReconCalls.header + first + second, key: "import-2")
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 1)
      #expect(run.classes.first { $0.reconClass == .duplicate }?.count == 1)
      #expect(try await books.balance("payouts_in_transit:stripe:acct_1") == 4_924)
    }
  }

  /// Several merchants at one account: whose its own fees and payouts are is for people to say.
  @Test func withoutAMerchantNothingOfTheAccountsOwnIsBooked() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      let another = MerchantID(bits: Books.merchant.bits + 2)
      _ = try await books.writer.post([
        try Books.posting(2, "gateway_clearing:adyen:Main", merchant: another, fact: true)
      ])
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 0 && run.withoutMerchant == 2 && run.feesBooked == 1)
      #expect(run.classes.first { $0.reconClass == .missingInternal }?.count == 2)
      let named = try Self.adyen(books, merchants: "adyen Main \(another)")
      let after = try await named.run(key: "run-2")
      #expect(after.movementsBooked == 2 && after.withoutMerchant == 0)
      let owners = try await books.database.query(
        "select distinct merchant_id from recon_booking where part = 'line'"
      ).column(as: MerchantID.self)
      #expect(owners == [another])
      // The account as a whole is paid out.
      #expect(after.totals.map(\.deviationMinor) == [0])
      #expect(after.totals.first?.clearingBalanceMinor == 100)
    }
  }

  /// People have said that it is booked elsewhere: a run that could book it does not.
  @Test func anAcceptedLineIsNeverBooked() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      let another = MerchantID(bits: Books.merchant.bits + 2)
      _ = try await books.writer.post([
        try Books.posting(2, "gateway_clearing:adyen:Main", merchant: another, fact: true)
      ])
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let fee = try #require(
        try await recon.breaks().breaks.first { $0.reported?.amountMinor == -100 }
      )
      _ = try await recon.change(fee.id, .accept, note: "journal 17", key: "c1")
      let named = try Self.adyen(books, merchants: "adyen Main \(another)")
      #expect(try await named.run(key: "run-2").movementsBooked == 1)
      #expect(try await Self.bookings(recon) == ["fee fee -75", "line payout -4824"])
      #expect(try await recon.explain(fee.id).reconBreak?.state == .accepted)
    }
  }

  /// Adyen's lines of the account's own have a text for a name, the same in each settlement of a month.
  @Test func theFeeOfEachSettlementIsBooked() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      try await recon.book(2, .capture, "P2", 4_999)
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      #expect(try await recon.run(key: "run-1").movementsBooked == 2)
      let next = Self.settlement.replacing("P1", with: "P2").replacing("M1", with: "M2")
        .replacing(",7\n", with: ",8\n")
      try await recon.importing(next, .settlementDetail, key: "import-2")
      let run = try await recon.run(key: "run-2")
      #expect(run.movementsBooked == 2 && run.contradicted == 0 && run.breaksOpen == 0)
      #expect(try await books.balance("gateway_fees:adyen:Main") == 350)
      try await recon.expectSoundSets()
    }
  }

  /// Gross less fee is not net: that the fee was taken, nothing proves.
  @Test func aFeeThatDoesNotAddIsNotBooked() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      let whole = Self.settlement.replacing("49.24", with: "49.99")
        .replacing("48.24", with: "48.99")
      try await recon.importing(whole, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.feesBooked == 0 && run.movementsBooked == 2)
      #expect(run.totals.first?.unbookedFeesMinor == 0)
      #expect(try await books.balance("gateway_fees:adyen:Main") == 100)
    }
  }

  /// A payout that was booked and comes back later is another movement, and is booked too.
  @Test func aPayoutThatComesBackIsBooked() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      let line = ReconCalls.line(
        "txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75, payout: "po_1")
      let total = LedgerV1.PayoutTotal(
        batch: "po_1", net: CommonV1.Money(currency: "EUR", amountMinor: 4_924))
      try await recon.importing(ReconCalls.header + line, payouts: [total], key: "import-1")
      #expect(try await recon.run(key: "run-1").movementsBooked == 1)
      let back = ReconCalls.line("txn_9", "payout_reversal", "po_1", "", 4_924, payout: "po_2")
      try await recon.importing(ReconCalls.header + back, key: "import-2")
      let run = try await recon.run(key: "run-2")
      #expect(run.movementsBooked == 1)
      #expect(try await books.balance("payouts_in_transit:stripe:acct_1") == 0)
      #expect(!run.classes.contains { $0.reconClass == .statusMismatch })
    }
  }

  /// The books have the movement in other words: nobody overwrites them, and nobody hides it.
  @Test func whatTheBooksSayOtherwiseIsLeft() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      let movement = Movement(
        account: recon.account,
        kind: .fee,
        source: .gatewayMovement("M1")
      )
      try await recon.book(try recon.id(movement), .fee, "M1", 74, on: "2026-11-09")
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.feesBooked == 0 && run.contradicted == 1)
      #expect(run.totals.first?.unbookedFeesMinor == 75)
      // Long before it is overdue.
      let found = try #require(try await recon.breaks().breaks.first)
      #expect(try await recon.breaks().breaks.count == 1 && found.reconClass == .feeMismatch)
      #expect(found.reported?.amountMinor == -75 && found.booked?.amountMinor == -74)
      _ = try await recon.change(found.id, .accept, note: "0.01 is in journal 17", key: "c1")
      let again = try await recon.run(key: "run-2")
      #expect(again.contradicted == 1 && again.breaksOpened == 0 && again.breaksOpen == 0)
      try await books.expectSound()
    }
  }

  /// Who has booked it by hand in the same words has booked it; the run notes it, and its item is not
  /// open.
  @Test func whatIsBookedByHandInTheSameWordsIsNoted() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      let day = try #require(CivilDate(year: 2026, month: 11, day: 1))
      let fee = try #require(
        ReconCommands.fee(
          Amount(.eur, minor: 75),
          name: "M1",
          reference: "M1",
          on: day,
          of: Books.merchant,
          subject: "",
          at: recon.account
        )
      )
      _ = try await books.writer.post([
        PendingPosting(
          posting: try PostingRules.check(fee),
          actor: "operator:ann",
          traceID: nil
        )
      ])
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.feesBooked == 0 && run.contradicted == 0 && run.breaksOpen == 0)
      #expect(run.totals.first?.unbookedFeesMinor == 0)
      #expect(run.totals.first?.openItemsMinor == 0)
      try await recon.expectSoundSets()
    }
  }

  /// A setting: whoever books by other means has runs book nothing.
  @Test func aRunBooksNothingWhereItShallNot() async throws {
    try await Books.with { books in
      var recon = try ReconCalls(books, fees: "")
      recon.account = GatewayAccount(gateway: "adyen", account: "Main")
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "P1", 4_999)
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(run.movementsBooked == 0 && run.feesBooked == 0)
      #expect(run.totals.first?.unbookedFeesMinor == 75)
      #expect(try await books.count("recon_booking") == 0)
    }
  }

  /// Two who run at one time: each movement is booked once, and who comes too late may come again.
  @Test func twoRunsAtOnceBookOnce() async throws {
    try await Books.with { books in
      let recon = try Self.adyen(books)
      try await recon.book(1, .capture, "P1", 4_999)
      try await recon.importing(Self.settlement, .settlementDetail, key: "import-1")
      @Sendable func run(_ key: String) async throws -> String? {
        try await recon.reason { try await recon.run(key: key) }
      }
      async let first = run("run-1")
      async let second = run("run-2")
      let reasons = try await [first, second]
      #expect(reasons.allSatisfy { $0 == nil || $0 == "RECONCILIATION_RUNNING" })
      #expect(try await recon.run(key: "run-1").breaksOpen == 0)
      #expect(try await recon.run(key: "run-2").breaksOpen == 0)
      #expect(
        try await Self.bookings(recon) == ["fee fee -75", "line fee -100", "line payout -4824"]
      )
      #expect(try await books.balance("gateway_clearing:adyen:Main") == 0)
      try await recon.expectSoundSets()
      try await books.expectSound()
    }
  }
}
