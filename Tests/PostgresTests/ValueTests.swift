import Money
import TestSupport
import Testing

@testable import Postgres

@Suite("Values", .freshDatabase, .timeLimit(.minutes(1)))
struct ValueTests {
  private func roundTrip<T: PostgresCodable & Equatable>(
    _ values: [T],
    _ client: PostgresClient
  ) async throws {
    for value in values {
      let row = try await client.query("select \(value), \(T?.none)").single()
      #expect(try row[0, as: T.self] == value)
      #expect(try row[1, as: T?.self] == nil)
    }
  }

  @Test("Every type comes back as it went")
  func roundTrips() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      try await roundTrip([Int16.min, -1, 0, .max], client)
      try await roundTrip([Int32.min, -1, 0, .max], client)
      try await roundTrip([Int64.min, -1, 0, .max], client)
      try await roundTrip([Int.min, 0, .max], client)
      let large: [Int128] = [.min, .max, 0, -1, 10_000, 9_999, -100_000_000, 1 << 100]
      try await roundTrip(large, client)
      try await roundTrip([true, false], client)
      try await roundTrip([0.0, -1.5, .infinity, .greatestFiniteMagnitude], client)
      try await roundTrip(["", "ä", "\u{1F600}", "'; drop table x; --", "a\u{FEFF}b"], client)
      try await roundTrip([[], [0], [0, 255, 0]] as [[UInt8]], client)
      try await roundTrip([UUIDBits(0), UUIDBits(.max), UUIDBits(1)], client)
      try await roundTrip(
        [
          Timestamp(microseconds: 0), Timestamp(microseconds: .max), Timestamp(microseconds: .min),
          Timestamp(microseconds: -1), Timestamp(microseconds: 1_768_478_400_123_456),
        ],
        client
      )
      try await roundTrip([JSONText("{\"a\": 1}"), JSONText("null")], client)
      try await roundTrip([CivilDate(daysSince1970: 0), CivilDate(daysSince1970: -1)], client)
      try await roundTrip([PaymentIntentID(bits: 1), PaymentIntentID(bits: .max)], client)
    }
  }

  @Test("Arrays: empty, with nulls, of bytes")
  func arrays() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      try await roundTrip([[], [1, -1, .max]] as [[Int64]], client)
      try await roundTrip([[], ["", "ä", "{,}\""]] as [[String]], client)
      try await roundTrip([[], [[], [1, 0]]] as [[[UInt8]]], client)
      try await roundTrip([[], [nil, 1, nil]] as [[Int64?]], client)
      try await roundTrip([[true, false]], client)
      let row = try await client.query("select cardinality(\([String]()))").single()
      #expect(try row[0, as: Int32.self] == 0)
    }
  }

  @Test(
    "Numeric: whole numbers that fit are read, everything else is refused, never cut",
    arguments: [
      ("0", 0), ("-0.000", 0), ("9223372036854775807", Int64.max),
      ("-9223372036854775808", Int64.min), ("9223372036854775808", nil), ("1.5", nil),
      ("NaN", nil), ("Infinity", nil), ("-Infinity", nil), ("1e30", nil), ("10000", 10_000),
      ("100000000", 100_000_000), ("123.000", 123), ("0.0001", nil),
    ] as [(String, Int64?)]
  )
  func numeric(text: String, expected: Int64?) async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let row = try await client.query("select \(text)::numeric, (\(text)::numeric)::text").single()
      let value = try? row[0, as: Int64.self]
      #expect(value == expected)
      #expect(try row[0, as: NumericText.self].text == row[1, as: String.self])
    }
  }

  @Test("A sum of bigints overflows loudly")
  func sums() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let row = try await client.query(
        "select sum(x) from unnest(\([Int64.max, Int64.max])) as x"
      ).single()
      #expect(throws: PostgresError.self) { try row[0, as: Int64.self] }
      #expect(try row[0, as: Int128.self] == Int128(Int64.max) * 2)
      #expect(throws: PostgresError.self) { try row[0, as: Int32.self] }
    }
  }

  @Test("NUL is refused by the server, not cut; neither the text nor the value is in the error")
  func nul() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      do {
        _ = try await client.query("select \("secret\0tail")")
        Issue.record("NUL was accepted")
      } catch let error as PostgresError {
        #expect(error.sqlState == .characterNotInRepertoire)
        #expect(!error.description.contains("secret"))
      }
      let row = try await client.query("select \(Array("a\0b".utf8))").single()
      #expect(try row[0, as: [UInt8].self] == Array("a\0b".utf8))
    }
  }

  @Test("Errors name constraints, never values")
  func errors() async throws {
    let database = try TestDatabase.current
    try await database.run("create table t (a int constraint only_one unique, b int not null)")
    try await withPostgres(database.settings) { client in
      _ = try await client.query("insert into t values (4711, 1)")
      do {
        _ = try await client.query("insert into t values (\(Int32(4711)), 1)")
        Issue.record("a duplicate was accepted")
      } catch let error as PostgresError {
        #expect(error.isUniqueViolation(of: "only_one"))
        #expect(!error.isUniqueViolation(of: "other"))
        #expect(!error.description.contains("4711"))
      }
      do {
        _ = try await client.query("select \("4711x")::int")
        Issue.record("nonsense was accepted")
      } catch let error as PostgresError {
        #expect(!error.description.contains("4711"))
      }
      do {
        _ = try await client.query("insert into t values (1, null)")
        Issue.record("null was accepted")
      } catch let error as PostgresError {
        #expect(error.sqlState == .notNullViolation)
        #expect(error.column == "b")
      }
    }
  }

  @Test("Reading null, a wrong type or a missing column is an error")
  func mismatches() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let row = try await client.query("select null::int, 'x'::text as name, 300::int").single()
      #expect(throws: PostgresError.self) { try row[0, as: Int32.self] }
      #expect(throws: PostgresError.self) { try row[1, as: Int32.self] }
      #expect(throws: PostgresError.self) { try row[2, as: String.self] }
      #expect(throws: PostgresError.self) { try row[3, as: Int32.self] }
      #expect(throws: PostgresError.self) { try row["none", as: Int32.self] }
      #expect(try row["name", as: String.self] == "x")
      let (nothing, text, number) = try row.decode((Int32?, String, Int64).self)
      #expect(nothing == nil)
      #expect(text == "x")
      #expect(number == 300)
    }
  }

  @Test("A password does not print")
  func password() throws {
    let settings = try PostgresSettings(conninfo: "host=/tmp user=u password=hunter2")
    #expect(!"\(settings)".contains("hunter2"))
    var dumped = ""
    dump(settings, to: &dumped)
    #expect(!dumped.contains("hunter2"))
  }

  @Test("Host names are refused: they would be looked up on the loop")
  func hostNames() {
    #expect(throws: PostgresError.self) { try PostgresSettings(conninfo: "host=db.example") }
    #expect(throws: Never.self) { try PostgresSettings(conninfo: "host=127.0.0.1") }
  }
}
