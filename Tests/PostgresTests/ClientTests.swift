import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Client", .freshDatabase, .timeLimit(.minutes(1)))
struct ClientTests {
  @Test("64 tasks share the pipelines; everybody gets his own answer")
  func pipelined() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let sums = try await onLoop(client.loop, count: 64) { task in
        var sum = 0
        for number in 0..<50 {
          let rows = try await client.query("select \(task) * 1000 + \(number)")
          sum += try rows[0][0, as: Int.self]
        }
        return sum
      }
      #expect(sums == (0..<64).map { $0 * 1_000 * 50 + 49 * 50 / 2 })
      let statistics = await client.statistics()
      #expect(statistics.queries == 3_200)
      #expect(statistics.inFlight == 0)
    }
  }

  @Test("One statement's error leaves its neighbours in the pipeline alone")
  func independent() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      let outcomes = try await onLoop(client.loop, count: 40) { task in
        do {
          return try await client.query("select 10 / \(Int32(task % 4))")[0][0, as: Int32.self]
        } catch let error as PostgresError {
          #expect(error.sqlState == SQLState("22012"))
          return -1
        }
      }
      let expected: [Int32] = [-1, 10, 5, 3]
      #expect(outcomes == (0..<40).map { expected[$0 % 4] })
    }
  }

  /// Interleaving 22: a lock under the pipeline.
  @Test("A statement that waits for a lock holds up nobody, and succeeds after the lock is free")
  func lockUnderPipeline() async throws {
    let database = try TestDatabase.current
    try await database.run(
      "create table t (id int primary key, n int); insert into t values (1, 0)"
    )
    var settings = database.settings
    settings.pipelinedConnections = 1
    try await withPostgres(settings) { client in
      let holder = try await ScriptConnection.open(client.settings, loop: client.loop)
      try await holder.execute("begin; update t set n = 1 where id = 1")
      async let blocked = client.query("update t set n = n + 10 where id = 1")
      // On a busy machine its time in the pipeline may be over before anybody looks.
      try await eventually {
        let statistics = await client.statistics()
        return statistics.inFlight > 0 || statistics.lockDetours > 0
      }
      let reads = try await Deadline.$current.withValue(.after(.seconds(30))) {
        try await onLoop(client.loop, count: 64) { _ in
          try await client.query("select n from t where id = 1")[0][0, as: Int32.self]
        }
      }
      #expect(reads == Array(repeating: 0, count: 64))
      try await eventually { await client.statistics().lockDetours == 1 }
      try await holder.execute("commit")
      #expect(try await blocked.affected == 1)
      let row = try await client.query("select n from t").single()
      #expect(try row[0, as: Int32.self] == 11)
      await holder.close()
    }
  }

  @Test("Using the client inside a transaction's body traps in debug")
  func trap() async throws {
    await #expect(processExitsWith: .failure) {
      try await withPostgres(try TestDatabase.server()) { client in
        try await client.transaction { _ in
          _ = try await client.query("select 1")
        }
      }
    }
  }

  @Test("The deadline ends a statement, and the connection stays good")
  func deadline() async throws {
    var settings = try TestDatabase.current.settings
    settings.pipelinedConnections = 1
    try await withPostgres(settings) { client in
      do {
        _ = try await Deadline.$current.withValue(.after(.seconds(1))) {
          try await client.query("select pg_sleep(3)")
        }
        Issue.record("no time-out")
      } catch let error as PostgresError {
        #expect(error.code == .timeout)
        #expect(error.mayHaveExecuted)
      }
      #expect(try await client.query("select 1").count == 1)
      #expect(await client.statistics().connectionsLost == 0)
    }
  }

  @Test("Too many statements: the next one is refused at once")
  func queueFull() async throws {
    var settings = try TestDatabase.current.settings
    settings.pipelinedConnections = 1
    settings.pipelineDepthMax = 4
    try await withPostgres(settings) { client in
      let codes = try await onLoop(client.loop, count: 6) { _ -> PostgresError.Code? in
        do {
          _ = try await client.query("select pg_sleep(0.5)")
          return nil
        } catch let error as PostgresError {
          return error.code
        }
      }
      #expect(codes.compactMap { $0 } == [.queueFull, .queueFull])
    }
  }

  @Test("A migrated table does not break prepared statements, alone or in a transaction")
  func stalePlans() async throws {
    let database = try TestDatabase.current
    try await database.run("create table t (a int); insert into t values (1)")
    var settings = database.settings
    settings.pooledConnectionsMax = 1
    try await withPostgres(settings) { client in
      for column in ["b", "c"] {
        _ = try await client.query("select * from t")
        _ = try await client.transaction { try await $0.query("select * from t") }
        try await database.run("alter table t add column \(column) int")
      }
      #expect(try await client.query("select * from t")[0].count == 3)
      let width = try await client.transaction { try await $0.query("select * from t")[0].count }
      #expect(width == 3)
    }
  }

  @Test("More texts than the cache holds are prepared in turn")
  func smallCache() async throws {
    var settings = try TestDatabase.current.settings
    settings.pipelinedConnections = 1
    settings.preparedStatementsMax = 4
    try await withPostgres(settings) { client in
      for round in 0..<3 {
        for number in 0..<10 {
          let rows = try await client.query("select \(raw: String(number)) + \(round)")
          #expect(try rows[0][0, as: Int.self] == number + round)
        }
      }
      let left = try await client.query("select count(*) from pg_prepared_statements").single()
      #expect(try left[0, as: Int.self] <= 6)
    }
  }

  @Test("Notices reach the handler")
  func notices() async throws {
    let seen = Mutex<[String]>([])
    var settings = try TestDatabase.current.settings
    settings.onNotice = { notice in seen.withLock { $0.append(notice.severity) } }
    try await withPostgres(settings) { client in
      _ = try await client.query("do $$ begin raise warning 'careful'; end $$")
    }
    #expect(seen.withLock { $0 } == ["WARNING"])
  }

  @Test("A client without a server says so, and waits no longer than told")
  func unavailable() async throws {
    try await withEventLoop { loop in
      var settings = try PostgresSettings(conninfo: "host=/nonexistent user=nobody")
      settings.connectTimeout = .seconds(1)
      let client = PostgresClient(settings, loop: loop)
      await #expect(throws: PostgresError.self) { try await client.start() }
      do {
        _ = try await client.query("select 1")
      } catch let error as PostgresError {
        #expect(error.code == .shutDown)
      }
    }
  }
}
