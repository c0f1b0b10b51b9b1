import LedgerCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// The forecast by payment method, on a real database.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ForecastMethodTests {
  /// What postings say of the method is told apart, and nothing else that they say.
  @Test func methodsAreForecastByThemselves() async throws {
    try await ForecastTests.Desk.with { desk in
      let day = "\(desk.today)"
      try await desk.recon.book(1, .capture, "pi_1", 10_000, on: day, by: "card")
      try await desk.recon.book(2, .capture, "pi_2", 4_000, on: day, by: "sepa_debit")
      try await desk.recon.book(3, .capture, "pi_3", 500, on: day)
      try await desk.recon.book(4, .capture, "pi_4", 60, on: day, by: "shells")
      try await desk.recon.book(5, .refund, "re_1", 1_000, on: day, by: "sepa_debit")
      _ = try await desk.keeper.work()
      let flows = """
        select concat_ws(' ', method, in_minor, out_minor) from forecast_flow order by 1
        """
      #expect(
        try await desk.rows(flows) == ["card 10000 0", "sepa_debit 4000 1000", "unknown 560 0"]
      )
      let found = try #require(try await desk.forecast().first)
      #expect(found.openMinor == 13_560)
      #expect(
        found.methods.map { "\($0.method) \($0.openMinor)" }
          == ["card 10000", "sepa_debit 3000", "unknown 560"]
      )
      #expect(found.methods.flatMap(\.days).map(\.p50Minor) == [10_000, 3_000, 560])
      #expect(found.days.map(\.p50Minor) == [13_560])
    }
  }

  /// Of one day, what was debited may be on its way when what was charged should be here.
  @Test func breaksAreOfTheMethodThatIsLate() async throws {
    try await ForecastTests.Desk.with(observationsMin: 2) { desk in
      // A card's is paid on the next business day, a debit's after eight.
      let seen = [
        ("2026-10-05", "2026-10-06", "card"), ("2026-10-07", "2026-10-08", "card"),
        ("2026-10-05", "2026-10-15", "sepa_debit"), ("2026-10-07", "2026-10-19", "sepa_debit"),
      ]
      for (number, row) in seen.enumerated() {
        let id = UInt128(number * 2 + 1)
        try await desk.recon.book(id, .capture, "pi_\(id)", 100, on: row.0, by: row.2)
        try await desk.recon.book(id + 1, .payout, "po_\(id)", 100, on: row.1, by: row.2)
      }
      try await desk.recon.book(20, .capture, "pi_20", 4_000, on: "2026-11-02", by: "card")
      // The last of its day, and not late.
      try await desk.recon.book(21, .capture, "pi_21", 6_000, on: "2026-11-02", by: "sepa_debit")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-06").date)
      let found = try await desk.recon.breaks().breaks
      #expect(found.map { $0.booked?.amountMinor } == [4_000])
    }
  }

  /// Replicas are replaced one by one: one of the release before may take over what names a method,
  /// and knows of none.
  @Test func breaksAreOfWhatTheReleaseBeforeTookOver() async throws {
    try await ForecastTests.Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 4_000, on: "2026-11-02", by: "card")
      _ = try await desk.recon.books.database.query(
        """
        insert into forecast_flow (gateway, account, livemode, currency, day, through, in_minor,
          out_minor, fee_minor, paid_minor)
        select 'stripe', 'acct_1', false, 'EUR', '2026-11-02', sequence, 4000, 0, 0, 0
        from transaction
        """
      )
      try await desk.recon.book(2, .capture, "pi_2", 700, on: "2026-11-02", by: "card")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-20").date)
      let flows = "select concat_ws(' ', method, in_minor) from forecast_flow order by 1"
      #expect(try await desk.rows(flows) == ["card 700", "unknown 4000"])
      let found = try await desk.recon.breaks().breaks
      #expect(found.compactMap { $0.booked?.amountMinor }.sorted() == [700, 4_000])
    }
  }
}
