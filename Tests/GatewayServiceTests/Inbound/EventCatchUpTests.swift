import GatewayAdapters
import GatewayCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What gateways told while nobody listened: read from their list, by one replica, once.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct EventCatchUpTests {
  static let account = GatewayAccount(gateway: .stripe, account: "main")

  private func catchUp(_ replica: Replica) async throws -> EventCatchUp {
    try await onLoop(replica.loop) {
      EventCatchUp(replica.flow.environment, ports: replica.flow.ports, wake: {})
    }
  }

  private func round(_ catchUp: EventCatchUp, on replica: Replica) async throws -> Bool {
    try await onLoop(replica.loop) { try await catchUp.work() }
  }

  private func listed(_ harness: GatewayHarness) async throws -> Int64 {
    try await harness.value("select count(*) from notification where is_listed")
  }

  /// What the router has chosen among the gateway's events, as its own list counts them.
  private func told(_ harness: GatewayHarness) async throws -> Int64 {
    let page = try await harness.events(EventWalk(listedUntil: 0))
    guard case .items(let events, false) = page else { throw TestSetupError("\(page)") }
    return Int64(events.count)
  }

  private func due(_ harness: GatewayHarness) async throws {
    try await harness.test.run("update gateway.event_cursor set next_walk_at = now()")
  }

  @Test func whatHappenedWhileNobodyListenedIsAppliedOnce() async throws {
    try await GatewayHarness.with { harness in
      let first = try await catchUp(harness.first)
      #expect(try await round(first, on: harness.first) == false)
      // The answer of a payment is lost and so is whatever would have told of it.
      try await harness.gateways.inject("stripe", "error_500_after", on: ["authorize"], count: 9)
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 9)
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      #expect(try await listed(harness) == 0)

      // A new process starts: it reads the list at once, the other one has no need to.
      let second = try await catchUp(harness.second)
      #expect(try await round(second, on: harness.second) == false)
      #expect(try await listed(harness) == (try await told(harness)))
      try await harness.second.notice()
      try await eventually {
        try await harness.second.notice()
        return try await harness.second.load(order).operation.winner?.captures.first?.state
          == .captured
      }
      let payments = try await harness.gateways.payments()
      #expect(payments.count == 1 && payments.first?.captured == 4_999)
      let facts: Int64 = try await harness.value("select count(*) from fact where kind = 2")
      #expect(facts == 1)

      // Read again, and told after all: nothing twice.
      let before = try await harness.value("select count(*) from fact", as: Int64.self)
      let count = try await listed(harness)
      for _ in 0..<2 {
        try await due(harness)
        _ = try await round(first, on: harness.first)
      }
      let later = try await listed(harness)
      #expect(later > count, "the capture's own event has come since")
      let row = try await harness.first.database.query(
        "select id, body from notification where is_listed order by id limit 1"
      ).single()
      let (id, body) = try row.decode((String, [UInt8]).self)
      _ = try await harness.first.database.query(
        NotificationStatements.insert([.init(gateway: .stripe, id: id, body: body)])
      )
      try await harness.first.notice()
      #expect(try await listed(harness) == later)
      #expect(try await harness.value("select count(*) from fact", as: Int64.self) == before)
      #expect(
        try await harness.value(
          "select count(*) from notification where processed_at is null",
          as: Int64.self
        ) == 0
      )
      #expect(try await harness.gateways.payments().map(\.captured) == [4_999])
    }
  }

  @Test func oneReplicaWalksAndALostLeaseStoresNothing() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.createAtStripe(reference: "other1", confirmed: true)
      let second = try await catchUp(harness.second)
      _ = try await harness.first.database.query(EventStatements.ensure(Self.account))
      let take = EventStatements.take(
        Self.account,
        startedAt: harness.first.flow.environment.clock.now,
        silentSeconds: 300,
        leaseSeconds: 30
      )
      let fence = try await harness.first.database.query(take).single()[0, as: Int64.self]
      #expect(try await round(second, on: harness.second) == false)
      #expect(try await listed(harness) == 0, "somebody else is at it")
      // The holder dies; the lease is over.
      try await harness.test.run("update gateway.event_cursor set lease_until = now()")
      _ = try await round(second, on: harness.second)
      let count = try await listed(harness)
      #expect(count == (try await told(harness)) && count > 0)
      // It lives after all, and its page comes late.
      let late = EventStatements.store(
        [.init(gateway: .stripe, id: "evt_late", body: [])],
        EventWalk(listedUntil: 0),
        Self.account,
        fence: fence,
        leaseSeconds: 30,
        nextSeconds: 300
      )
      let (kept, stored) = try await harness.first.database.query(late).single()
        .decode((Int64, Int64).self)
      #expect(kept == 0 && stored == 0)
      #expect(try await listed(harness) == count)
      let rewound: Bool = try await harness.value(
        "select listed_until < now() - interval '1 day' from event_cursor"
      )
      #expect(!rewound)
    }
  }

  /// More events than a page holds, and a walk that stops after the first.
  @Test func aWalkGoesOnWhereItStopped() async throws {
    try await GatewayHarness.with { harness in
      let catchUp = try await catchUp(harness.first)
      let now = harness.first.flow.environment.clock.now
      _ = try await harness.first.database.query(EventStatements.ensure(Self.account))
      let total = StripeList.pageSize * 2 + 5
      for number in 0..<total {
        try await harness.gateways.createAtStripe(reference: "other\(number)", confirmed: true)
      }
      let begun = EventWalk(listedUntil: now.seconds)
      let page = try await harness.events(begun)
      guard case .items(let events, true) = page else { throw TestSetupError("\(page)") }
      #expect(events.count == StripeList.pageSize)
      let take = EventStatements.take(
        Self.account,
        startedAt: now,
        silentSeconds: 300,
        leaseSeconds: 30
      )
      let fence = try await harness.first.database.query(take).single()[0, as: Int64.self]
      let rows = events.map {
        NotificationStatements.Row(gateway: .stripe, id: $0.id, body: $0.body)
      }
      _ = try await harness.first.database.query(
        EventStatements.store(
          rows,
          begun.after(newest: events.first?.createdSeconds, last: events.last?.id),
          Self.account,
          fence: fence,
          leaseSeconds: 0,
          nextSeconds: nil
        )
      )
      #expect(try await listed(harness) == Int64(StripeList.pageSize))
      // Newer ones on top do not disturb it; the next walk finds them.
      try await harness.gateways.createAtStripe(reference: "newer", confirmed: true)
      #expect(try await round(catchUp, on: harness.first) == false)
      #expect(try await listed(harness) == Int64(total))
      let isOver: Bool = try await harness.value(
        "select walk_after is null and walked_at is not null from event_cursor"
      )
      #expect(isOver)
      try await due(harness)
      try await harness.test.run(
        "update gateway.event_cursor set walked_at = now() - interval '1 hour'"
      )
      #expect(try await round(catchUp, on: harness.first) == false)
      #expect(try await listed(harness) == Int64(total) + 1)
    }
  }

  /// The event where a walk stopped has left the list: from the top again.
  @Test func aCursorThatIsGoneStartsOver() async throws {
    try await GatewayHarness.with { harness in
      let catchUp = try await catchUp(harness.first)
      _ = try await harness.first.database.query(EventStatements.ensure(Self.account))
      try await harness.gateways.createAtStripe(reference: "other", confirmed: true)
      try await harness.test.run(
        "update gateway.event_cursor set walk_after = 'evt_gone', walk_until = now()"
      )
      #expect(try await round(catchUp, on: harness.first) == false)
      #expect(try await listed(harness) == 1)
    }
  }

  /// While the gateway tells by itself, nobody asks.
  @Test func onlySilenceAsks() async throws {
    try await GatewayHarness.with { harness in
      let catchUp = try await catchUp(harness.first)
      #expect(try await round(catchUp, on: harness.first) == false)
      try await harness.gateways.createAtStripe(reference: "other", confirmed: true)
      _ = try await harness.first.database.query(
        NotificationStatements.insert([.init(gateway: .stripe, id: "evt_told", body: [])])
      )
      try await due(harness)
      _ = try await round(catchUp, on: harness.first)
      #expect(try await listed(harness) == 0)
      try await harness.test.run(
        "update gateway.notification set received_at = now() - interval '6 minutes'"
      )
      _ = try await round(catchUp, on: harness.first)
      #expect(try await listed(harness) == 1)
    }
  }

  @Test func aListThatCannotBeReadAndAGapAreToldToPeople() async throws {
    try await GatewayHarness.with { harness in
      let catchUp = try await catchUp(harness.first)
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 9)
      #expect(try await round(catchUp, on: harness.first) == false)
      #expect(try await harness.alerts().isEmpty)
      let error: String = try await harness.value("select last_error from event_cursor")
      #expect(error.contains("500"))
      try await harness.test.run(
        """
        update gateway.event_cursor set failing_since = now() - interval '61 minutes',
          listed_until = now() - interval '31 days', next_walk_at = now()
        """
      )
      #expect(try await round(catchUp, on: harness.first) == false)
      #expect(try await harness.alerts() == [EventCatchUp.failingKind, EventCatchUp.gapKind])
      try await harness.gateways.heal()
      try await due(harness)
      #expect(try await round(catchUp, on: harness.first) == false)
      // That it can be read again is seen; what was lost stays lost, and people have a week for it.
      #expect(try await harness.alerts() == [EventCatchUp.gapKind])
      func forget() async throws {
        try await onLoop(harness.first.loop) { try await catchUp.forgetWarnings() }
      }
      try await forget()
      #expect(try await harness.alerts() == [EventCatchUp.gapKind])
      try await harness.test.run(
        "update gateway.alert set last_seen = now() - interval '8 days'")
      try await forget()
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// Adyen has no list.
  @Test func outcomesThatAdyenOwesAreToldToPeople() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      let catchUp = try await catchUp(harness.first)
      try await harness.gateways.inject("adyen", "timeout_after", on: ["authorize"], count: 9)
      #expect(try await harness.first.execute(harness.order(offSession: true)).kinds == [.unknown])
      func check() async throws {
        try await onLoop(harness.first.loop) { try await catchUp.checkUnheard(.adyen) }
      }
      try await check()
      #expect(try await harness.alerts().isEmpty)
      try await harness.test.run(
        "update gateway.attempt set created_at = now() - interval '2 hours'"
      )
      try await check()
      #expect(try await harness.alerts() == [EventCatchUp.unheardKind])
      _ = try await harness.first.database.query(
        NotificationStatements.insert([.init(gateway: .adyen, id: "told", body: [])])
      )
      try await check()
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// A start owes one walk, whatever the process's own clock says.
  @Test(arguments: [7_200, -7_200]) func aStartOwesOneWalk(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      #expect(try await round(try await catchUp(harness.first), on: harness.first) == false)
      // Nobody listens, then a process starts: well before the next walk is due.
      try await harness.gateways.createAtStripe(reference: "missed", confirmed: true)
      let second = try await catchUp(harness.second)
      #expect(try await round(second, on: harness.second) == false)
      #expect(try await listed(harness) == 1)
      // Its start is over: only silence asks again.
      try await harness.gateways.createAtStripe(reference: "later", confirmed: true)
      #expect(try await round(second, on: harness.second) == false)
      #expect(try await listed(harness) == 1)
    }
  }

  /// Weeks of notifications that were all told are not listed again at the next start.
  @Test func whatWasToldWhileSomebodyListenedIsNotListedAgain() async throws {
    try await GatewayHarness.with { harness in
      let first = try await catchUp(harness.first)
      _ = try await round(first, on: harness.first)
      try await harness.test.run(
        """
        update gateway.event_cursor set listed_until = now() - interval '20 days';
        insert into gateway.notification (gateway, id, body, processed_at)
          values ('stripe', 'evt_told', '', now());
        """)
      _ = try await round(first, on: harness.first)
      let hasAdvanced: Bool = try await harness.value(
        "select listed_until > now() - interval '1 minute' from event_cursor")
      #expect(hasAdvanced)
      // A process that has just started knows nothing of the time before it.
      try await harness.test.run(
        "update gateway.event_cursor set listed_until = now() - interval '20 days'")
      let started = EventStatements.advance(
        Self.account, startedAt: harness.second.flow.environment.clock.now)
      #expect(try await harness.second.database.query(started).affected == 0)
    }
  }

  /// The database was restored to when it was authorised: the list is read on from where that database
  /// stands, and tells that it was captured since.
  @Test func whatWasCapturedAfterARestoresPointIsTold() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order(capture: .manual)
      #expect(try await harness.first.execute(order).kinds == [.authorized])
      let before = try await catchUp(harness.first)
      while try await round(before, on: harness.first) {}
      let captured = try await onLoop(harness.first.loop) {
        try await harness.first.flow.capture(
          order.id, of: order.intent, order.merchant, CaptureID(bits: 1), order.operation.amount)
      }
      #expect(captured.kinds == [.authorized, .captured])
      try await harness.test.run(
        """
        set session_replication_role = replica;
        delete from gateway.capture; delete from gateway.outbox; delete from gateway.notification;
        delete from gateway.fact where kind = 2;
        update gateway.attempt set evidence = 'authorized';
        update gateway.operation set fact_count = 1, version = version + 1;
        """)
      #expect(try await harness.first.load(order).story == ["1 stripe winner authorized"])
      _ = try await harness.begin()
      let after = try await catchUp(harness.second)
      while try await round(after, on: harness.second) {}
      // The two of one operation wait for each other.
      try await eventually {
        try await harness.hurry()
        try await harness.second.notice()
        return try await harness.first.load(order).story == ["1 stripe winner captured"]
      }
      let back = try await harness.first.load(order)
      #expect(back.operation.winner?.captures.map(\.amount.minor) == [4_999])
    }
  }
}

extension GatewayHarness {
  /// A page of Stripe's events, as catching up reads it.
  func events(_ walk: EventWalk) async throws -> StripeListPage<StripeEvents.Listed> {
    let ports = first.flow.ports
    let account = EventCatchUpTests.account
    let facts = try await onLoop(first.loop) { await ports.events(account, walk) }
    guard let facts else { throw TestSetupError("no such account") }
    return StripeEvents.read(facts, after: walk.underWay?.after)
  }
}
