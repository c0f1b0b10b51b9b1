import Money
import Postgres

/// The two ways to bring many rows into a table with the database client: streamed by COPY, and as
/// arrays of a statement, in turns. The rows are like a report's lines; the table has one index.
struct RowsBench: Sendable {
  static let rows = 60_000
  static let rowsPerStatement = 2_000

  let client: PostgresClient

  /// Rows a second of one turn of each.
  struct Turn: Sendable {
    var copied: Double
    var bound: Double
  }

  func prepare() async throws {
    _ = try await client.transaction(batch: [
      """
      create table bench_line (file_id bigint not null, line integer not null, type text not null,
        reference text not null, payment text, booked_at timestamptz not null, gross_minor bigint,
        primary key (file_id, line))
      """
    ])
  }

  func turn(_ number: Int) async throws -> Turn {
    let file = Int64(number) * 2
    return Turn(
      copied: try await rate { try await copy(file) },
      bound: try await rate { try await bind(file + 1) })
  }

  private func rate(_ body: () async throws -> Void) async throws -> Double {
    let start = MonotonicClock.microseconds
    try await body()
    return Double(Self.rows) / (Double(MonotonicClock.microseconds - start) / 1e6)
  }

  private func copy(_ file: Int64) async throws {
    let target = "bench_line (file_id, line, type, reference, payment, booked_at, gross_minor)"
    let stored = try await client.transaction { transaction in
      var line: Int32 = 0
      return try await transaction.copy(into: target) {
        var rows = CopyRows()
        while line < Self.rows, !rows.isFull {
          line += 1
          rows.append(
            file, line, "charge", Self.reference(line), Self.payment(line), Self.booked(line),
            Int64(line))
        }
        return rows.isEmpty ? nil : rows
      }
    }
    guard stored == Self.rows else { throw Failure("COPY stored \(stored) rows", next: "") }
  }

  private func bind(_ file: Int64) async throws {
    try await client.transaction { transaction in
      for start in stride(from: 1, through: Self.rows, by: Self.rowsPerStatement) {
        let lines = (start..<min(start + Self.rowsPerStatement, Self.rows + 1)).map { Int32($0) }
        _ = try await transaction.query(
          """
          insert into bench_line (file_id, line, type, reference, payment, booked_at, gross_minor)
          select \(file), u.* from unnest(\(lines), \(lines.map { _ in "charge" }),
            \(lines.map(Self.reference)), \(lines.map(Self.payment)), \(lines.map(Self.booked)),
            \(lines.map { Int64($0) })) u
          """)
      }
    }
  }

  private static func reference(_ line: Int32) -> String { "txn_bench_reference_\(line)" }
  private static func payment(_ line: Int32) -> String? { line % 4 == 0 ? nil : "pi_bench_\(line)" }
  private static func booked(_ line: Int32) -> Timestamp {
    Timestamp(seconds: 1_768_478_400 + Int64(line))
  }
}
