import Money
import Postgres
import Reactor
import TestSupport
import Testing

@Suite("Client", .freshDatabase, .timeLimit(.minutes(1)))
struct ClientTests {
  @Test("Rows come back decoded")
  func selects() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let name: String? = nil
      let row = try await client.query("select \(Int64(41)) + 1, \("ä\u{1F600}"), \(name)").single()
      let (number, text, nothing) = try row.decode((Int64, String, String?).self)
      #expect(number == 42)
      #expect(text == "ä\u{1F600}")
      #expect(nothing == nil)
    }
  }
}
