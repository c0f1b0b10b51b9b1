import Logging
import Money
import Outbox
import Postgres
import Reactor
import Synchronization
import TestSupport
import Testing

@Suite("Outbox", .freshDatabase, .timeLimit(.minutes(1)))
struct OutboxTests {
  private static let merchant = MerchantID(bits: 2)

  /// Runs the body with the tables made and a client.
  private func withOutbox(_ body: (PostgresClient) async throws -> Void) async throws {
    let database = try TestDatabase.current
    try await database.run(
      OutboxSchema.outbox(serviceRole: "postgres") + OutboxSchema.alert(serviceRole: "postgres")
    )
    try await withPostgres(database.settings, body)
  }

  private func message(_ number: UInt8, key: UInt128 = 1) -> OutboxMessage {
    OutboxMessage(
      destination: "there",
      distributionKey: key,
      id: UInt128(number),
      merchant: Self.merchant,
      payload: [number],
      actor: "test"
    )
  }

  private func relay(
    _ client: PostgresClient,
    lease: Duration = .seconds(30),
    _ send: @escaping OutboxRelay.Send
  ) -> OutboxRelay {
    var limits = OutboxRelay.Limits()
    limits.lease = lease
    limits.backoff = Backoff(base: .milliseconds(1), cap: .milliseconds(1))
    limits.attemptsBeforeAlert = 3
    return OutboxRelay(
      destination: "there",
      client: client,
      logger: Logger(label: "test"),
      limits: limits,
      send: send
    )
  }

  @Test("Rows are sent in the order of their key, and deleted once delivered")
  func sendsInOrder() async throws {
    try await withOutbox { client in
      let seen = Mutex<[UInt8]>([])
      _ = try await client.transaction(
        batch: [OutboxWriter.insert((1...40).map { message($0, key: UInt128($0 % 3)) })])
      let relay = relay(client) { rows in
        seen.withLock { $0 += rows.map { $0.payload[0] } }
        return rows.map { _ in .delivered }
      }
      while try await relay.runOnce().claimed > 0 {}
      let order = seen.withLock { $0 }
      #expect(order.sorted() == Array(1...40))
      for key in 0..<UInt8(3) {
        let ofKey = order.filter { $0 % 3 == key }
        #expect(ofKey == ofKey.sorted())
      }
      #expect(try await relay.backlog().count == 0)
    }
  }

  /// After a batch that failed each row has a pause of its own: a later row that is due, or new,
  /// must not go ahead of an earlier one that is not.
  @Test("A row whose pause is not over holds back the rows behind it, not those before it")
  func pausedRow() async throws {
    try await withOutbox { client in
      let seen = Mutex<[UInt8]>([])
      let relay = relay(client) { rows in
        seen.withLock { $0 += rows.map { $0.payload[0] } }
        return rows.map { _ in .delivered }
      }
      _ = try await client.transaction(batch: [OutboxWriter.insert((1...4).map { message($0) })])
      _ = try await client.query(
        "update outbox set not_before = now() + interval '1 hour' where payload = '\\x02'")
      #expect(try await relay.runOnce().delivered == 1)
      #expect(try await relay.runOnce().claimed == 0)
      #expect(seen.withLock { $0 } == [1])
      _ = try await client.query("update outbox set not_before = now()")
      #expect(try await relay.runOnce().delivered == 3)
      #expect(seen.withLock { $0 } == [1, 2, 3, 4])
    }
  }

  /// Interleaving 19: a high-water mark would lose the row that commits late.
  @Test("A row that commits after a later one is still sent")
  func lateRow() async throws {
    try await withOutbox { client in
      let seen = Mutex<[UInt8]>([])
      let relay = relay(client) { rows in
        seen.withLock { $0 += rows.map { $0.payload[0] } }
        return rows.map { _ in .delivered }
      }
      let late = try await ScriptConnection.open(client.settings, loop: client.loop)
      try await late.execute(
        """
        begin;
        insert into outbox (destination, distribution_key, id, merchant_id, payload, actor)
        values ('there', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '\\x0a', 'test')
        """
      )
      _ = try await client.query(OutboxWriter.insert(message(11)))
      #expect(try await relay.runOnce().delivered == 1)
      try await late.execute("commit")
      #expect(try await relay.runOnce().delivered == 1)
      #expect(seen.withLock { $0 } == [11, 10])
      await late.close()
    }
  }

  /// Interleaving 21: the receiver must deduplicate, the sender must not lose or delete too much.
  @Test("After a lease ran out both relays send, and the old one's outcome changes nothing")
  func expiredLease() async throws {
    try await withOutbox { client in
      _ = try await client.query(OutboxWriter.insert(message(1)))
      let sent = Mutex(0)
      let second = relay(client) { rows in
        sent.withLock { $0 += rows.count }
        return rows.map { _ in .retry("away") }
      }
      let first = relay(client, lease: .zero) { rows in
        sent.withLock { $0 += rows.count }
        // The other replica works on the same row before this one answers.
        do {
          #expect(try await second.runOnce().claimed == 1)
        } catch {
          Issue.record(error)
        }
        return rows.map { _ in .delivered }
      }
      #expect(try await first.runOnce().claimed == 1)
      #expect(sent.withLock { $0 } == 2)
      #expect(try await first.backlog().count == 1)
    }
  }

  @Test("A lease is renewed for as long as its rows are being sent")
  func renewedLease() async throws {
    try await withOutbox { client in
      _ = try await client.query(OutboxWriter.insert(message(1)))
      let second = relay(client) { rows in rows.map { _ in .delivered } }
      let first = relay(client, lease: .milliseconds(300)) { rows in
        do {
          // Three leases long.
          _ = try await client.query("select pg_sleep(0.9)")
          #expect(try await second.runOnce().claimed == 0)
        } catch {
          Issue.record(error)
        }
        return rows.map { _ in .retry("away") }
      }
      #expect(try await first.runOnce().claimed == 1)
      // What was put back is free at once.
      var claimed = 0
      while claimed == 0 { claimed = try await second.runOnce().claimed }
      #expect(claimed == 1)
    }
  }

  @Test("A row under a lease, and the rows behind it, are left alone")
  func leaseHolds() async throws {
    try await withOutbox { client in
      _ = try await client.query(OutboxWriter.insert(message(1)))
      let second = relay(client) { rows in rows.map { _ in .delivered } }
      let first = relay(client) { rows in
        do {
          _ = try await client.query(OutboxWriter.insert(message(2)))
          _ = try await client.query(OutboxWriter.insert(message(3, key: 9)))
          #expect(try await second.runOnce().claimed == 1)
        } catch {
          Issue.record(error)
        }
        return rows.map { _ in .delivered }
      }
      #expect(try await first.runOnce().delivered == 1)
      #expect(try await first.backlog().count == 1)
    }
  }

  @Test("A row that keeps failing raises one alert, is never dropped, and resolves it in the end")
  func alerts() async throws {
    try await withOutbox { client in
      let isAway = Mutex(true)
      _ = try await client.query(OutboxWriter.insert(message(1)))
      let relay = relay(client) { rows in
        rows.map { _ in isAway.withLock { $0 } ? .retry("away") : .delivered }
      }
      var tries = 0
      while tries < 5 { tries += try await relay.runOnce().claimed }
      #expect(try await relay.backlog().count == 1)
      #expect(try await client.query(Alerts.open()).count == 1)
      isAway.withLock { $0 = false }
      while try await relay.runOnce().delivered == 0 {}
      #expect(try await client.query(Alerts.open()).isEmpty)
    }
  }

  /// A ledger that was away for an hour must not leave what was captured unbooked for a minute more.
  @Test("What waited for a receiver that was away is free soon after; what was refused waits longer")
  func pausesByReason() async throws {
    try await withOutbox { client in
      _ = try await client.query(OutboxWriter.insert(message(1, key: 1)))
      _ = try await client.query(OutboxWriter.insert(message(2, key: 2)))
      var limits = OutboxRelay.Limits()
      limits.backoff = Backoff(base: .seconds(40), cap: .seconds(60))
      let relay = OutboxRelay(
        destination: "there", client: client, logger: Logger(label: "test"), limits: limits
      ) { rows in
        rows.map { $0.payload == [1] ? .receiverAway("away") : .retry("refused") }
      }
      #expect(try await relay.runOnce().claimed == 2)
      let pauses = try await client.query(
        "select not_before - now() <= interval '5 s' from outbox order by distribution_key")
      #expect(try pauses.map { try $0[0, as: Bool.self] } == [true, false])
    }
  }

  @Test("Four replicas send each row once, woken or polling")
  func replicas() async throws {
    try await withOutbox { client in
      let seen = Mutex<[UInt8: Int]>([:])
      let relays = (0..<4).map { _ in
        relay(client) { rows in
          seen.withLock { for row in rows { $0[row.payload[0], default: 0] += 1 } }
          return rows.map { _ in .delivered }
        }
      }
      let tasks = relays.map { relay in client.loop.spawn(name: "relay") { await relay.run() } }
      for number in UInt8(1)...100 {
        _ = try await client.query(OutboxWriter.insert(message(number, key: UInt128(number % 7))))
        relays[Int(number) % 4].wake()
      }
      while try await relays[0].backlog().count > 0 {}
      for relay in relays { relay.stop() }
      for task in tasks { await task.value }
      let counts = seen.withLock { $0 }
      #expect(counts.count == 100)
      #expect(counts.values.allSatisfy { $0 == 1 })
    }
  }
}
