import BillingCore
import GRPCCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import BillingService

/// A process's wall clock may be hours wrong: what is due is due by the database's clock.
@Suite(.freshDatabase(service: "billing"))
struct WrongClockTests {
  @Test(arguments: [7_200, -7_200]) func nothingIsBilledEarlyOrLate(seconds: Int64) async throws {
    try await BillingHarness.with(isTimeTheDatabases: true) { billing in
      billing.clock.set(SystemClock().now + .seconds(seconds))
      billing.payments.set(.answerLost)
      let made = try await billing.subscribe(try await billing.price(1_500, .day))
      #expect(
        try await billing.count(
          """
          select count(*) from subscription
          where anchor_at between now() - interval '1 minute' and now()
          """) == 1)
      // The answer that is missing is asked for when it is due, not by how late the process is.
      await billing.worker.look()
      #expect(billing.payments.charges.count == 1)
      try await TestDatabase.current.run(
        "update billing.payment_try set look_at = look_at - interval '16 seconds'")
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .active)
      // An hour before the period is over, and a second after.
      billing.payments.set(.succeeds)
      try await Self.age(to: "23 hours")
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 1)
      try await Self.age(to: "24 hours 1 second")
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 2)
    }
  }

  @Test(arguments: [7_200, -7_200]) func aFirstPaymentHasItsTime(seconds: Int64) async throws {
    try await BillingHarness.with(isTimeTheDatabases: true) { billing in
      billing.clock.set(SystemClock().now + .seconds(seconds))
      billing.payments.set(.fails("insufficient_funds"))
      let made = try await billing.subscribe(try await billing.price(1_500))
      try await Self.age(to: "22 hours 30 minutes")
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .incomplete)
      try await Self.age(to: "23 hours 1 second")
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .incompleteExpired)
    }
  }

  private static func age(to interval: String) async throws {
    try await TestDatabase.current.run(
      """
      update billing.subscription set created_at = now() - interval '\(interval)',
        anchor_at = now() - interval '\(interval)',
        current_period_start = now() - interval '\(interval)',
        current_period_end = now() - interval '\(interval)'
          + (current_period_end - current_period_start)
      """)
  }
}
