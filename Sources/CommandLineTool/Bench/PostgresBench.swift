import Postgres
import Reactor

/// The project's PostgreSQL client against pgbench on the same server: one indexed row by its key.
/// The three take turns, so that what else the machine does meets all of them.
struct PostgresBench: Sendable {
  static let tasks = 64
  static let warmUpSeconds: Int64 = 1
  /// One prepared statement by itself, as the client's pipelined path has it.
  static let reference = ["-S", "-n", "-M", "prepared", "-c", "8", "-j", "2"]

  private enum Path: CaseIterable {
    /// Single statements, many out on one connection.
    case pipelined
    /// A transaction of one statement each, in one round trip.
    case pooled
    /// A transaction whose body awaits its statement: two round trips.
    case interactive
  }

  let database: BenchDatabase
  let seconds: Int
  let rounds: Int

  func run(_ output: Output) async throws -> [Measurement] {
    try await database.with {
      let loop = EventLoop(name: "bench")
      do { try loop.start() } catch {
        throw Failure("the event loop does not start (\(error))", next: "")
      }
      let client = PostgresClient(database.settings, loop: loop)
      do {
        try await client.start()
        let rows = try await measure(client, output)
        await client.shutdown()
        _ = await loop.shutdown(within: .seconds(1))
        return rows
      } catch {
        await client.shutdown()
        _ = await loop.shutdown(within: .seconds(1))
        throw error
      }
    }
  }

  private func measure(_ client: PostgresClient, _ output: Output) async throws -> [Measurement] {
    output.line("warming up")
    _ = try await database.transactionRate(Self.reference + ["-T", String(Self.warmUpSeconds)])
    for path in Path.allCases { _ = try await rate(path, client, seconds: Self.warmUpSeconds) }
    var reference: [Double] = []
    var rates: [Path: [Double]] = [:]
    var costs: [Path: [Double]] = [:]
    let many = RowsBench(client: client)
    try await many.prepare()
    var turns: [RowsBench.Turn] = []
    for round in 1...rounds {
      output.line("round \(round) of \(rounds)")
      reference.append(
        try await database.transactionRate(Self.reference + ["-T", String(seconds)]))
      for path in Path.allCases {
        let own = ServiceCosts.ownMicroseconds()
        let rate = try await rate(path, client, seconds: Int64(seconds))
        rates[path, default: []].append(rate)
        costs[path, default: []].append(
          (ServiceCosts.ownMicroseconds() - own) / (rate * Double(seconds)))
      }
      turns.append(try await many.turn(round))
    }
    let base = Self.median(reference)
    func row(_ name: String, _ path: Path, bar: Double?, aim: Double?) -> Measurement {
      // Each round by its own reference: the machine changes between rounds.
      let ratio = Self.median(zip(rates[path] ?? [], reference).map { $0 / $1 })
      return Measurement(
        name: name, value: ratio * base, unit: "1/s", reference: base, bar: bar, aim: aim)
    }
    let bound = Self.median(turns.map(\.bound))
    let streamed = Self.median(turns.map { $0.copied / $0.bound })
    return [
      Measurement(name: "pgbench -S -M prepared -c 8 -j 2", value: base, unit: "1/s"),
      row("pipelined", .pipelined, bar: 0.9, aim: 1),
      row("pooled", .pooled, bar: 0.6, aim: 1),
      row("pooled, two round trips", .interactive, bar: nil, aim: nil),
      Measurement(
        name: "CPU of the client, pipelined", value: Self.median(costs[.pipelined] ?? []),
        unit: "µs/statement"),
      Measurement(
        name: "CPU of the client, pooled", value: Self.median(costs[.pooled] ?? []),
        unit: "µs/transaction"),
      // Against the same rows as arrays of a statement.
      Measurement(
        name: "rows by COPY", value: streamed * bound, unit: "rows/s", reference: bound, aim: 1),
    ]
  }

  /// Statements a second.
  private func rate(
    _ path: Path, _ client: PostgresClient, seconds: Int64
  ) async throws -> Double {
    let start = MonotonicClock.microseconds
    let end = start + seconds * 1_000_000
    let count = try await withTaskExecutorPreference(client.loop) {
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<Self.tasks {
          group.addTask {
            var count = 0
            while MonotonicClock.microseconds < end {
              let rows = try await Self.one(path, client)
              guard let row = rows.first, try row[0, as: Int32.self] != Int32.min else {
                throw Failure("the bench's table lacks a row", next: "")
              }
              count += 1
            }
            return count
          }
        }
        return try await group.reduce(0, +)
      }
    }
    return Double(count) / (Double(MonotonicClock.microseconds - start) / 1e6)
  }

  private static func one(_ path: Path, _ client: PostgresClient) async throws -> Rows {
    let account = Int32.random(in: 1...Int32(BenchDatabase.scale * BenchDatabase.accountsPerScale))
    let statement: Statement = "select abalance from pgbench_accounts where aid = \(account)"
    switch path {
    case .pipelined: return try await client.query(statement)
    case .pooled: return try await client.transaction(batch: [statement])[0]
    case .interactive:
      return try await client.transaction { transaction in try await transaction.query(statement) }
    }
  }

  static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
