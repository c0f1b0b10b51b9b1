import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("A server that dies", .serialized, .timeLimit(.minutes(3)))
struct FaultTests {
  private func withCluster(_ body: (TestCluster) async throws -> Void) async throws {
    let cluster = try await TestCluster.create()
    do {
      try await body(cluster)
    } catch {
      try await cluster.destroy()
      throw error
    }
    try await cluster.destroy()
  }

  @Test("Killed under load: every caller is answered, acknowledged rows survive, the client heals")
  func killedUnderLoad() async throws {
    try await withCluster { cluster in
      try await withPostgres(cluster.settings) { client in
        _ = try await client.query("create table t (id bigint primary key)")
        let acknowledged = Mutex<Set<Int64>>([])
        let unknown = Mutex<Set<Int64>>([])
        let isOver = Mutex(false)
        async let load: [Void] = onLoop(client.loop, count: 32) { task in
          var number = Int64(task)
          while !isOver.withLock({ $0 }) {
            number += 32
            do {
              if task % 2 == 0 {
                _ = try await client.query("insert into t values (\(number))")
              } else {
                _ = try await client.transaction(batch: ["insert into t values (\(number))"])
              }
              acknowledged.withLock { _ = $0.insert(number) }
            } catch let error as PostgresError {
              if error.mayHaveExecuted { unknown.withLock { _ = $0.insert(number) } }
              try await client.loop.sleep(for: .milliseconds(10))
            }
          }
        }
        for _ in 0..<2 {
          let before = acknowledged.withLock { $0.count }
          try await eventually { acknowledged.withLock { $0.count } > before + 200 }
          try await cluster.killAll()
          try await cluster.start()
        }
        let before = acknowledged.withLock { $0.count }
        try await eventually { acknowledged.withLock { $0.count } > before + 200 }
        isOver.withLock { $0 = true }
        _ = try await load
        let stored = Set(try await client.query("select id from t").column(as: Int64.self))
        let known = acknowledged.withLock { $0 }
        #expect(known.isSubset(of: stored))
        #expect(stored.subtracting(known).isSubset(of: unknown.withLock { $0 }))
      }
    }
  }

  @Test("Killed during COMMIT: unknown, not failed")
  func killedInCommit() async throws {
    try await withCluster { cluster in
      try await withPostgres(cluster.settings) { client in
        _ = try await client.query("create table t (id int)")
        _ = try await client.query(
          """
          create function wait() returns trigger language plpgsql as
          $$ begin perform pg_sleep(8); return null; end $$
          """
        )
        _ = try await client.query(
          """
          create constraint trigger late after insert on t deferrable initially deferred
          for each row execute function wait()
          """
        )
        async let outcome = Result<Void, any Error>.of {
          try await client.transaction { _ = try await $0.query("insert into t values (1)") }
        }
        try await eventually {
          try await client.query("select from pg_stat_activity where query = 'commit'").count > 0
        }
        try await cluster.killAll()
        let result = await outcome
        #expect(
          throws: PostgresError(
            .commitUnknown,
            "the connection ended during COMMIT",
            mayHaveExecuted: true
          )
        ) { try result.get() }
        try await cluster.start()
        try await eventually { await client.statistics().pipelinedConnections > 0 }
        #expect(try await client.query("select from t").isEmpty)
      }
    }
  }
}

extension Result where Failure == any Error, Success: Sendable {
  fileprivate static func of(_ body: () async throws -> Success) async -> Result {
    do { return .success(try await body()) } catch { return .failure(error) }
  }
}
