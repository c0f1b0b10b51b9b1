import Foundation
import GRPCCore
import GatewayCore
import Money
import Postgres
import ReportFormats
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Transport
import Wire

@testable import GatewayService

/// A database that was restored to a point before payments were made: nothing moves, what the
/// gateways' books prove is rebuilt, and people open.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RestoreFlowTests {
  @Test func aLostPaymentIsRebuiltAndNothingMovesMeanwhile() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.restorable()
      #expect(try await harness.first.execute(order).kinds.last == .captured)
      let kept = harness.restorable()
      #expect(try await harness.first.execute(kept).kinds.last == .captured)
      let facts: Int64 = try await harness.value(
        "select count(*) from fact where operation_id = '\(order.id.uuid)'")
      try await harness.lose(order)

      let begun = try await harness.begin()
      #expect(begun.state == .closed && harness.intents.isClosed)
      #expect(try await harness.alerts() == ["restore_in_progress"])
      // Every order that would move money, at both replicas; and nothing is closed as never sent.
      for replica in [harness.first, harness.second] {
        #expect(await harness.reason { try await replica.execute(order) } == "RESTORE_IN_PROGRESS")
        #expect(await harness.reason { try await replica.close(order) } == "RESTORE_IN_PROGRESS")
        #expect(
          await harness.reason { try await replica.refund(kept, RefundID(bits: 1)) }
            == "RESTORE_IN_PROGRESS")
        #expect(
          await harness.reason {
            try await onLoop(replica.loop) {
              try await replica.flow.capture(
                kept.id, of: kept.intent, kept.merchant, CaptureID(bits: 1), kept.operation.amount)
            }
          } == "RESTORE_IN_PROGRESS")
      }
      #expect(try await harness.gateways.payments().count == 2)

      try await harness.read()
      let status = try await harness.status()
      #expect(status.paymentsRebuilt == 1 && status.paymentsPending == 0)
      #expect(status.paymentsForPeople == 0)
      #expect(status.readings.map(\.itemsRead) == [2, 0])
      let back = try await harness.first.load(order)
      #expect(back.story == ["1 stripe winner captured"])
      #expect(back.keyProof == order.keyProof && back.paymentMethod == order.paymentMethod)
      #expect(back.operation.winner?.captures.map(\.state) == [.captured])
      #expect(
        try await harness.value(
          "select count(*) from fact where operation_id = '\(order.id.uuid)'", as: Int64.self)
          == facts)
      // intents heard of it before its facts.
      let told = try #require(harness.intents.payments.first)
      #expect(harness.intents.payments.count == 1)
      #expect(harness.intents.claims.map(\.operationID) == [order.id.description])
      #expect(told.intentID == order.intent.description && told.keyProof == order.keyProof)
      #expect(told.amount?.amountMinor == 4_999 && told.captureMethod == .automatic)

      // Reports of Adyen's days are missing: two people.
      #expect(status.unproven.count == 1)
      let asked = try await harness.open(status.id, as: "ann")
      #expect(asked.state == .closed && asked.openAskedBy == "operator:ann")
      #expect(
        await harness.reason { try await harness.open(status.id, as: "ann") }
          == "SECOND_PERSON_REQUIRED")
      #expect(harness.intents.isClosed)
      let opened = try await harness.open(status.id, as: "bob")
      #expect(opened.state == .open && opened.openedBy == "operator:bob")
      #expect(opened.unproven == status.unproven)
      #expect(!harness.intents.isClosed)
      #expect(try await harness.alerts() == [])

      // The order is repeated: its facts, and no charge.
      try await harness.refresh()
      #expect(try await harness.second.execute(order).kinds.last == .captured)
      #expect(try await harness.gateways.payments().map(\.captured) == [4_999, 4_999])
      await #expect(throws: (any Error).self) {
        try await harness.first.database.query(
          Statement(sql: "update restore set state = 1, opened_by = null, opened_at = null"))
      }
    }
  }

  /// What intents knows it, what it must wait for, and what it refuses.
  @Test func intentsDecidesWhatIsRebuilt() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      try await harness.lose(order)
      _ = try await harness.begin()
      harness.intents.state.withLock { $0.result = .later }
      try await harness.read()
      #expect(try await harness.status().paymentsPending == 1)
      #expect(try await harness.status().unproven.count == 1)
      // Not rebuilt, its key already pays no more.
      #expect(harness.intents.claims.map(\.operationID) == [order.id.description])
      #expect(harness.intents.claims.map(\.keyProof) == [order.keyProof])
      harness.intents.state.withLock { $0.isAway = true }
      try await harness.test.run("update gateway.restore_payment set next_try_at = now()")
      await #expect(throws: (any Error).self) { try await harness.readOnce() }
      harness.intents.state.withLock { ($0.isAway, $0.result) = (false, .refused) }
      try await harness.read()
      #expect(try await harness.status().paymentsForPeople == 1)
      #expect(
        try await harness.value("select count(*) from operation", as: Int64.self) == 0)
      let listed = try await harness.listed()
      #expect(listed.map(\.detail) == ["intents: as told"])
      #expect(listed.first?.intentID == order.intent.description)
    }
  }

  /// One gateway, everything read: one person opens.
  @Test func whatIsProvenIsOpenedByOne() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let begun = try await harness.begin()
      #expect(begun.unproven.count == 2, "nothing is read yet")
      #expect(await harness.reason { try await harness.begin() } == "RESTORE_EXISTS")
      try await harness.read()
      #expect(try await harness.status().unproven.isEmpty)
      let opened = try await harness.open(begun.id, as: "ann")
      #expect(opened.state == .open && opened.unproven.isEmpty)
      try await harness.refresh()
      #expect(try await harness.first.execute(harness.restorable()).kinds.last == .captured)
    }
  }

  /// A forged or foreign mark changes nothing here; what proves a claim only keeps its key away.
  @Test func forgedAndForeignMarksChangeNothing() async throws {
    try await GatewayHarness.with { harness in
      let real = harness.restorable()
      _ = try await harness.first.execute(real)
      let attempt = try #require(
        try await harness.first.load(real).operation.attempts.first?.attempt.id)
      let live = MerchantID(bits: GatewayHarness.merchant.bits | 1)
      let other = MerchantID(bits: GatewayHarness.merchant.bits &+ 2)
      let forged: [[String: String]] = [
        ["reference": "somebody-elses"],
        harness.marks(real, AttemptID(bits: 11), merchant: live),
        harness.marks(real, AttemptID(bits: 12), merchant: other),
        harness.marks(real, AttemptID(bits: 13)).merging(["tender_intent": "pi_x"]) { $1 },
        harness.marks(harness.restorable(), attempt),
        harness.marks(real, AttemptID(bits: 14)).filter { $0.key != "tender_method" },
      ]
      for marks in forged { try await harness.gateways.createAtStripe(metadata: marks) }
      let before = try await harness.rows()
      _ = try await harness.begin()
      try await harness.read()
      #expect(try await harness.rows() == before)
      let status = try await harness.status()
      #expect(status.paymentsRebuilt == 0 && status.paymentsPending == 0)
      #expect(status.paymentsForPeople == 5)
      #expect(status.readings.map(\.itemsForeign) == [1, 0])
      #expect(harness.intents.payments.isEmpty)
      // Also the other merchant's, which intents refuses.
      #expect(Set(harness.intents.claims.map(\.operationID)) == [real.id.description])
      let details = try await harness.listed().map(\.detail)
      #expect(details.contains("livemode_differs") && details.contains("metadata_malformed"))
      #expect(details.contains("metadata_missing"))
      #expect(details.count { $0.hasPrefix("its metadata name what belongs to another") } == 1)
      #expect(details.count { $0.hasPrefix("contradicts") } == 1)
    }
  }

  /// A restart goes on behind the last page; a reader whose lease was taken over stores nothing.
  @Test func readingGoesOnWhereItStopped() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      for number in 1...3 {
        try await harness.gateways.createAtStripe(metadata: ["reference": "other\(number)"])
      }
      let id = try #require(RestoreID(try await harness.begin().id))
      let account = GatewayAccount(gateway: .stripe, account: "main")
      try await harness.test.run("update gateway.restore set read_after = now()")
      let take = RestoreStatements.take(id, account, .payments, leaseSeconds: 30)
      let fence = try await harness.first.database.query(take).single()[0, as: Int64.self]
      try await harness.readOnce(harness.second)
      #expect(try await harness.status().readings.map(\.itemsRead) == [0, 0], "somebody is at it")
      // It has stored one page when it dies.
      let newest = try await harness.gateways.payments().last?.id
      _ = try await harness.first.database.query(
        RestoreStatements.store(
          [], of: id, account, .payments, fence: fence, read: 1, foreign: 1, last: newest,
          leaseSeconds: 0, actor: "test")[0])
      try await harness.test.run(
        "update gateway.restore_reading set lease_until = now() - interval '1 second'")
      try await harness.readOnce(harness.second)
      #expect(try await harness.status().readings.map(\.itemsRead) == [3, 0])
      let late = try await harness.first.database.query(
        RestoreStatements.store(
          [], of: id, account, .payments, fence: fence, read: 9, foreign: 9, last: nil,
          leaseSeconds: 0, actor: "test")[0])
      #expect(late.count == 0)
      #expect(try await harness.status().readings.map(\.itemsForeign) == [3, 0])
    }
  }

  /// Recovery after a restore only reads: no repetition, no capture, no giving back, no giving up.
  @Test func recoveryMovesNothingWhileItIsClosed() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      // The request never arrived; a repetition under its key would charge.
      try await harness.gateways.inject("stripe", "timeout_before", on: [], count: 100)
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      let id = try await harness.begin().id
      try await GiveUpTests.age(harness, minutes: 1)
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await harness.gateways.payments().isEmpty)
      // Nor is anything given up, however old it is.
      try await GiveUpTests.age(harness, minutes: 73 * 60)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe open unknown"])
      // Opened, what is older than the restore is not repeated either.
      try await harness.read()
      #expect(try await harness.open(id, as: "ann").state == .open)
      try await harness.refresh()
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.gateways.payments().isEmpty)
    }
  }

  /// Services that begin on a restored database move nothing before anybody can say so.
  @Test func heldByTheSettingNothingMovesWhateverTheRowsSay() async throws {
    try await GatewayHarness.with(settings: "restore.held = true") { harness in
      let order = harness.restorable()
      let refused = { await harness.reason { try await harness.first.execute(order) } }
      #expect(await refused() == "RESTORE_IN_PROGRESS")
      let id = try await harness.begin().id
      try await harness.read()
      _ = try await harness.open(id, as: "ann")
      #expect(try await harness.open(id, as: "bob").state == .open)
      try await harness.refresh()
      #expect(await refused() == "RESTORE_IN_PROGRESS")
      #expect(try await harness.gateways.payments().isEmpty)
    }
  }

  @Test func whatIsNotBegunHoldsNothing() async throws {
    try await GatewayHarness.with { harness in
      try await harness.test.run(
        """
        create function fail() returns trigger language plpgsql as
          $$ begin raise exception 'no' using errcode = 'P0001'; end $$;
        create trigger fail before insert on gateway.restore
          for each statement execute function fail();
        """)
      await #expect(throws: (any Error).self) { try await harness.begin() }
      #expect(!harness.intents.isClosed)
    }
  }

  /// A worker that has read "closed" says so after people have opened.
  @Test func aLateWordDoesNotCloseWhatWasOpened() async throws {
    try await GatewayHarness.with { harness in
      let id = try await harness.begin().id
      try await harness.read()
      harness.intents.beforeGate.withLock { body in
        body = {
          _ = try await harness.open(id, as: "ann")
          #expect(try await harness.open(id, as: "bob").state == .open)
        }
      }
      try await harness.read()
      #expect(try await harness.status().state == .open && !harness.intents.isClosed)
    }
  }

  /// A refund that the restore has lost is listed: nobody opens alone.
  @Test func aLostRefundIsForPeople() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      let (lost, kept) = (RefundID(bits: 21), RefundID(bits: 22))
      for id in [lost, kept] { _ = try await harness.first.refund(order, id, minor: 1_000) }
      try await harness.test.run("delete from gateway.refund where id = '\(lost.uuid)'")
      let id = try await harness.begin().id
      try await harness.read()
      let status = try await harness.status()
      #expect(status.readings.map(\.itemsRead) == [1, 2])
      #expect(status.unproven == ["1 payments or refunds are for people"])
      let listed = try #require(try await harness.listed().first)
      #expect(listed.ownReference == GatewayReference.refund(lost).text)
      #expect(listed.amount?.amountMinor == 1_000 && listed.detail.hasPrefix("a refund of pi_"))
      #expect(try await harness.open(id, as: "ann").state == .closed)
      #expect(try await harness.open(id, as: "bob").state == .open)
    }
  }

  /// Adyen's own book: what it names and this database does not know is for people, also when it is
  /// fetched only after they have opened.
  @Test(arguments: [false, true])
  func anAccountingReportNamesWhatIsLost(isLate: Bool) async throws {
    try await GatewayHarness.with(priority: "adyen") { harness in
      harness.vault.method.withLock { $0.stripe = nil }
      let order = harness.restorable()
      _ = try await harness.first.execute(order)
      try await harness.work {
        try await harness.gateways.payments().allSatisfy { $0.captured > 0 }
      }
      let own = GatewayReference.authorize(
        try #require(try await harness.first.load(order).operation.attempts.first).attempt.id)
      try await harness.lose(order)
      let begun = try await harness.begin()
      #expect(begun.unproven.count == 1 && begun.readings.isEmpty)
      if isLate {
        try await harness.openByAll(begun.id)
        try await harness.readOnce()
        #expect(try await harness.alerts() == [])
      }
      let day = harness.first.flow.environment.clock.now.date.description
      let name = "payments_accounting_report_\(day.replacing("-", with: "_")).csv"
      let identity = ReportIdentity(
        account: GatewayAccount(gateway: .adyen, account: TestGateways.adyenAccount),
        kind: .paymentAccounting, name: name)
      let fetched = try await onLoop(harness.first.loop) {
        try await harness.first.reports.fetch(identity)
      }
      #expect(fetched.report.state == .fetched, "\(fetched.report.detail)")
      let status = try await harness.status()
      #expect(status.paymentsForPeople == 1)
      if !isLate { #expect(status.unproven == ["1 payments or refunds are for people"]) }
      let listed = try await harness.listed()
      #expect(listed.map(\.ownReference) == [own.text] && listed.first?.gateway == "adyen")
      guard isLate else { return }
      try await harness.refresh()
      try await harness.readOnce()
      #expect(try await harness.alerts() == [RestoreWorker.alertKind])
    }
  }
}
