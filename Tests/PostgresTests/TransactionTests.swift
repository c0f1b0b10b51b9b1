import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Transactions", .freshDatabase, .timeLimit(.minutes(1)))
struct TransactionTests {
  private static let table = "create table t (id int primary key, n int not null)"

  private struct Stop: Error {}

  @Test("Commits what the body did, rolls back what it threw away")
  func commits() async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table)
    try await withPostgres(database.settings) { client in
      try await client.transaction { tx in
        _ = try await tx.query("insert into t values (1, 1)")
        let rows = try await tx.batch(["insert into t values (2, 2)", "select count(*) from t"])
        #expect(try rows[1][0][0, as: Int.self] == 2)
      }
      await #expect(throws: Stop.self) {
        try await client.transaction { tx in
          _ = try await tx.query("insert into t values (3, 3)")
          throw Stop()
        }
      }
      let rows = try await client.transaction { tx in
        try await tx.commit(with: ["update t set n = n + 1 returning id", "select sum(n) from t"])
      }
      #expect(rows.map(\.affected) == [2, 1])
      let statistics = await client.statistics()
      #expect(statistics.commits == 2)
      #expect(statistics.rollbacks == 1)
      #expect(statistics.pooledLeased == 0)
      #expect(try await client.query("select from t").count == 2)
    }
  }

  @Test("A failed statement that the body hides does not become a silent rollback")
  func hidden() async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table)
    try await withPostgres(database.settings) { client in
      do {
        try await client.transaction { tx in
          _ = try await tx.query("insert into t values (1, 1)")
          do { _ = try await tx.query("select 1 / 0") } catch {}
        }
        Issue.record("it looked committed")
      } catch let error as PostgresError {
        #expect(error.code == .rolledBack)
      }
      #expect(try await client.query("select from t").isEmpty)
    }
  }

  @Test("One batch is one transaction: all of it or nothing, at a statement and at the commit")
  func batches() async throws {
    let database = try TestDatabase.current
    try await database.run(
      Self.table + """
        ; create function refuse() returns trigger language plpgsql as $$ begin
          raise exception 'no' using errcode = '23514'; end $$;
        create constraint trigger late after insert on t deferrable initially deferred
          for each row when (new.n < 0) execute function refuse();
        """
    )
    try await withPostgres(database.settings) { client in
      let tries: [([Statement], SQLState)] = [
        (["insert into t values (1, 1)", "select 1 / 0"], SQLState("22012")),
        (["insert into t values (2, 1)", "insert into t values (3, -1)"], .checkViolation),
      ]
      for (statements, expected) in tries {
        do {
          try await client.transaction(batch: statements)
          Issue.record("\(statements) looked committed")
        } catch let error as PostgresError {
          #expect(error.sqlState == expected)
        }
      }
      #expect(try await client.query("select from t").isEmpty)
      _ = try await client.transaction(batch: ["insert into t values (4, 1)"])
      #expect(try await client.query("select id from t").column(as: Int32.self) == [4])
      let statistics = await client.statistics()
      #expect(statistics.commits == 1)
      #expect(statistics.connectionsLost == 0)
    }
  }

  @Test("A failed batch that the body hides does not become a silent rollback")
  func hiddenBatch() async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table)
    try await withPostgres(database.settings) { client in
      do {
        try await client.transaction { tx in
          do { try await tx.commit(with: ["insert into t values (1, 1)", "select 1 / 0"]) } catch {}
        }
        Issue.record("it looked committed")
      } catch let error as PostgresError {
        #expect(error.code == .rolledBack)
      }
      #expect(try await client.query("select from t").isEmpty)
    }
  }

  @Test("The deadline of a batch bounds its statements, and only them")
  func batchTimeout() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      _ = try await client.transaction(batch: ["select 1"])
      do {
        try await Deadline.$current.withValue(.after(.seconds(1))) {
          _ = try await client.transaction(batch: ["select pg_sleep(5)"])
        }
        Issue.record("no time-out")
      } catch let error as PostgresError {
        #expect(error.sqlState == .queryCanceled)
      }
      let rows = try await client.transaction(batch: ["select current_setting('statement_timeout')"])
      #expect(try rows[0][0][0, as: String.self] == "10s")
    }
  }

  @Test("After commit(with:) the transaction takes no more")
  func overIsOver() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      do {
        try await client.transaction { tx in
          try await tx.commit(with: ["select 1"])
          _ = try await tx.query("select 2")
        }
        Issue.record("a statement after COMMIT was accepted")
      } catch let error as PostgresError {
        #expect(error.code == .misuse)
      }
    }
  }

  @Test("Deadlocks are repeated, other errors are not")
  func deadlocks() async throws {
    let database = try TestDatabase.current
    try await database.run(Self.table + "; insert into t values (1, 0), (2, 0)")
    try await withPostgres(database.settings) { client in
      let (first, second) = (Gate(), Gate())
      let tries = Mutex(0)
      _ = try await onLoop(client.loop, count: 2) { task in
        try await client.transaction { tx in
          tries.withLock { $0 += 1 }
          let (own, other) = task == 0 ? (1, 2) : (2, 1)
          _ = try await tx.query("update t set n = n + 1 where id = \(own)")
          (task == 0 ? first : second).open()
          await (task == 0 ? second : first).wait()
          _ = try await tx.query("update t set n = n + 1 where id = \(other)")
        }
      }
      #expect(tries.withLock { $0 } == 3)
      #expect(try await client.query("select n from t").column(as: Int32.self) == [2, 2])
      let once = Mutex(0)
      await #expect(throws: PostgresError.self) {
        try await client.transaction { tx in
          once.withLock { $0 += 1 }
          _ = try await tx.query("select 1 / 0")
        }
      }
      #expect(once.withLock { $0 } == 1)
    }
  }

  @Test("Retries end")
  func boundedRetries() async throws {
    var settings = try TestDatabase.current.settings
    settings.transactionTriesMax = 3
    try await withPostgres(settings) { client in
      let tries = Mutex(0)
      await #expect(throws: PostgresError.self) {
        try await client.transaction { tx in
          tries.withLock { $0 += 1 }
          _ = try await tx.query(
            "do $$ begin raise exception 'again' using errcode = '40001'; end $$"
          )
        }
      }
      #expect(tries.withLock { $0 } == 3)
    }
  }

  @Test("A pool with all connections leased queues, then refuses; cancelled waits leave the queue")
  func exhaustion() async throws {
    var settings = try TestDatabase.current.settings
    settings.pooledConnectionsMax = 1
    settings.poolWaitersMax = 1
    settings.connectionWaitMax = .seconds(30)
    try await withPostgres(settings) { client in
      let gate = Gate()
      async let holder: Void = client.transaction { tx in
        _ = try await tx.query("select 1")
        await gate.wait()
      }
      try await eventually { await client.statistics().pooledLeased == 1 }
      try await withThrowingTaskGroup(of: PostgresError.Code?.self) { group in
        group.addTask { try await Self.code { try await client.transaction(batch: ["select 1"]) } }
        try await eventually { await client.statistics().poolWaiting == 1 }
        let refused = try await Self.code { try await client.transaction(batch: ["select 1"]) }
        #expect(refused == .queueFull)
        group.cancelAll()
        #expect(try await group.next() == .cancelled)
        #expect(await client.statistics().poolWaiting == 0)
      }
      gate.open()
      try await holder
      _ = try await client.transaction(batch: ["select 1"])
    }
  }

  private static func code(_ body: () async throws -> Void) async throws -> PostgresError.Code? {
    do {
      try await body()
      return nil
    } catch let error as PostgresError {
      return error.code
    }
  }

  @Test("Waiting for a connection ends with the deadline")
  func waitDeadline() async throws {
    var settings = try TestDatabase.current.settings
    settings.pooledConnectionsMax = 1
    try await withPostgres(settings) { client in
      let gate = Gate()
      async let holder: Void = client.transaction { _ in await gate.wait() }
      try await eventually { await client.statistics().pooledLeased == 1 }
      let code = try await Deadline.$current.withValue(.after(.milliseconds(500))) {
        try await Self.code { try await client.transaction(batch: ["select 1"]) }
      }
      #expect(code == .unavailable)
      gate.open()
      try await holder
    }
  }

  @Test("The server ends a statement at the deadline")
  func statementTimeout() async throws {
    try await withPostgres(try TestDatabase.current.settings) { client in
      _ = try await client.transaction(batch: ["select 1"])
      do {
        try await Deadline.$current.withValue(.after(.seconds(1))) {
          try await client.transaction { _ = try await $0.query("select pg_sleep(5)") }
        }
        Issue.record("no time-out")
      } catch let error as PostgresError {
        #expect(error.sqlState == .queryCanceled)
      }
      let row = try await client.transaction {
        try await $0.query("select current_setting('statement_timeout')").single()
      }
      #expect(try row[0, as: String.self] == "10s")
    }
  }

  @Test("A backend that ends inside a transaction leaves no effect; inside COMMIT it is unknown")
  func lostConnections() async throws {
    let database = try TestDatabase.current
    try await database.run(
      Self.table + """
        ; create function die() returns trigger language plpgsql as $$ begin
          perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end $$;
        create constraint trigger late after insert on t deferrable initially deferred
          for each row when (new.n < 0) execute function die();
        """
    )
    try await withPostgres(database.settings) { client in
      let inBody = try await Self.code {
        try await client.transaction { tx in
          _ = try await tx.query("insert into t values (1, 1)")
          _ = try await tx.query("select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")
        }
      }
      #expect(inBody == .connectionLost)
      let inCommit = try await Self.code {
        try await client.transaction { _ = try await $0.query("insert into t values (2, -1)") }
      }
      #expect(inCommit == .commitUnknown)
      let inBatch = try await Self.code {
        try await client.transaction(batch: ["insert into t values (3, -1)"])
      }
      #expect(inBatch == .commitUnknown)
      _ = try await client.transaction(batch: ["insert into t values (4, 1)"])
      #expect(try await client.query("select id from t").column(as: Int32.self) == [4])
      #expect(await client.statistics().commitsUnknown == 2)
    }
  }
}
