import GatewayCore
import Money
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// A request that never arrived is not sent once more beside a lost payment of its intent: the
/// repetition would be the second charge.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RestoreReplayTests {
  /// Recovery: the payment was sent after the restore's beginning, and a list that was not read by
  /// then names another one.
  @Test(arguments: [false, true])
  func recoveryOnlyReads(stands: Bool) async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.test.run(
        """
        alter table gateway.restore disable trigger user;
        update gateway.restore set begun_at = begun_at - interval '1 hour';
        alter table gateway.restore enable trigger user;
        """)
      try await harness.gateways.inject("stripe", "timeout_before", on: [], count: 100)
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      try await GiveUpTests.age(harness, minutes: 1)
      try await harness.findLost(of: order.intent)
      if stands { try await harness.settleLost(.stands) }
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await harness.gateways.payments().isEmpty)
      guard !stands else { return }
      try await harness.forgetLost()
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.gateways.payments().map(\.captured) == [4_999], "without it, it is")
    }
  }

  /// An account that has left the settings: what its list would name holds nothing, and people hear it.
  @Test func aListThatNobodyReadsIsTold() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let id = try await harness.begin().id
      try await harness.test.run(
        """
        insert into gateway.restore_reading (restore_id, gateway, account, subject, listed_from)
        select id, 'stripe', 'gone', 'payments', now() from gateway.restore
        """)
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.readOnce()
      #expect(try await harness.alerts() == [RestoreWorker.alertKind])
      let message: String = try await harness.value(
        "select message from alert where state = 'open'")
      #expect(message.contains("payments of stripe:gone.") && message.contains("may list it"))
      try await harness.test.run(
        "update gateway.restore_reading set finished_at = now() where account = 'gone'")
      try await harness.readOnce()
      #expect(try await harness.alerts() == [])
    }
  }

  @Test func aLiveCallOnlyReads() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      let order = harness.restorable()
      harness.vault.beforeAnswer.withLock {
        $0 = { try await harness.findLost(of: order.intent) }
      }
      try await harness.gateways.inject("stripe", "timeout_before")
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.gateways.payments().isEmpty)
      try await harness.gateways.inject("stripe", "timeout_before")
      #expect(try await harness.first.execute(harness.restorable()).kinds.last == .captured)
    }
  }
}
