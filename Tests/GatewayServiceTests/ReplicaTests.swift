import GatewayCore
import Postgres
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Several processes of the service share one database and nothing else.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ReplicaTests {
  @Test func replicasRacingOnOneOperationPayOnce() async throws {
    try await GatewayHarness.with { harness in
      for _ in 0..<5 {
        let order = harness.order()
        let before = try await harness.gateways.payments().count
        async let one = harness.first.execute(order)
        async let other = harness.second.execute(order)
        let answers = [try await one, try await other]
        // Both may send the capture, under one key: who hears that the key is in use waits.
        try await harness.work { try await harness.first.execute(order).last?.kind == .captured }
        let ours = try await harness.gateways.payments().dropFirst(before)
        #expect(ours.count == 1 && ours.first?.captured == 4_999, "\(ours)")
        // Each answer is what was known by then: a beginning of the same facts.
        let facts = try await harness.first.execute(order)
        // The second one may have looked before the first one's payment was there.
        #expect(facts.kinds.filter { $0 != .unknown } == [.authorized, .captured])
        for answer in answers {
          #expect(facts.map { $0.encode() }.starts(with: answer.map { $0.encode() }))
        }
      }
    }
  }

  /// The operation and what belongs to it are read by several statements: what another replica
  /// commits between them tears the answer.
  @Test func aLookWhileAnotherReplicaDecidesIsWhole() async throws {
    try await GatewayHarness.with { harness in
      for _ in 0..<10 {
        let order = harness.order()
        let (second, id, intent) = (harness.second, order.id, order.intent)
        async let facts = harness.first.execute(order)
        for _ in 0..<60 {
          _ = try await onLoop(second.loop) { try await second.flow.load(id, of: intent) }
        }
        #expect(try await facts.last?.kind == .captured)
      }
    }
  }

  /// The capture's notification reaches another replica before the capture's answer reaches the
  /// caller's: one fact, and the caller hears of it.
  @Test func aFactThatAnotherReplicaWroteIsAnswered() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "slow", on: ["capture"])
      let order = harness.order()
      async let answer = harness.first.execute(order)
      try await eventually { try await harness.gateways.payments().first?.captured == 4_999 }
      try await StripeEvent.deliver(
        order, status: "succeeded", id: "evt_early", to: harness.second, harness)
      let written: Int64 = try await harness.value("select count(*) from fact where kind = 2")
      #expect(written == 1)
      let facts = try await answer
      #expect(facts.map(\.kind) == [.authorized, .captured])
      #expect(facts.map(\.sequence) == [1, 2])
      let total: Int64 = try await harness.value("select count(*) from fact")
      #expect(total == 2)
    }
  }

  /// The decline is stored, and its object was to be cancelled before the next gateway is asked: the
  /// process dies between the two. Nobody asks another gateway then, and nothing stays open.
  @Test(arguments: [false, true])
  func aDeclineWhoseCallDiedEndsTheOperation(aCallerAsksAgain: Bool) async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_before", on: ["authorize"])
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.test.run(
        """
        update gateway.attempt set evidence = 'declined', decline_class = 5, decline_code = 'x',
          decline_gateway_code = 'x', decline_is_alive = true, reference = 'pi_x', look_at = now()
        """)
      if aCallerAsksAgain {
        #expect(try await harness.second.execute(order).kinds == [.unknown, .declined])
      } else {
        try await harness.second.recover()
      }
      #expect(try await harness.value("select state from operation", as: Int16.self) == 3)
      #expect(try await harness.books().isEmpty)
      #expect(
        try await harness.value("select count(*) from reversal", as: Int64.self) == 1,
        "its object is cancelled by a job")
    }
  }
}
