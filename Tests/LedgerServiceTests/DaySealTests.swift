import FoundationEssentials
import LedgerCore
import Money
import Postgres
import Reactor
import Seal
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Days are sealed once everything is told, in files that stay, by one replica at a time.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct DaySealTests {
  static let first = CivilDate(daysSince1970: 20_468)

  /// Days of two transactions each, from 2026-01-15 on; the last one lies behind them and is open.
  static func days(_ count: Int, _ books: Books) async throws {
    for day in 0...count {
      let id = UInt128(2 * day + 1)
      let outcomes = try await books.writer.post([
        Books.posting(id, minor: 100, fact: true),
        Books.posting(id + 1, "bank:a", minor: 7, merchant: Books.liveMerchant, fact: true),
      ])
      #expect(outcomes == [.created, .created])
      books.clock.advance(by: .seconds(86_400))
    }
  }

  static func with(
    days count: Int,
    _ body: @escaping @Sendable (Books, LedgerCalls, String) async throws -> Void
  ) async throws {
    try await Books.with { books in
      let folder = try makeTemporaryDirectory()
      defer { removeFolder(folder) }
      try await days(count, books)
      try await body(books, try LedgerCalls(books, sealFolder: folder), folder)
    }
  }

  private static func removeFolder(_ folder: String) {
    do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) }
  }

  static func file(_ day: CivilDate, _ folder: String) -> String? {
    FileManager.default.contents(atPath: "\(folder)/\(day).seal").map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  static func replace(_ day: CivilDate, _ folder: String, with text: String?) throws {
    let path = "\(folder)/\(day).seal"
    if FileManager.default.fileExists(atPath: path) {
      try FileManager.default.removeItem(atPath: path)
    }
    if let text {
      #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }
  }

  private static func alerts(_ books: Books) async throws -> [String] {
    try await books.database.query(
      "select kind || ':' || subject || ':' || state from alert order by 1"
    ).column(as: String.self)
  }

  // MARK: Whom a day waits for

  @Test func aDayIsSealedOnceEverythingIsTold() async throws {
    try await Self.with(days: 2) { books, calls, folder in
      let end = DaySealRule.end(of: Self.first)
      let sealer = calls.seals.sealer
      func isBehind(_ producers: [LedgerProducer]) async throws -> Bool {
        guard case .behind(Self.first, producers) = try await sealer.sealNext() else { return false }
        return true
      }
      #expect(try await isBehind([.gatewayRouter, .intents]))
      // The day ended long ago: people hear of both.
      #expect(
        try await Self.alerts(books) == [
          "day_seal_waits:gateway-router:open", "day_seal_waits:intents:open",
        ]
      )
      try await calls.tell("intents", through: end)
      #expect(try await isBehind([.gatewayRouter]))
      try await calls.tell("gateway-router", through: end - .microseconds(1))
      #expect(try await isBehind([.gatewayRouter]))
      try await calls.tell("gateway-router", through: end)
      // What the router told may still be on its way through intents.
      #expect(try await isBehind([.intents]))
      #expect(try await calls.listSeals().waitsFor == "intents")
      #expect(await calls.reason { try await calls.seal() } == "PRODUCER_BEHIND")
      #expect(try await books.count("day_seal") == 0 && Self.file(Self.first, folder) == nil)

      try await calls.tell("intents", through: Timestamp(seconds: 4_000_000_000))
      let sealed = try #require(try await calls.seal())
      #expect(sealed.day == "2026-01-15" && sealed.number == 1 && sealed.batchCount == 1)
      #expect(sealed.transactionCount == 2 && sealed.actor == "operator:ann")
      let head = try await books.database.query("select hash from batch where number = 1")
        .single()[0, as: [UInt8].self]
      #expect(
        sealed.document == """
          tender day seal 1
          day 2026-01-15
          number 1
          previous \(Hex.encode(DaySeal.origin))
          shard 0 first_batch 1 last_batch 1 transactions 2 head \(Hex.encode(head))
          sum test EUR debits 100 credits 100 entries 2
          sum live EUR debits 7 credits 7 entries 2

          """
      )
      #expect(Self.file(Self.first, folder) == sealed.document)
      #expect(Hex.encode(SHA256.hash(sealed.document)) == sealed.root)
      #expect(try await Self.alerts(books).allSatisfy { $0.hasSuffix(":resolved") })
      // Each merchant hears the root once, and nothing of others' sums.
      let events = try await books.database.query(
        "select count(*), count(distinct merchant_id) from outbox where destination = 'webhooks'"
      ).single()
      #expect(try events[0, as: Int64.self] == 2 && events[1, as: Int64.self] == 2)
      try await books.expectSound()
    }
  }

  @Test func aWatermarkNeverLiesAheadNorGoesBack() async throws {
    try await Self.with(days: 1) { books, calls, _ in
      try await calls.tellAll()
      try await calls.tell("intents", through: Timestamp(seconds: 0))
      let rows = try await books.database.query(
        """
        select producer, max(through) <= now() and max(through) > now() - interval '1 minute'
        from watermark group by 1 order by 1
        """
      )
      #expect(try rows.column(as: String.self) == ["gateway-router", "intents"])
      for row in rows { #expect(try row[1, as: Bool.self]) }
    }
  }

  /// A service that does not come back is gone on without by a person, a day later, and the seal says
  /// so.
  @Test func aSilentProducerIsGoneOnWithout() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      try await calls.tell("intents", through: Timestamp(seconds: 4_000_000_000))
      #expect(
        await calls.reason { try await calls.seal(without: ["intents"]) } == "PRODUCER_BEHIND"
      )
      let sealed = try await calls.seal("2026-01-15", without: ["gateway-router"])
      #expect(sealed?.document.hasSuffix("\nwithout gateway-router\n") == true)
      // Who has told everything is not named.
      try await calls.tellAll()
      let next = try await calls.seal(without: ["gateway-router", "intents"])
      #expect(next?.day == "2026-01-16" && next?.document.contains("without") == false)
      #expect(try await books.findings() == [])
    }
  }

  @Test func refusals() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      #expect(await calls.reason { try await calls.seal("2026-01-15") } == "DAY_UNKNOWN")
      #expect(try await calls.listSeals().nextDay == "")
      let now = try await books.database.query("select clock_timestamp()").single()[
        0,
        as: Timestamp.self
      ]
      books.clock.set(now - .seconds(86_400))
      let yesterday = books.clock.now.date
      _ = try await books.writer.post([Books.posting(1, fact: true)])
      // In the ten minutes after midnight yesterday waits too.
      let isOver = DaySealRule.isOver(yesterday, at: now)
      #expect(
        await calls.reason { try await calls.seal(without: ["intents"]) }
          == (isOver ? "PRODUCER_NOT_OVERDUE" : "DAY_NOT_OVER")
      )
      try await calls.tellAll()
      let cases: [(String, [String], String)] = [
        ("2026-1-15", [], "DAY_INVALID"), ("yesterday", [], "DAY_INVALID"),
        ("2026-02-30", [], "DAY_INVALID"), ("", [], "DAY_INVALID"),
        ("\(yesterday)", ["billing"], "PRODUCER_UNKNOWN"),
        ("2026-01-14", [], "DAY_UNKNOWN"), ("\(now.date)", [], "DAY_NOT_NEXT"),
      ]
      for (day, without, reason) in cases {
        #expect(await calls.reason { try await calls.seal(day, without: without) } == reason)
      }
      #expect(await calls.reason { try await calls.listSeals("seal/x") } == "PAGE_TOKEN_INVALID")
      if isOver {
        #expect(try await calls.seal("\(yesterday)")?.number == 1)
        #expect(await calls.reason { try await calls.seal("\(now.date)") } == "DAY_NOT_OVER")
        #expect(await calls.reason { try await calls.seal() } == "DAY_NOT_OVER")
      }
    }
  }

  // MARK: Replicas and crashes

  @Test func replicasTakeTurns() async throws {
    try await Self.with(days: 6) { books, calls, folder in
      try await calls.tellAll()
      let sealers = (0..<4).map { _ in
        LedgerCalls.sealer(calls.environment, folder)
      }
      let sealed = try await onLoop(books.loop, count: 8) { caller in
        var sealed = 0
        for _ in 0..<6 {
          if case .sealed = try await sealers[caller % 4].sealNext() { sealed += 1 }
          // Its lease is nobody's hindrance in this test.
          try await TestDatabase.current.run(
            "update ledger.worker_lease set expires_at = now() - interval '1 second'"
          )
        }
        return sealed
      }.reduce(0, +)
      #expect(sealed > 0)
      let rows = try await books.database.query("select number from day_seal order by 1")
      #expect(try rows.column(as: Int64.self) == (1...Int64(sealed)).map { $0 })
      #expect(try await books.count("outbox") == Int64(2 * sealed))
      #expect(try await books.findings() == [])
    }
  }

  /// Dead between file and row: whoever comes next makes the same text, and goes on from there.
  @Test func aFileWithoutARowIsFoundAgain() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      try await calls.tellAll()
      let dead = LedgerCalls.sealer(calls.environment, folder)
      let lease = try #require(
        try await WorkerLease.acquire(
          DaySealer.lease,
          holder: UUIDBits(1),
          books.database
        )
      )
      let seal = try await dead.prepare(Self.first, nil, without: [], lease)
      try await books.workers.run { try dead.files.write(seal.document, of: Self.first) }
      #expect(try await books.count("day_seal") == 0)
      // Its lease holds for a while.
      let sealer = calls.seals.sealer
      guard case .busy = try await sealer.sealNext() else {
        Issue.record("sealed under another one's lease")
        return
      }
      try await TestDatabase.current.run(
        "update ledger.worker_lease set expires_at = now() - interval '1 second'"
      )
      guard case .sealed(let found) = try await sealer.sealNext() else {
        Issue.record("not sealed")
        return
      }
      #expect(found.record.document == seal.document)
      #expect(Self.file(Self.first, folder) == seal.document)
      // It was not dead, only slow: it changes nothing any more.
      await #expect(throws: (any Error).self) { try await dead.store(seal, lease) }
      #expect(try await books.count("day_seal") == 1)
      #expect(try await books.findings() == [])
    }
  }

  /// Dead between file and row of a day that a person sealed without somebody, who has come back since:
  /// the file stays, and says so; so does the seal.
  @Test func aFileWithoutSomebodyIsTakenUp() async throws {
    try await Self.with(days: 2) { books, calls, folder in
      let dead = LedgerCalls.sealer(calls.environment, folder)
      let lease = try #require(
        try await WorkerLease.acquire(DaySealer.lease, holder: UUIDBits(1), books.database)
      )
      let seal = try await dead.prepare(Self.first, nil, without: [.gatewayRouter], lease)
      try await books.workers.run { try dead.files.write(seal.document, of: Self.first) }
      try await TestDatabase.current.run(
        "update ledger.worker_lease set expires_at = now() - interval '1 second'"
      )
      try await calls.tellAll()
      let sealed = try #require(try await calls.seal())
      #expect(sealed.document == seal.document && sealed.root == seal.rootText)
      #expect(Self.file(Self.first, folder) == seal.document)
      // Whatever else a file says is not taken from it.
      let second = Self.first.next
      var other = try await DayBooks(database: books.database).seal(
        of: second,
        number: 2,
        previousRoot: seal.root,
        from: seal.nextPlaces,
        without: [.intents]
      ) {}
      other.sums.removeLast()
      try Self.replace(second, folder, with: other.document)
      #expect(await calls.reason { try await calls.seal() } == "SEAL_FILE_DIFFERS")
      #expect(try await books.count("day_seal") == 1)
      #expect(try await books.findings() == [])
    }
  }

  /// The next day is another one than was asked for: somebody else was faster.
  @Test func onlyTheDayThatWasAskedForIsSealed() async throws {
    try await Self.with(days: 2) { books, calls, _ in
      try await calls.tellAll()
      guard case .busy = try await calls.seals.sealer.sealNext(only: Self.first.next) else {
        Issue.record("sealed another day than was asked for")
        return
      }
      #expect(try await books.count("day_seal") == 0)
    }
  }

  /// The lease was taken over, and nothing sealed yet: the old fence seals nothing.
  @Test func whoLostTheLeaseSealsNothing() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      let slow = LedgerCalls.sealer(calls.environment, folder)
      let lease = try #require(
        try await WorkerLease.acquire(DaySealer.lease, holder: UUIDBits(1), books.database)
      )
      let seal = try await slow.prepare(Self.first, nil, without: [], lease)
      try await TestDatabase.current.run(
        "update ledger.worker_lease set expires_at = now() - interval '1 second'"
      )
      _ = try await WorkerLease.acquire(DaySealer.lease, holder: UUIDBits(2), books.database)
      await #expect(throws: (any Error).self) { try await slow.store(seal, lease) }
      #expect(try await books.count("day_seal") == 0)
      #expect(try await books.count("outbox") == 0)
    }
  }

  /// A row whose file was taken away: the file comes back from the row, when somebody asks for it.
  @Test func aRowWithoutAFileGetsItBack() async throws {
    try await Self.with(days: 2) { books, calls, folder in
      try await calls.tellAll()
      let sealed = try #require(try await calls.seal())
      try Self.replace(Self.first, folder, with: nil)
      // The keeper goes on with the next day, and leaves this one to people.
      #expect(try await calls.seal()?.number == 2)
      #expect(Self.file(Self.first, folder) == nil)
      #expect(try await calls.seal("2026-01-15") == sealed)
      #expect(Self.file(Self.first, folder) == sealed.document)
      try Self.replace(Self.first, folder, with: "x")
      #expect(await calls.reason { try await calls.seal("2026-01-15") } == "SEAL_FILE_DIFFERS")
      #expect(Self.file(Self.first, folder) == "x")
    }
  }

  @Test func aFileThatSaysSomethingElseStaysAndStopsTheSeal() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      try await calls.tellAll()
      try Self.replace(Self.first, folder, with: "tender day seal 1\n")
      #expect(await calls.reason { try await calls.seal() } == "SEAL_FILE_DIFFERS")
      #expect(Self.file(Self.first, folder) == "tender day seal 1\n")
      #expect(try await books.count("day_seal") == 0)
      #expect(try await Self.alerts(books) == ["day_seal_file:2026-01-15:open"])
      try Self.replace(Self.first, folder, with: nil)
      #expect(try await calls.seal()?.number == 1)
      #expect(try await Self.alerts(books) == ["day_seal_file:2026-01-15:resolved"])
      let nowhere = DaySealer(calls.environment, files: SealFiles(folder: "\(folder)/none"))
      try await TestDatabase.current.run(
        "update ledger.worker_lease set expires_at = now() - interval '1 second'"
      )
      guard case .file(_, .failed) = try await nowhere.sealNext() else {
        Issue.record("sealed without its file")
        return
      }
      #expect(try await books.count("day_seal") == 1)
    }
  }

  /// Who posts holds the shard's lock: what it records in a day that is over is sealed with it.
  @Test func whatIsBeingRecordedIsWaitedFor() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      try await calls.tellAll()
      let test = try TestDatabase.current
      let writer = try await ScriptConnection.open(test.settings, loop: books.loop)
      try await writer.execute("begin; select pg_advisory_xact_lock(1279607879, 0)")
      let sealer = calls.seals.sealer
      async let outcome = sealer.sealNext()
      try await eventually {
        try await books.database.query(
          """
          select exists (select from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database()))
          """
        ).single()[0, as: Bool.self]
      }
      #expect(try await books.count("day_seal") == 0)
      // It has read nothing yet: its text has what was recorded until now.
      #expect(Self.file(Self.first, folder) == nil)
      try await writer.execute("commit")
      guard case .sealed = try await outcome else {
        Issue.record("not sealed")
        return
      }
      await writer.close()
    }
  }

  /// Something was recorded in the day after it was read: the text is not sealed.
  @Test func whatWasReadIsWhatIsSealed() async throws {
    try await Self.with(days: 2) { books, calls, folder in
      try await calls.tellAll()
      let sealer = calls.seals.sealer
      let lease = try #require(
        try await WorkerLease.acquire(DaySealer.lease, holder: UUIDBits(1), books.database)
      )
      var seal = try await sealer.prepare(Self.first, nil, without: [], lease)
      seal.shards[0].lastBatch = 0
      await #expect(throws: (any Error).self) { try await sealer.store(seal, lease) }
      #expect(try await books.count("day_seal") == 0)
      #expect(try await books.count("outbox") == 0)
    }
  }

  /// Of days of long ago merchants hear by the roots of later ones.
  @Test func oldDaysAreNoNews() async throws {
    try await Self.with(days: 1) { books, calls, folder in
      try await calls.tellAll()
      let sealer = DaySealer(calls.environment, files: SealFiles(folder: folder))
      guard case .sealed = try await sealer.sealNext() else {
        Issue.record("not sealed")
        return
      }
      #expect(try await books.count("outbox") == 0)
    }
  }

  /// Whatever else keeps a day open: people hear, and the seal ends it.
  @Test func aFailureIsAnAlert() async throws {
    try await Self.with(days: 1) { books, calls, _ in
      try await calls.tellAll()
      let keeper = SealKeeper(calls.environment, sealer: calls.seals.sealer)
      try await TestDatabase.current.run(
        "alter table ledger.day_seal add constraint broken check (number < 0)"
      )
      await #expect(throws: (any Error).self) { try await keeper.work() }
      #expect(try await Self.alerts(books) == ["day_seal_failed:2026-01-15:open"])
      try await TestDatabase.current.run("alter table ledger.day_seal drop constraint broken")
      #expect(try await calls.seal()?.number == 1)
      #expect(try await Self.alerts(books) == ["day_seal_failed:2026-01-15:resolved"])
    }
  }
}
