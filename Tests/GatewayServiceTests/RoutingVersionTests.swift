import GatewayCore
import Postgres
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Versions of the rules: proposed, back-tested, activated by somebody else, honoured by all.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RoutingVersionTests {
  private static let adyenFirst = """
    {"rules":[{"name":"cards","when":{"methods":["card"],"currencies":["EUR"]},
      "priority":["adyen","stripe"]}],
     "default":["stripe","adyen"],
     "fees":[{"gateway":"stripe","method":"card","currency":"EUR","basisPoints":150,"fixedMinor":25},
       {"gateway":"adyen","method":"card","currency":"EUR","basisPoints":100,"fixedMinor":10}]}
    """

  @Test func twoPeopleABacktestAndEveryReplica() async throws {
    try await GatewayHarness.with { harness in
      let ada = harness.first.acting(as: "ada")
      let bob = harness.second.acting(as: "bob")
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "stripe")
      let number = try await ada.propose(Self.adyenFirst)
      #expect(try await ada.refusal { try await $0.activate(number) } == "SECOND_PERSON_REQUIRED")
      #expect(try await bob.refusal { try await $0.activate(number) } == "BACKTEST_REQUIRED")
      let backtest = try await ada.backtest(number)
      #expect(backtest.payments == 1 && backtest.moved == 1 && backtest.against == 0)
      #expect(backtest.rules.map(\.rule) == ["cards", "default"])
      #expect(backtest.rules[0].shares.map(\.gatewayAccount) == ["adyen:TestMerchant"])
      // 49.99: 0.50 + 0.10 in place of 0.75 + 0.25.
      #expect(backtest.fees.map { $0.draft?.amountMinor } == [60])
      #expect(backtest.fees.map { $0.against?.amountMinor } == [100])
      try await bob.activate(number)
      #expect(
        try await bob.refusal { try await $0.activate(number) } == "ROUTING_VERSION_ACTIVE")
      try await harness.refresh()
      for replica in [harness.first, harness.second] {
        #expect(try await replica.execute(harness.order()).last?.gateway == "adyen")
        #expect(try await harness.decisions() == ["\(number) adyen cards given "])
      }
      let kinds = try await ada.list().changes.map { "\($0.kind) \($0.actor)" }
      #expect(
        kinds == ["activated operator:bob", "backtested operator:ada", "proposed operator:ada"])
    }
  }

  /// A back-test of another version, or against one that is active no more, is none.
  @Test func theBacktestIsOfThisVersionAgainstTheActiveOne() async throws {
    try await GatewayHarness.with { harness in
      let (ada, bob) = (harness.first.acting(as: "ada"), harness.first.acting(as: "bob"))
      let one = try await ada.propose(Self.adyenFirst)
      let two = try await ada.propose(#"{"rules":[],"default":["adyen"]}"#)
      try await ada.backtest(one)
      #expect(try await bob.refusal { try await $0.activate(two) } == "BACKTEST_REQUIRED")
      try await ada.backtest(two)
      try await bob.activate(two)
      #expect(try await bob.refusal { try await $0.activate(one) } == "BACKTEST_REQUIRED")
      try await ada.backtest(one)
      try await bob.activate(one)
      // A rollback: the older version again, by somebody who did not propose it.
      #expect(try await ada.refusal { try await $0.activate(two) } == "SECOND_PERSON_REQUIRED")
      try await bob.activate(two)
      try await harness.refresh()
      let order = harness.order()
      #expect(try await harness.first.execute(order).last?.gateway == "adyen")
      #expect(try await harness.decisions() == ["\(two) adyen default given "])
      let list = try await ada.list()
      #expect(list.versions.map(\.state) == [.active, .retired])
      #expect(
        list.changes.prefix(2).map { "\($0.kind) \($0.subject)" } == ["retired 1", "rolled_back 2"])
    }
  }

  @Test func aProposalIsIdempotentAndPreciselyRefused() async throws {
    try await GatewayHarness.with { harness in
      let ada = harness.first.acting(as: "ada")
      let number = try await ada.propose(Self.adyenFirst, key: "same")
      #expect(try await ada.propose(Self.adyenFirst, key: "same") == number)
      let refused = try await ada.refusal {
        try await $0.propose(#"{"rules":[{"name":"a","priority":[]}],"default":["stripe"]}"#)
      }
      #expect(refused == "ROUTING_INVALID")
      #expect(try await harness.value("select count(*) from routing_version", as: Int64.self) == 1)
    }
  }

  /// The schema itself: contents never change, proposer and approver differ, one is active.
  @Test(arguments: [
    ("update routing_version set document = '{}' where number = 1", "42501"),
    ("update routing_version set state = 2, approved_by = 'operator:ada' where number = 1", "23514"),
    ("update routing_version set state = 3, approved_by = 'x' where number = 1", "23001"),
    ("delete from routing_change", "42501"), ("update routing_backtest set number = 1", "42501"),
  ])
  func theSchemaGuardsVersions(sql: String, state: String) async throws {
    try await GatewayHarness.with { harness in
      try await harness.first.acting(as: "ada").propose(Self.adyenFirst)
      await #expect { try await harness.first.database.query(Statement(sql: sql)) } throws: {
        ($0 as? PostgresError)?.sqlState == SQLState(state)
      }
    }
  }

  private static func activateUnusable(_ harness: GatewayHarness) async throws {
    try await harness.test.run(
      """
      insert into gateway.routing_version (number, document, digest, reason, proposed_by, actor,
        trace_id) values (1, '{"rules":[],"default":["stripe:gone"]}',
        decode(repeat('00', 32), 'hex'), 'r', 'operator:ada', 'operator:ada', '');
      update gateway.routing_version set state = 2, approved_by = 'operator:bob' where number = 1;
      """)
  }

  /// Raised behind the rollback, by a process that had not read of it yet: whoever uses the active
  /// version ends it.
  @Test func anAlertAboutAVersionThatNoLongerCountsEnds() async throws {
    try await GatewayHarness.with { harness in
      try await Self.activateUnusable(harness)
      try await harness.refresh()
      #expect(try await harness.alerts() == ["routing_version_unusable"])
      try await harness.refresh()
      #expect(try await harness.alerts() == ["routing_version_unusable"], "it still counts")
      try await harness.test.run(
        "update gateway.routing_version set state = 3 where number = 1")
      try await harness.refresh()
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// A version that names what this process does not have: what counted before goes on, with an alert.
  @Test func anUnusableVersionChangesNothing() async throws {
    try await GatewayHarness.with { harness in
      try await Self.activateUnusable(harness)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "stripe")
      #expect(try await harness.alerts() == ["routing_version_unusable"])
      let (ada, bob) = (harness.first.acting(as: "ada"), harness.first.acting(as: "bob"))
      // The way out: another version, compared with what counts meanwhile.
      let number = try await ada.propose(Self.adyenFirst)
      #expect(try await ada.backtest(number).against == 1)
      try await bob.activate(number)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "adyen")
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// Over more payments than a page holds each is run once, whatever was stored of it.
  @Test func aBacktestReadsEveryPage() async throws {
    try await GatewayHarness.with { harness in
      try await harness.test.run(
        """
        with ids as (
          select n, (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0')
            || lpad(to_hex(n / 2), 20, '0'))::uuid as intent, lpad(to_hex(n), 32, '0')::uuid as id
          from generate_series(1, 1203) n
        ), written as (
          insert into gateway.operation (merchant_id, intent_id, id, currency, amount_minor,
            capture_method, payment_method_id, off_session, statement_descriptor, send_before,
            key_proof, state, close_reason, actor, trace_id)
          select '01930000-0000-0000-0000-000000000002', intent, id, 'EUR', 1000, 1, id, false, '',
            now(), '', 3, 4, 'test', '' from ids
        )
        insert into gateway.attempt (merchant_id, intent_id, operation_id, id, sequence, gateway,
          account, mode, disposition, evidence, route_reason, routing_version, routing_method,
          routing_gateways, actor, trace_id)
        select '01930000-0000-0000-0000-000000000002', intent, id, id, 1, 'stripe', 'main', 1, 3,
          'declined', '', case when n % 3 > 0 then 0 end, case when n % 3 > 0 then 'card' end,
          case when n % 3 > 0 then '{stripe,adyen}'::text[] end, 'test', '' from ids
        """)
      let ada = harness.first.acting(as: "ada")
      let run = try await ada.backtest(try await ada.propose(Self.adyenFirst))
      #expect(run.payments == 802 && run.withoutInputs == 401 && run.moved == 802)
      // 10.00: 0.20 in place of 0.40.
      #expect(run.fees.map { $0.draft?.amountMinor } == [802 * 20] && !run.isTruncated)
      #expect(run.fees.map { $0.against?.amountMinor } == [802 * 40])
    }
  }
}

/// What people force, for test payments (the harness's merchant) and for live ones.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct OverrideTests {
  @Test func oneForTestTwoForLive() async throws {
    try await GatewayHarness.with { harness in
      let (ada, bob) = (harness.first.acting(as: "ada"), harness.second.acting(as: "bob"))
      let live = try await ada.force("stripe", .forceOpen, live: true)
      #expect(live.state == .proposed)
      #expect(try await ada.refusal { try await $0.approve(live) } == "SECOND_PERSON_REQUIRED")
      try await bob.approve(live)
      #expect(try await bob.refusal { try await $0.approve(live) } == "OVERRIDE_NOT_PROPOSED")
      try await harness.refresh()
      // It is about live payments only.
      #expect(try await harness.second.execute(harness.order()).last?.gateway == "stripe")
      #expect(try await ada.force("stripe", .forceOpen).state == .active)
      #expect(
        try await ada.refusal { _ = try await $0.force("stripe", .forceClosed) }
          == "OVERRIDE_EXISTS")
      try await harness.refresh()
      #expect(try await harness.second.execute(harness.order()).last?.gateway == "adyen")
      #expect(try await harness.decisions() == ["0 adyen default given stripe:main forced_open"])
      #expect(try await harness.alerts() == ["gateway_override"])
      try await ada.release("stripe")
      try await ada.release("stripe", live: true)
      #expect(
        try await ada.refusal { try await $0.release("stripe") } == "OVERRIDE_NOT_FOUND")
      try await harness.refresh()
      #expect(try await harness.second.execute(harness.order()).last?.gateway == "stripe")
      #expect(try await harness.alerts().isEmpty)
    }
  }

  @Test func itEndsByItself() async throws {
    try await GatewayHarness.with { harness in
      _ = try await harness.first.acting(as: "ada").force("stripe", .forceOpen)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "adyen")
      try await harness.test.run(
        "update gateway.gateway_override set expires_at = now() - interval '1 second'")
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "stripe")
      #expect(try await harness.alerts().isEmpty)
      let changes = try await harness.first.acting(as: "ada").list().changes.map(\.kind)
      #expect(changes == ["override_expired", "override_activated", "override_proposed"])
    }
  }

  @Test func aProposalThatExpiresLeavesTheAlertOfWhatIsForced() async throws {
    try await GatewayHarness.with { harness in
      let (ada, bob) = (harness.first.acting(as: "ada"), harness.second.acting(as: "bob"))
      try await bob.approve(try await ada.force("stripe", .forceOpen, live: true))
      let second = try await ada.force("stripe", .forceClosed, live: true)
      #expect(second.state == .proposed)
      try await harness.test.run(
        "update gateway.gateway_override set expires_at = now() - interval '1 second' where state = 1")
      try await harness.refresh()
      let changes = try await ada.list().changes.map(\.kind)
      #expect(changes.first == "override_expired")
      #expect(try await harness.alerts() == ["gateway_override"])
    }
  }

  /// Forced closed, payments go there though its breaker is open.
  @Test func forcedClosedWinsOverTheBreaker() async throws {
    try await GatewayHarness.with { harness in
      try await harness.test.run(
        """
        insert into gateway.breaker (gateway, account, operation, state, opened_at, until, openings,
          fence, actor)
        values ('stripe', 'main', 'authorize', 2, now(), now() + interval '1 hour', 1, 1, 'test')
        """)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "adyen")
      _ = try await harness.first.acting(as: "ada").force("stripe", .forceClosed)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "stripe")
      #expect(
        try await harness.value("select fence from breaker", as: Int64.self) == 1,
        "no probe was claimed")
    }
  }
}
