import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// The card networks' limits, kept before any gateway is asked.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct CeilingTests {
  /// Time moves only when a test says so; it begins now, because the gateways have clocks too.
  struct Clock: WallClock {
    let clock = ManualClock(SystemClock().now)
    var now: Timestamp { clock.now }
  }

  @Test func aCardIsNotTriedMoreOftenThanItsNetworkAllows() async throws {
    let clock = Clock()
    try await GatewayHarness.with(clock: clock) { harness in
      harness.vault.method.withLock {
        $0.stripe = "pm_card_visa_chargeDeclined"
        $0.adyen = nil
        $0.brand = "visa"
      }
      for _ in 0..<20 {
        let facts = try await harness.first.execute(harness.order())
        #expect(facts.kinds == [.declined] && facts.last?.decline?.code == "declined")
        #expect(facts.last?.decline?.tableVersion == UInt32(DeclineTable.current.version))
        clock.clock.advance(by: .seconds(3_600))
      }
      #expect(try await harness.gateways.payments().count == 20)
      let facts = try await harness.second.execute(harness.order())
      #expect(facts.kinds == [.notExecuted])
      let decline = try #require(facts.last?.decline)
      #expect(decline.code == "network_retry_limit" && decline.class == .later)
      // 30 days after the first of them.
      let wait = (30 * 24 - 20) * 3_600
      let due = try #require(decline.notBefore)
      #expect(abs(due.seconds - clock.now.seconds - Int64(wait)) <= 1)
      #expect(try await harness.gateways.payments().count == 20)
      // Another amount is another matter to Visa, and so is a day when the first has aged.
      var other = harness.order()
      other.operation = GatewayCore.Operation(
        id: other.id, amount: Amount(.eur, minor: 5_000), captureMethod: .automatic)
      #expect(try await harness.first.execute(other).kinds == [.declined])
      clock.clock.advance(by: .seconds(wait + 1))
      #expect(try await harness.first.execute(harness.order()).kinds == [.declined])
      #expect(try await harness.gateways.payments().count == 22)
    }
  }

  @Test func aForbiddenCardIsNeverSentAgain() async throws {
    let clock = Clock()
    try await GatewayHarness.with(clock: clock) { harness in
      let order = harness.order()
      let decline = Decline(
        class: .never, code: "stolen_card", gatewayCode: "stolen_card", isForbiddenByNetwork: true)
      try await onLoop(harness.first.loop) {
        let environment = harness.first.flow.environment
        for statement in CardDeclineStatements.insert(
          decline, of: environment.identifiers.make(), order, now: clock.now, environment.stamp)
        {
          _ = try await environment.database.query(statement)
        }
      }
      clock.clock.advance(by: .seconds(400 * 24 * 3_600))
      let facts = try await harness.first.execute(harness.order())
      #expect(facts.kinds == [.notExecuted] && facts.last?.decline?.class == .never)
      #expect(facts.last?.decline?.notBefore == nil)
      #expect(try await harness.gateways.payments().isEmpty)
      // A debit has no card network.
      harness.vault.method.withLock {
        $0.type = .sepaDebit
        $0.stripe = "pm_success_at"
      }
      _ = try await harness.first.execute(harness.order())
      #expect(try await harness.gateways.payments().count == 1)
    }
  }

  /// What the bank and the network said is kept with the attempt and told by ListOperations.
  @Test func declinesAreKeptWithTheTableThatJudgedThem() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock {
        $0.stripe = "pm_card_visa_chargeDeclinedLostCard"
        $0.adyen = nil
      }
      let order = harness.order()
      _ = try await harness.first.execute(order)
      _ = try await harness.first.execute(order)
      let record = try await harness.first.load(order)
      let attempt = try #require(record.operation.attempts.first?.attempt)
      let decline = try #require(attempt.evidence.decline)
      #expect(decline.code == "lost_card" && decline.tableVersion == DeclineTable.current.version)
      let rows: Int64 = try await harness.value("select count(*) from card_decline")
      #expect(rows == 1)
      let view = GatewayV1.Decline(decline, at: nil)
      #expect(view.tableVersion == 2 && view.gatewayCode == "lost_card")
    }
  }
}
