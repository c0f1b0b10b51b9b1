import GatewayCore
import Postgres
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Breakers, the limit of calls in flight and the retry budget, over two replicas of the service.
@Suite(.timeLimit(.minutes(2)), .serialized, .freshDatabase(service: "gateway"))
struct SharedBreakerTests {
  private static let stripe = BreakerKey(
    account: GatewayAccount(gateway: .stripe, account: "main"), operation: .authorize)

  /// Five payments at a gateway that refuses connections open its breaker, as a row.
  private static func open(_ harness: GatewayHarness) async throws {
    try await harness.gateways.refuseConnections("stripe")
    for _ in 0..<5 { _ = try await harness.first.execute(harness.order()) }
    try await eventually {
      try await harness.value("select count(*) from breaker where state = 2", as: Int64.self) == 1
    }
  }

  private static func state(_ harness: GatewayHarness) async throws -> String {
    let sql = "select case state when 1 then 'closed' when 2 then 'open' else 'half' end from breaker"
    return try await harness.value(sql)
  }

  /// What one replica opens the other honours, without a call to the gateway, in less than 1.5 s; it
  /// is told to people; the probes of both together close it for both.
  @Test func whatOneOpensAllHonourAndTheirProbesClose() async throws {
    try await GatewayHarness.with { harness in
      try await Self.open(harness)
      #expect(try await harness.alerts() == ["gateway_breaker_open"])
      try await harness.second.refresh()
      let clock = ContinuousClock()
      let started = clock.now
      let facts = try await harness.second.execute(harness.order())
      let took = clock.now - started
      print("confirm with an open breaker: \(took)")
      #expect(took < .seconds(1.5) && facts.last?.gateway == "adyen")
      #expect(
        try await harness.decisions() == ["0 adyen default given stripe:main breaker_open"])
      // Its time is over by the database's clock, and the gateway is back.
      try await harness.gateways.heal()
      try await harness.test.run("update gateway.breaker set until = now(), fence = fence + 1")
      try await harness.refresh()
      for replica in [harness.first, harness.second, harness.first] {
        #expect(try await replica.execute(harness.order()).last?.gateway == "stripe")
      }
      try await eventually { try await Self.state(harness) == "closed" }
      try await harness.refresh()
      #expect(try await harness.alerts().isEmpty)
      for replica in [harness.first, harness.second] {
        #expect(try await replica.execute(harness.order()).last?.gateway == "stripe")
      }
      #expect(
        try await harness.value("select fence from breaker", as: Int64.self) == 8,
        "written when it opened, by the test, and for three probes and their answers, no payment else"
      )
    }
  }

  /// By its own time, without help: traffic is back within the opening and its jitter (6 s), two
  /// readings (1 s) and the time of three payments.
  @Test func trafficComesBackByItself() async throws {
    try await GatewayHarness.with { harness in
      try await Self.open(harness)
      try await harness.gateways.heal()
      let clock = ContinuousClock()
      let started = clock.now
      try await eventually {
        try await harness.refresh()
        return try await harness.second.execute(harness.order()).last?.gateway == "stripe"
      }
      let back = clock.now - started
      try await eventually {
        _ = try await harness.first.execute(harness.order())
        return try await Self.state(harness) == "closed"
      }
      print("traffic came back after \(back), closed after \(clock.now - started)")
      #expect(back < .seconds(12))
    }
  }

  /// However many ask at a time in however many processes: three probes.
  @Test func probesAreFewOverAllReplicas() async throws {
    try await GatewayHarness.with { harness in
      try await Self.open(harness)
      try await harness.gateways.heal()
      try await harness.test.run("update gateway.breaker set until = now(), fence = fence + 1")
      try await harness.refresh()
      let admitted = try await withThrowingTaskGroup(of: GatewayBreakers.Admission.self) { group in
        for index in 0..<20 {
          let replica = index % 2 == 0 ? harness.first : harness.second
          group.addTask {
            try await onLoop(replica.loop) { await replica.flow.ports.breakers.admit(Self.stripe) }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(admitted.filter { $0 == .probe }.count == 3)
      #expect(admitted.filter { $0 == .denied }.count == 17)
    }
  }

  /// A failed probe opens it for longer, for all.
  @Test func aFailedProbeOpensForAll() async throws {
    try await GatewayHarness.with { harness in
      try await Self.open(harness)
      try await harness.test.run("update gateway.breaker set until = now(), fence = fence + 1")
      try await harness.refresh()
      #expect(try await harness.second.execute(harness.order()).last?.gateway == "adyen")
      try await eventually {
        try await harness.value("select openings from breaker", as: Int32.self) == 2
      }
      try await harness.first.refresh()
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "adyen")
      #expect(
        try await harness.decisions() == ["0 adyen default given stripe:main breaker_open"])
    }
  }

  /// At its limit of calls in flight an account is skipped, with the reason.
  @Test func aFullAccountIsSkipped() async throws {
    try await GatewayHarness.with { harness in
      let limits = harness.first.flow.ports.limits
      for _ in 0..<limits.concurrentMax { limits.enter(Self.stripe.account) }
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "adyen")
      #expect(try await harness.decisions() == ["0 adyen default given stripe:main at_limit"])
      let health = try await harness.first.acting(as: "ada").health()
      #expect(health.gateways.first?.callsInFlight == UInt32(limits.concurrentMax))
      for _ in 0..<limits.concurrentMax { limits.leave(Self.stripe.account) }
      #expect(try await harness.first.execute(harness.order()).last?.gateway == "stripe")
    }
  }

  /// Without a retry left an unknown payment is not asked for again; the explanation says so.
  @Test func anEmptyBudgetAsksNothingAgain() async throws {
    try await GatewayHarness.with { harness in
      let limits = harness.first.flow.ports.limits
      for _ in 0..<RetryBudget.retriesMax + 1 { limits.countRetry() }
      // The same request again would be taken.
      try await harness.gateways.inject("stripe", "close_before")
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.gateways.payments().isEmpty)
      let detail: String = try await harness.value("select evidence_detail from attempt")
      #expect(detail.hasSuffix("the retry budget is used up"), "\(detail)")
      let health = try await harness.first.acting(as: "ada").health()
      #expect(health.retriesLeft == 0 && health.retriesRefused == 1)
    }
  }

  /// Breakers of other kinds of requests are shared and shown, and hold nothing back.
  @Test func capturesAreNeverHeldBack() async throws {
    try await GatewayHarness.with { harness in
      try await harness.test.run(
        """
        insert into gateway.breaker (gateway, account, operation, state, opened_at, until, openings,
          fence, actor)
        values ('stripe', 'main', 'modify', 2, now(), now() + interval '1 hour', 1, 1, 'test')
        """)
      try await harness.refresh()
      #expect(
        try await harness.first.execute(harness.order()).kinds == [.authorized, .captured])
      let health = try await harness.second.acting(as: "ada").health()
      let breakers = health.gateways.first?.breakers ?? []
      #expect(breakers.map { "\($0.operation) \($0.state)" }
        == ["authorize closed", "modify open", "look closed"])
    }
  }
}
