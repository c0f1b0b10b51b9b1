import Money
import Reactor
import TestSupport
import Testing

@testable import Postgres

@Suite("Rows streamed into a table", .freshDatabase, .timeLimit(.minutes(1)))
struct CopyTests {
  private static let table = """
    create table t (id int primary key check (id <> 13), name text, amount_minor bigint not null,
      at timestamptz, key bytea)
    """
  private static let target = "t (id, name, amount_minor, at, key)"

  private struct Stop: Error {}

  /// Pieces of these rows, and how many were asked for.
  private final class Pieces {
    private let ids: [Int32]
    private let perPiece: Int
    private(set) var asked = 0

    init(_ ids: some Sequence<Int32>, perPiece: Int) {
      self.ids = Array(ids)
      self.perPiece = perPiece
    }

    func next() -> CopyRows? {
      let piece = ids.dropFirst(asked * perPiece).prefix(perPiece)
      asked += 1
      guard !piece.isEmpty else { return nil }
      var rows = CopyRows()
      for id in piece {
        rows.append(
          id, id % 3 == 0 ? nil : "name \(id)", Int64(id) * 1_000,
          Timestamp(seconds: 1_768_478_400 + Int64(id)), [UInt8](repeating: 7, count: Int(id % 5)))
      }
      return rows
    }
  }

  private func withTable(_ body: (PostgresClient) async throws -> Void) async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table)
    var settings = database.settings
    settings.pooledConnectionsMax = 1
    try await withPostgres(settings) { client in
      try await body(client)
      // Whatever it was, the connection goes on as it was.
      let before = await client.statistics()
      _ = try await client.transaction(batch: ["select 1"])
      let after = await client.statistics()
      #expect(after.connectionsOpened == before.connectionsOpened)
      #expect(after.pooledLeased == 0)
    }
  }

  @Test("Rows arrive as they are, between other statements of the transaction")
  func arrive() async throws {
    try await withTable { client in
      let count = try await client.transaction { tx in
        _ = try await tx.query("insert into t (id, amount_minor) values (1000, 1)")
        let pieces = Pieces(1...9, perPiece: 4)
        let count = try await tx.copy(into: Self.target) { pieces.next() }
        #expect(pieces.asked == 4)
        let rows = try await tx.query("select count(*) from t")
        #expect(try rows[0][0, as: Int.self] == 10)
        return count
      }
      #expect(count == 9)
      let rows = try await client.query(
        "select id, name, amount_minor, at, key from t where id < 1000 order by id")
      for (index, row) in rows.enumerated() {
        let id = Int32(index + 1)
        let (found, name, minor, at, key) =
          try row.decode((Int32, String?, Int64, Timestamp, [UInt8]).self)
        #expect(found == id && name == (id % 3 == 0 ? nil : "name \(id)"))
        #expect(minor == Int64(id) * 1_000 && at == Timestamp(seconds: 1_768_478_400 + Int64(id)))
        #expect(key == [UInt8](repeating: 7, count: Int(id % 5)))
      }
      #expect(rows.count == 9)
    }
  }

  @Test("More than a socket holds, from the first statement on; none and empty pieces too")
  func manyPieces() async throws {
    try await withTable { client in
      let counts = try await client.transaction { tx in
        let ids = (Int32(1)...150_000).filter { $0 != 13 }
        let pieces = Pieces(ids, perPiece: 9_000)
        let many = try await tx.copy(into: Self.target) { pieces.next() }
        var isLast = false
        let empty = try await tx.copy(into: Self.target) {
          defer { isLast = true }
          return isLast ? nil : CopyRows()
        }
        return [many, empty, try await tx.copy(into: Self.target) { nil }]
      }
      #expect(counts == [149_999, 0, 0])
      let sum = try await client.query("select sum(id)::bigint from t")
      #expect(try sum[0][0, as: Int64.self] == 150_000 * 150_001 / 2 - 13)
      #expect(await client.statistics().commits == 1)
    }
  }

  @Test(
    "What the server refuses has no effect",
    arguments: [
      (1...20, "t (id, name, amount_minor, at, key)", .checkViolation),
      (1...3, "nowhere (id, name, amount_minor, at, key)", .undefinedTable),
      // A column less than each row has.
      (1...3, "t (id, name, amount_minor, at)", SQLState("22P04")),
    ] as [(ClosedRange<Int32>, String, SQLState)]
  )
  func refused(ids: ClosedRange<Int32>, target: String, state: SQLState) async throws {
    try await withTable { client in
      do {
        try await client.transaction { tx in
          let pieces = Pieces(ids, perPiece: 2)
          try await tx.copy(into: target) { pieces.next() }
        }
        Issue.record("it was not refused")
      } catch let error as PostgresError {
        #expect(error.sqlState == state && !error.mayHaveExecuted)
      }
      #expect(try await client.query("select from t").isEmpty)
      #expect(await client.statistics().connectionsLost == 0)
    }
  }

  @Test("A refusal that the body hides does not become a silent rollback")
  func hidden() async throws {
    try await withTable { client in
      do {
        try await client.transaction { tx in
          _ = try await tx.query("insert into t (id, amount_minor) values (1, 1)")
          let pieces = Pieces([13], perPiece: 1)
          do { try await tx.copy(into: Self.target) { pieces.next() } } catch {}
        }
        Issue.record("it looked committed")
      } catch let error as PostgresError {
        #expect(error.code == .rolledBack)
      }
      #expect(try await client.query("select from t").isEmpty)
    }
  }

  @Test("What the source throws, and pieces that are too large, end it without effect")
  func givenUp() async throws {
    try await withTable { client in
      await #expect(throws: Stop.self) {
        try await client.transaction { tx in
          let pieces = Pieces(1...9, perPiece: 3)
          try await tx.copy(into: Self.target) {
            guard pieces.asked < 2 else { throw Stop() }
            return pieces.next()
          }
        }
      }
      do {
        try await client.transaction { tx in
          var rows = CopyRows()
          let key = [UInt8](repeating: 1, count: CopyRows.bytesMax)
          rows.append(Int32(1), String?.none, Int64(1), Timestamp?.none, key)
          try await tx.copy(into: Self.target) { rows }
        }
        Issue.record("it was not refused")
      } catch let error as PostgresError {
        #expect(error.code == .misuse)
      }
      #expect(try await client.query("select from t").isEmpty)
      #expect(await client.statistics().connectionsLost == 0)
    }
  }

  @Test("A deadline bounds it, also while another session holds the table")
  func deadline() async throws {
    try await withTable { client in
      let holder = try await ScriptConnection.open(client.settings, loop: client.loop)
      try await holder.execute("begin; lock table t in access exclusive mode")
      do {
        try await Deadline.$current.withValue(.after(.milliseconds(300))) {
          try await client.transaction { tx in
            let pieces = Pieces(1...9, perPiece: 3)
            try await tx.copy(into: Self.target) { pieces.next() }
          }
        }
        Issue.record("no time-out")
      } catch let error as PostgresError {
        #expect([.queryCanceled, .lockNotAvailable].contains(error.sqlState))
      }
      await holder.close()
      #expect(try await client.query("select from t").isEmpty)
    }
  }

  @Test("A connection that ends under it has no effect, and the client heals")
  func lost() async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table)
    try await withPostgres(database.settings) { client in
      do {
        try await client.transaction { tx in
          let pid = try await tx.query("select pg_backend_pid()")[0][0, as: Int32.self]
          let pieces = Pieces(1...40_000, perPiece: 4_000)
          try await tx.copy(into: Self.target) {
            if pieces.asked == 3 { try await database.run("select pg_terminate_backend(\(pid))") }
            return pieces.next()
          }
        }
        Issue.record("it looked committed")
      } catch let error as PostgresError {
        #expect(error.code == .connectionLost || error.sqlState == .adminShutdown)
        #expect(!error.mayHaveExecuted)
      }
      #expect(try await client.query("select from t").isEmpty)
      _ = try await client.transaction(batch: ["select 1"])
    }
  }
}
