import GatewayCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// A process's wall clock may be hours wrong: what is due later is due by the database's clock.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct WrongClockTests {
  @Test(arguments: [7_200, -7_200]) func itPutsNothingOff(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      // Nobody ever knows.
      try await harness.gateways.inject("stripe", "error_500")
      #expect(try await harness.first.execute(harness.order(offSession: true)).kinds == [.unknown])
      let looks = try await harness.value(
        "select count(*) from attempt where look_at between now() and now() + interval '1 hour'",
        as: Int64.self)
      #expect(looks == 1)
      let told = try await harness.value(
        "select count(*) from outbox where not_before <= now() + interval '1 minute'",
        as: Int64.self)
      #expect(told == 1)
    }
  }

  /// A request that the gateway has never read is not sent again once the payer is gone, although
  /// the process believes that there is time.
  @Test(arguments: [7_200, -7_200]) func nothingIsSentLate(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "close_before", count: 100)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      try await GiveUpTests.age(harness, minutes: 2)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe open unknown"])
      #expect(try await harness.books().isEmpty)
    }
  }

  /// What waits for the payer is looked at and given up when its time has come.
  @Test(arguments: [7_200, -7_200]) func nothingIsGivenUpEarlyOrLate(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      harness.vault.method.withLock { method in
        (method.stripe, method.adyen) = ("pm_card_authenticationRequired", nil)
      }
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.requiresAction])
      let waits: Bool = try await harness.value(
        "select look_at - created_at between interval '299 s' and interval '301 s' from attempt")
      #expect(waits)
      try await GiveUpTests.age(harness, minutes: 14)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .open)
      let isLast: Bool = try await harness.value(
        """
        select a.look_at - o.created_at between interval '899 s' and interval '901 s'
        from attempt a join operation o on o.id = a.operation_id
        """)
      #expect(isLast)
      try await GiveUpTests.age(harness, minutes: 2)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .closed)
    }
  }
}
