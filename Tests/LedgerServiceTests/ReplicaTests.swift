import LedgerCore
import Logging
import Money
import Postgres
import Reactor
import TestSupport
import Testing

@testable import LedgerService

/// Several replicas post to one shard: by turns, without fighting, whoever dies.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReplicaTests {
  /// A writer with connections, threads and a cache of its own, as another process has.
  private struct Replica: Sendable {
    let name: String
    let database: PostgresClient
    let writer: BatchWriter

    init(_ name: String, _ books: Books) async throws {
      self.name = name
      var settings = try TestDatabase.current.serviceSettings
      settings.applicationName = name
      database = PostgresClient(settings, loop: books.loop)
      try await database.start()
      writer = BatchWriter(
        loop: books.loop,
        workers: books.workers,
        database: database,
        clock: TestClock(clock: books.clock),
        alerts: PostingAlerts(database: database),
        logger: Logger(label: name)
      )
    }

    /// Its connections break as they do when the process is killed.
    func kill() async throws {
      try await TestDatabase.current.run(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = '\(name)' and datname = current_database()
        """
      )
    }
  }

  private static let ids: UInt64 = 3_000

  /// Posts until all of its share is booked; a call that fails is repeated at the other replica.
  private static func work(
    _ caller: Int,
    _ replicas: [Replica],
    afterEach: @Sendable () async throws -> Void
  ) async throws -> [PostingOutcome] {
    var random = SeededRandom(seed: Seed.current &+ UInt64(caller))
    var outcomes: [PostingOutcome] = []
    var place = caller % replicas.count
    for _ in 0..<25 {
      let items = try (0..<Int(random.next() % 40 + 1)).map { _ in
        let id = random.next() % ids + 1
        return try Books.posting(
          UInt128(id),
          "gateway_clearing:stripe:a\(id % 9)",
          minor: Int64(id)
        )
      }
      while true {
        do {
          outcomes += try await replicas[place].writer.post(items)
          break
        } catch is PostgresError {
          place = (place + 1) % replicas.count
        }
      }
      try await afterEach()
    }
    return outcomes
  }

  private static func expectEachOnce(
    _ outcomes: [PostingOutcome],
    _ books: Books
  ) async throws {
    #expect(outcomes.allSatisfy { $0 == .created || $0 == .exists })
    let booked = try await books.database.query("select id from transaction")
      .column(as: LedgerTransactionID.self)
    #expect(Set(booked).count == booked.count)
    let sum = booked.reduce(Int64(0)) { $0 + Int64($1.bits) }
    #expect(try await books.balance("merchant_payable") == -sum)
    let disorder = try await books.database.query(
      """
      select 1 from batch b join batch p on p.shard = b.shard and p.number = b.number - 1
      where b.first_sequence <= p.last_sequence or b.recorded_at < p.recorded_at
      """
    )
    #expect(disorder.isEmpty)
    try await books.expectSound()
  }

  @Test func threeReplicasTakeTurns() async throws {
    try await Books.with { books in
      var replicas: [Replica] = []
      for name in ["replica-1", "replica-2", "replica-3"] {
        replicas.append(try await Replica(name, books))
      }
      let all = replicas
      let outcomes = try await onLoop(books.loop, count: 24) { caller in
        // Each replica has another idea of the time, and none goes on.
        try await Self.work(caller, all) {
          books.clock.advance(by: .milliseconds(caller % 3 == 0 ? -700 : 400))
        }
      }.flatMap { $0 }
      #expect(outcomes.count { $0 == .created } == Int(try await books.count("transaction")))
      for replica in all {
        #expect(await replica.database.statistics().transactionRetries == 0)
        await replica.database.shutdown()
      }
      try await Self.expectEachOnce(outcomes, books)
    }
  }

  /// The other goes on at once; what the dead one had committed without an answer is found there.
  @Test func anotherGoesOnWhenOneIsKilled() async throws {
    try await Books.with { books in
      let replicas = [
        try await Replica("replica-1", books), try await Replica("replica-2", books),
      ]
      let kills = Gate()
      async let killed: Void = {
        await kills.wait()
        for _ in 0..<8 { try await replicas[1].kill() }
      }()
      let outcomes = try await onLoop(books.loop, count: 16) { caller in
        try await Self.work(caller, replicas) { kills.open() }
      }.flatMap { $0 }
      try await killed
      for replica in replicas { await replica.database.shutdown() }
      try await Self.expectEachOnce(outcomes, books)
    }
  }

  /// A process that hangs with the shard's lock holds others up, but nothing of theirs is lost, and
  /// they go on when the server ends its session.
  @Test func whoHangsWithTheLockIsWaitedFor() async throws {
    try await Books.with { books in
      let test = try TestDatabase.current
      let replica = try await Replica("replica-1", books)
      let holder = try await ScriptConnection.open(test.settings, loop: books.loop)
      try await holder.execute("begin; select pg_advisory_xact_lock(1279607879, 0)")
      async let posting = replica.writer.post([Books.posting(1)])
      try await eventually {
        let waiting = try await books.database.query(
          """
          select 1 from pg_stat_activity
          where application_name = 'replica-1' and wait_event = 'advisory'
          """
        )
        return !waiting.isEmpty
      }
      #expect(try await books.count("transaction") == 0)
      // As the server does with a session that is idle in a transaction.
      await holder.close()
      #expect(try await posting == [.created])
      await replica.database.shutdown()
      try await books.expectSound()
    }
  }
}
