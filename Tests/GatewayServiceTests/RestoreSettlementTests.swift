import GatewayCore
import Money
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What is for people after a restore: two of them settle it, and what follows.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RestoreSettlementTests {
  /// Another operation of the same intent.
  static func another(_ order: OperationRecord) -> OperationRecord {
    OperationRecord(
      merchant: order.merchant, intent: order.intent, paymentMethod: order.paymentMethod,
      offSession: false, statementDescriptor: "", sendBefore: order.sendBefore,
      keyProof: order.keyProof, createdAt: order.createdAt,
      operation: GatewayCore.Operation(
        id: OperationID(bits: order.id.bits &+ 1), amount: order.operation.amount,
        captureMethod: .manual), attempts: [:], captureTries: [:])
  }

  @Test func whatIsForPeopleHoldsItsIntentUntilTwoSettleIt() async throws {
    try await GatewayHarness.with { harness in
      let order = try await harness.lostAuthorization()
      for replica in [harness.first, harness.second] {
        for order in [order, Self.another(order)] {
          #expect(
            await harness.reason { try await replica.execute(order) }
              == "RESTORED_PAYMENT_UNRESOLVED")
          #expect(
            await harness.reason { try await replica.close(order) }
              == "RESTORED_PAYMENT_UNRESOLVED")
        }
      }
      #expect(try await harness.gateways.payments().count == 1)
      try await harness.readOnce()
      #expect(try await harness.alerts() == [RestoreWorker.alertKind])
      // Others pay.
      #expect(try await harness.first.execute(harness.restorable()).kinds.last == .captured)

      let listed = try #require(try await harness.listed().first)
      #expect(listed.verdict == .unspecified && listed.verdictBy == "")
      let said = try await harness.settle(listed, .nothingLeft, as: "ann")
      #expect(said.state == .forPeople && said.verdictBy == "operator:ann")
      #expect(
        await harness.reason { try await harness.settle(listed, .nothingLeft, as: "ann") }
          == "SECOND_PERSON_REQUIRED")
      #expect(
        await harness.reason { try await harness.first.execute(order) }
          == "RESTORED_PAYMENT_UNRESOLVED")
      #expect(try await harness.settle(listed, .stands, as: "bob").state == .forPeople)
      // intents hears it first, or nobody settles.
      harness.intents.state.withLock { $0.isAway = true }
      #expect(
        await harness.reason { try await harness.settle(listed, .nothingLeft, as: "bob") }
          == "UNAVAILABLE")
      harness.intents.state.withLock { $0.isAway = false }
      #expect(harness.intents.claims.map(\.claimState) == [.pending, .forPeople])
      let settled = try await harness.settle(listed, .nothingLeft, as: "bob")
      #expect(settled.state == .settled && settled.verdict == .nothingLeft)
      #expect(harness.intents.claims.map(\.claimState) == [.pending, .forPeople, .settled])
      #expect(
        await harness.reason { try await harness.settle(listed, .stands, as: "bob") }
          == "NOT_FOR_PEOPLE")
      var unknown = listed
      unknown.gatewayReference = "pi_other"
      #expect(
        await harness.reason { try await harness.settle(unknown, .stands, as: "bob") }
          == "RESTORED_PAYMENT_NOT_FOUND")
      try await harness.readOnce()
      #expect(try await harness.alerts() == [])

      #expect(try await harness.second.execute(order).kinds.last == .authorized)
      await #expect(throws: (any Error).self) {
        try await harness.first.database.query(
          Statement(sql: "update restore_payment set state = 3, verdict = null"))
      }
    }
  }

  /// In the schema itself.
  @Test func oneOperatorSettlesNothing() async throws {
    try await GatewayHarness.with { harness in
      _ = try await harness.lostAuthorization()
      let listed = try #require(try await harness.listed().first)
      try await harness.settle(listed, .nothingLeft, as: "ann")
      await #expect(throws: (any Error).self) {
        try await harness.first.database.query(
          Statement(sql: "update restore_payment set state = 4, verdict = 2"))
      }
    }
  }

  @Test func aPaymentThatStandsIsNeverChargedAgain() async throws {
    try await GatewayHarness.with { harness in
      let order = try await harness.lostAuthorization()
      let listed = try #require(try await harness.listed().first)
      try await harness.settle(listed, .stands, as: "ann")
      #expect(try await harness.settle(listed, .stands, as: "bob").state == .settled)
      for order in [order, Self.another(order)] {
        let facts = try await harness.first.execute(order)
        #expect(facts.kinds == [.notExecuted])
        #expect(facts.last?.decline?.code == "paid_before_restore")
        #expect(try await harness.second.execute(order) == facts, "and it stays so")
      }
      #expect(try await harness.gateways.payments().count == 1)
    }
  }

  /// Asked for by the merchant, or waiting by itself: it fails, and the payer's money is let go.
  @Test(arguments: [GatewayCore.Operation.CaptureMethod.manual, .automatic])
  func whatIsAuthorisedBesideAPaymentThatStandsIsReleased(
    method: GatewayCore.Operation.CaptureMethod
  ) async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_before", on: ["capture"], count: 10)
      let order = harness.restorable(capture: method)
      #expect(try await harness.first.execute(order).kinds.contains(.authorized))
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.findLost(of: order.intent)
      let lost = try #require(try await harness.listed().first)
      let asked = CaptureID(bits: method == .manual ? 1 : order.id.bits)
      let capture = {
        try await onLoop(harness.first.loop) {
          try await harness.first.flow.capture(
            order.id, of: order.intent, order.merchant, asked, order.operation.amount)
        }
      }
      #expect(await harness.reason { try await capture() } == "RESTORED_PAYMENT_UNRESOLVED")
      for person in ["ann", "bob"] { try await harness.settle(lost, .stands, as: person) }
      if method == .manual {
        let failed = try #require(try await capture().last)
        #expect(failed.kind == .captureFailed && failed.captureID == asked.description)
        #expect(failed.decline?.code == "paid_before_restore")
      }
      for _ in 0..<4 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      let facts = try await harness.first.execute(order).kinds
      #expect(facts.suffix(2) == [.captureFailed, .canceled])
      #expect(try await harness.first.load(order).story == ["1 stripe winner canceled"])
      #expect(try await harness.gateways.payments().map(\.captured) == [0])
      #expect(try await harness.gateways.payments().map(\.status) == ["canceled"])
      #expect(try await capture().kinds == facts, "and it stays so")
    }
  }

  /// The refund that was lost may be the very one that is asked for again.
  @Test func aLostRefundHoldsFurtherRefundsUntilTwoSettleIt() async throws {
    try await GatewayHarness.with { harness in
      let (order, other) = (harness.restorable(), harness.restorable())
      for order in [order, other] { _ = try await harness.first.execute(order) }
      let (lost, next) = (RefundID(bits: 31), RefundID(bits: 32))
      _ = try await harness.first.refund(order, lost, minor: 1_000)
      try await harness.test.run(
        """
        delete from gateway.refund; delete from gateway.outbox;
        delete from gateway.fact where kind = 12;
        update gateway.operation set fact_count = fact_count - 1, version = version + 1
        where id = '\(order.id.uuid)';
        """)
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      #expect(
        await harness.reason { try await harness.second.refund(order, lost, minor: 1_000) }
          == "RESTORED_REFUND_UNRESOLVED")
      // Another one would go out once the lost one is settled: it fails for good.
      let refused = RefundID(bits: 35)
      for _ in 0..<2 {
        let facts = try await harness.second.refund(order, refused, minor: 1_000)
        #expect(facts.kinds.last == .refundFailed)
        #expect(facts.last?.decline?.code == "lost_refund_unresolved")
      }
      #expect(
        try await harness.first.refund(other, RefundID(bits: 33), minor: 1_000).kinds.last
          == .refunded)

      let listed = try #require(try await harness.listed().first)
      #expect(listed.paymentReference.hasPrefix("pi_"))
      try await harness.settle(listed, .stands, as: "ann")
      #expect(try await harness.settle(listed, .stands, as: "bob").state == .settled)
      // It is known from now on, with its fact, and its amount is gone.
      let facts = try await harness.second.refund(order, lost, minor: 1_000)
      #expect(facts.kinds.last == .refunded && facts.last?.refundID == lost.description)
      #expect(facts.last?.occurredAt == listed.createdAt)
      let above = try await harness.second.refund(order, next, minor: 4_000)
      #expect(above.kinds.last == .refundFailed)
      #expect(
        try await harness.second.refund(order, RefundID(bits: 34), minor: 3_999).kinds.last
          == .refunded)
      #expect(try await harness.gateways.payments().map(\.refunded).sorted() == [1_000, 4_999])
    }
  }

  /// A refund of a payment that is itself for people says nothing before that is settled.
  @Test func thePaymentComesBeforeItsRefund() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      _ = try await harness.first.refund(order, RefundID(bits: 41), minor: 1_000)
      try await harness.test.run("delete from gateway.refund")
      try await harness.lose(order)
      _ = try await harness.begin()
      harness.intents.state.withLock { $0.result = .refused }
      try await harness.read()
      let listed = try await harness.listed()
      #expect(listed.count == 2)
      let refund = try #require(listed.first { !$0.paymentReference.isEmpty })
      let payment = try #require(listed.first { $0.paymentReference.isEmpty })
      #expect(
        await harness.reason { try await harness.settle(refund, .stands, as: "ann") }
          == "PAYMENT_UNRESOLVED")
      for person in ["ann", "bob"] { try await harness.settle(payment, .nothingLeft, as: person) }
      for person in ["ann", "bob"] { try await harness.settle(refund, .stands, as: person) }
      #expect(try await harness.listed().allSatisfy { $0.state == .settled })
      #expect(try await harness.value("select count(*) from refund", as: Int64.self) == 0)
    }
  }

  /// Settled before anything is known of its payment, it would be forgotten.
  @Test func aRefundStandsOnlyAtAPaymentThatIsKnown() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      _ = try await harness.first.refund(order, RefundID(bits: 51), minor: 1_000)
      try await harness.test.run("delete from gateway.refund")
      try await harness.lose(order)
      _ = try await harness.begin()
      harness.intents.state.withLock { $0.result = .refused }
      try await harness.read()
      // As if the list of payments could not be read.
      try await harness.test.run(
        "delete from gateway.restore_payment where payment_reference is null")
      let refund = try #require(try await harness.listed().first)
      try await harness.settle(refund, .stands, as: "ann")
      #expect(
        await harness.reason { try await harness.settle(refund, .stands, as: "bob") }
          == "PAYMENT_UNRESOLVED")
      #expect(try await harness.listed().map(\.state) == [.forPeople])
    }
  }

  @Test func theListHasPages() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.restorable()
      for number in 1...5 {
        try await harness.gateways.createAtStripe(
          metadata: harness.marks(order, AttemptID(bits: UInt128(100 + number)))
            .filter { $0.key != "tender_method" })
      }
      _ = try await harness.begin()
      try await harness.read()
      let all = try await harness.listed()
      #expect(all.count == 5 && all.allSatisfy { $0.state == .forPeople })
      var (paged, token) = ([GatewayV1.RestoredPayment](), "")
      for _ in 0..<3 {
        let page = try await harness.page(size: 2, after: token)
        paged += page.payments
        token = page.nextPageToken
      }
      #expect(paged == all && token.isEmpty)
      for wrong in ["x", "1/2/3/4", "1/rst_x/stripe/main/pi_1"] {
        #expect(
          await harness.reason { try await harness.page(after: wrong) } == "PAGE_TOKEN_INVALID")
      }
    }
  }
}
