import GatewayCore
import Money
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What a restore has lost holds its payment also after people have let money move again, until it is
/// rebuilt or two of them have settled it.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RestoreHoldTests {
  /// Neither by an end of the routes nor by age: the lost payment may be the one that took the money.
  @Test func nothingEndsWhileALostPaymentIsUnresolved() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "timeout_before", on: [], count: 100)
      let orders = [harness.order(offSession: true), harness.order(offSession: true)]
      for order in orders { #expect(try await harness.first.execute(order).kinds == [.unknown]) }
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      for order in orders { try await harness.findLost(of: order.intent) }
      // Of one its call has died before it said what follows, the other one is to be given up.
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
      let states = {
        try await orders.asyncMap { try await harness.first.load($0).operation.state }
      }
      #expect(try await states() == [.open, .open])
      try await harness.forgetLost()
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await states() == [.closed, .closed])
    }
  }

  /// A list that is still read names the payment while a call is under way.
  @Test func aLiveCallTriesNoOtherGatewayBesideALostPayment() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.stripe = "pm_card_chargeDeclinedProcessingError" }
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      let order = harness.restorable()
      harness.vault.beforeAnswer.withLock {
        $0 = { try await harness.findLost(of: order.intent) }
      }
      #expect(try await !harness.first.execute(order).kinds.contains(.declined))
      #expect(try await harness.first.load(order).story == ["1 stripe open declined"])
      #expect(try await harness.first.load(order).operation.state == .open)
      #expect(try await harness.gateways.payments().map(\.gateway) == ["stripe"])
      try await harness.forgetLost()
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .closed)
      // Without it, the other gateway has its turn.
      #expect(try await harness.first.execute(harness.restorable()).kinds.contains(.authorized))
    }
  }

  /// What is for people is so once, whichever restore has found it.
  @Test func aSecondRestoreKeepsWhatTheFirstHasLeft() async throws {
    try await GatewayHarness.with { harness in
      let order = try await harness.lostAuthorization()
      let first = try #require(try await harness.listed().first)
      let again = try await harness.begin().id
      try await harness.read()
      let status = try await harness.status()
      #expect(status.id == again && again != first.restoreID && status.paymentsForPeople == 1)
      #expect(status.unproven.contains("1 payments or refunds are for people"))
      #expect(try await harness.listed() == [first])
      try await harness.openByAll(again)
      #expect(
        await harness.reason { try await harness.first.execute(order) }
          == "RESTORED_PAYMENT_UNRESOLVED")
      for person in ["ann", "bob"] { try await harness.settle(first, .nothingLeft, as: person) }
      #expect(try await harness.first.execute(order).kinds.last == .authorized)
    }
  }

  /// Nor by a gateway's word about another payment of the intent.
  @Test func noNotificationEndsWhatIsHeld() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "timeout_after", on: [], count: 100)
      let (held, free) = (harness.order(offSession: true), harness.order(offSession: true))
      for order in [held, free] {
        #expect(try await harness.first.execute(order).kinds == [.unknown])
      }
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.findLost(of: held.intent)
      for (number, order) in [held, free].enumerated() {
        try await StripeEvent.deliver(
          order, status: "canceled", id: "evt_\(number)", to: harness.first, harness)
      }
      #expect(try await harness.first.load(held).story == ["1 stripe open canceled"])
      #expect(try await harness.first.load(held).operation.state == .open)
      #expect(try await harness.first.load(free).operation.state == .closed)
    }
  }

  /// What is known as well is not captured beside what was lost.
  @Test func noCaptureGoesOutBesideALostPayment() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_before", on: ["capture"], count: 10)
      let order = harness.restorable()
      #expect(try await harness.first.execute(order).kinds.contains(.authorized))
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.findLost(of: order.intent)
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await harness.gateways.payments().map(\.captured) == [0])
      #expect(
        await harness.reason {
          try await onLoop(harness.first.loop) {
            try await harness.first.flow.capture(
              order.id, of: order.intent, order.merchant, CaptureID(bits: 1),
              order.operation.amount)
          }
        } == "RESTORED_PAYMENT_UNRESOLVED")
      try await harness.forgetLost()
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await harness.gateways.payments().map(\.captured) == [4_999])
    }
  }

  /// Opened while a payment is pending and a list was never read: both go on.
  @Test func readingAndRebuildingGoOnAfterOpening() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      try await harness.lose(order)
      let id = try await harness.begin().id
      try await harness.test.run("update gateway.restore set read_after = now()")
      try await harness.openByAll(id)
      harness.intents.state.withLock { $0.result = .later }
      try await harness.readOnce()
      #expect(try await harness.status().paymentsPending == 1)
      #expect(try await harness.alerts() == [RestoreWorker.alertKind])
      #expect(
        await harness.reason { try await harness.second.execute(order) }
          == "RESTORED_PAYMENT_UNRESOLVED")
      harness.intents.state.withLock { $0.result = .restored }
      try await harness.test.run("update gateway.restore_payment set next_try_at = now()")
      try await harness.readOnce()
      #expect(try await harness.status().paymentsRebuilt == 1)
      #expect(try await harness.alerts() == [])
      #expect(!harness.intents.isClosed)
      #expect(try await harness.second.execute(order).kinds.last == .captured)
      #expect(try await harness.gateways.payments().map(\.captured) == [4_999])
    }
  }

  /// A newer restore's lists need not reach as far back as those that it found unread.
  @Test func anUnreadListIsReadOnAfterANewerRestore() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      try await harness.lose(order)
      let id = try await harness.begin().id
      try await harness.test.run("update gateway.restore set read_after = now()")
      try await harness.openByAll(id)
      let newer = try await harness.begin().id
      try await harness.test.run(
        """
        update gateway.restore_reading set finished_at = now()
        where restore_id = (select id from gateway.restore where state = 1);
        """)
      let missing = "the list of payments of stripe:main was not read to its end"
      #expect(try await harness.status().id == newer)
      #expect(try await harness.status().unproven.contains(missing))
      try await harness.readOnce()
      #expect(try await harness.status().unproven.isEmpty)
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
    }
  }

  /// What cannot be rebuilt although money moves again: people may know better. An unread list holds up
  /// nothing but itself.
  @Test func whatIsPendingIsSettledOnceItIsOpen() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      try await harness.lose(order)
      let id = try await harness.begin().id
      harness.intents.state.withLock { $0.result = .later }
      try await harness.read()
      try await harness.test.run(
        "update gateway.restore_reading set finished_at = null, next_read_at = 'infinity'")
      let pending = try #require(try await harness.listed().first)
      #expect(
        await harness.reason { try await harness.settle(pending, .nothingLeft, as: "ann") }
          == "NOT_FOR_PEOPLE")
      try await harness.openByAll(id)
      try await harness.test.run("update gateway.restore_payment set next_try_at = now()")
      try await harness.readOnce()
      #expect(
        try await harness.value("select tries from restore_payment", as: Int32.self) == 2,
        "it goes on")
      for person in ["ann", "bob"] { try await harness.settle(pending, .stands, as: person) }
      #expect(try await harness.listed().map(\.state) == [.settled])
      harness.intents.state.withLock { $0.result = .restored }
      try await harness.readOnce()
      #expect(try await harness.value("select count(*) from operation", as: Int64.self) == 0)
    }
  }

  /// Another operation of the intent may end, and has to: what was lost is rebuilt only then.
  @Test func anotherOperationOfTheIntentMayEnd() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let (order, other) = (harness.restorable(), harness.restorable())
      _ = try await harness.first.execute(order)
      try await harness.lose(order)
      let id = try await harness.begin().id
      harness.intents.state.withLock { $0.result = .later }
      try await harness.read()
      try await harness.openByAll(id)
      let close = { (operation: OperationID, onlyIfUnsent: Bool) in
        try await onLoop(harness.first.loop) {
          try await harness.first.flow.close(
            operation, of: order.intent, order.merchant, onlyIfUnsent: onlyIfUnsent)
        }
      }
      for onlyIfUnsent in [true, false] {
        #expect(
          await harness.reason { try await close(order.id, onlyIfUnsent) }
            == "RESTORED_PAYMENT_UNRESOLVED")
      }
      #expect(
        await harness.reason { try await close(other.id, false) } == "RESTORED_PAYMENT_UNRESOLVED")
      #expect(try await close(other.id, true).kinds == [.notExecuted])
      harness.intents.state.withLock { $0.result = .restored }
      try await harness.test.run("update gateway.restore_payment set next_try_at = now()")
      try await harness.readOnce()
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
    }
  }
}

extension [OperationRecord] {
  fileprivate func asyncMap<Value>(
    _ body: (OperationRecord) async throws -> Value
  ) async throws -> [Value] {
    var values: [Value] = []
    for order in self { values.append(try await body(order)) }
    return values
  }
}
