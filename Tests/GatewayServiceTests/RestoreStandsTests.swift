import GatewayCore
import Money
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What ends beside a payment that a restore has lost and that two people have seen stand: no caller
/// hears that it may pay once more.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RestoreStandsTests {
  /// The claim was known at the restore's point and the operation was not: recovery closes it as never
  /// sent. The same for what intents was given back and nobody here has written.
  @Test func whatNeverArrivedHereEndsAsPaid() async throws {
    try await GatewayHarness.with { harness in
      let order = try await harness.lostAuthorization()
      let other = RestoreSettlementTests.another(order)
      try await harness.settleLost(.stands)
      for order in [order, other] {
        let close = {
          try await onLoop(harness.first.loop) {
            try await harness.first.flow.close(
              order.id, of: order.intent, order.merchant, onlyIfUnsent: true)
          }
        }
        let facts = try await close()
        #expect(facts.kinds == [.notExecuted])
        #expect(facts.last?.decline?.code == "paid_before_restore")
        #expect(facts.last?.decline?.class == .never)
        #expect(try await close() == facts)
      }
      // What nothing stands beside may be tried again.
      let free = harness.restorable()
      let facts = try await onLoop(harness.first.loop) {
        try await harness.first.flow.close(
          free.id, of: free.intent, free.merchant, onlyIfUnsent: true)
      }
      #expect(facts.last?.decline?.code == "abandoned_before_send")
    }
  }

  /// For want of routes, or by age: nothing of its own has moved, and it is not told as a decline.
  @Test func whatIsKnownHereEndsAsPaid() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "timeout_before", on: [], count: 100)
      let orders = (0..<3).map { _ in harness.order(offSession: true) }
      for order in orders { #expect(try await harness.first.execute(order).kinds == [.unknown]) }
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      for order in orders.prefix(2) {
        try await harness.findLost(of: order.intent)
        try await harness.settleLost(.stands)
      }
      try await harness.test.run(
        """
        update gateway.attempt set evidence = 'not_executed'
        where intent_id = '\(orders[0].intent.uuid)'
        """)
      try await GiveUpTests.age(harness, minutes: 73 * 60)
      for _ in 0..<2 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      try await GiveUpTests.ageReversals(harness, hours: 25)
      try await harness.work {
        for order in orders where try await !harness.first.load(order).operation.isFinal {
          return false
        }
        return true
      }
      for (order, code) in zip(orders, ["paid_before_restore", "paid_before_restore", nil]) {
        let last = try await harness.first.execute(order).last
        #expect(last?.kind == .notExecuted && last?.decline?.code == code)
      }
    }
  }

  /// People settle it while a call is under way: no other gateway has its turn.
  @Test func aLiveCallTriesNoOtherGatewayBesideIt() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.stripe = "pm_card_chargeDeclinedProcessingError" }
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      let order = harness.restorable()
      harness.vault.beforeAnswer.withLock {
        $0 = {
          try await harness.findLost(of: order.intent)
          try await harness.settleLost(.stands)
        }
      }
      let last = try await harness.first.execute(order).last
      #expect(last?.kind == .notExecuted && last?.decline?.code == "paid_before_restore")
      #expect(try await harness.gateways.payments().map(\.gateway) == ["stripe"])
      #expect(try await harness.first.load(order).operation.state == .closed)
    }
  }
}
