import Money
import Postgres
import ServiceKit
import TestSupport
import Testing

@testable import LedgerService

/// How far a service has told everything: not beyond a row that waits, nor beyond a transaction that
/// may still write one.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct WatermarkTests {
  private static func insert(_ destination: String) -> String {
    """
    insert into ledger.outbox (destination, distribution_key, id, merchant_id, payload, actor)
    values ('\(destination)', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', 'test')
    """
  }

  @Test func whatWaitsAndWhatMayStillComeCount() async throws {
    try await Books.with { books in
      let margin = Duration.seconds(2)
      let reporter = WatermarkReporter(
        try LedgerCalls(books).environment,
        destination: "here",
        margin: margin
      )
      func now() async throws -> Timestamp {
        try await books.database.query("select now()").single()[0, as: Timestamp.self]
      }
      let start = try await now()
      let free = try await reporter.measure()
      #expect(free >= start - margin && free <= start)

      // Under way, as the service's own role: it may write until it ends.
      let test = try TestDatabase.current
      let open = try await ScriptConnection.open(test.serviceSettings, loop: books.loop)
      try await open.execute("begin; select 1")
      let begun = try await now()
      try await eventually { try await now() > begun + .seconds(3) }
      #expect(try await reporter.measure() < begun)
      try await open.execute(Self.insert("here"))
      try await open.execute("commit")
      // Its row bears the time at which it began.
      #expect(try await reporter.measure() < begun)
      await open.close()

      // What goes elsewhere does not matter.
      _ = try await books.database.query("update outbox set destination = 'elsewhere'")
      #expect(try await reporter.measure() > begun)
    }
  }
}
