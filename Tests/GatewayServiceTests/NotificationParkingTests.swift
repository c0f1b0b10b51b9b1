import GatewayCore
import Postgres
import TestSupport
import Testing

@testable import GatewayService

/// What cannot be processed neither blocks what can nor is forgotten.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct NotificationParkingTests {
  @Test func poisonIsTriedThenParkedWithAnAlert() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let poison = NotificationStatements.Row(
        gateway: .stripe, id: "evt_poison", body: Array("{\"id\":".utf8))
      let good = try await StripeEvent.about(order, status: "succeeded", id: "evt_good", harness)
      _ = try await harness.first.database.query(NotificationStatements.insert([poison, good]))
      try await harness.first.notice()
      let processed: Bool = try await harness.value(
        "select processed_at is not null from notification where id = 'evt_good'")
      #expect(processed)

      for _ in 1..<NotificationStatements.triesMax {
        let isParked: Bool = try await harness.value(
          "select next_try_at = 'infinity' from notification where id = 'evt_poison'")
        #expect(!isParked)
        try await harness.hurry()
        try await harness.first.notice()
      }
      let row = try await harness.first.database.query(
        """
        select tries, next_try_at = 'infinity', processed_at is null, last_error
        from notification where id = 'evt_poison'
        """
      ).single()
      let (tries, isParked, isOpen, error) = try row.decode((Int32, Bool, Bool, String).self)
      #expect(tries == NotificationStatements.triesMax && isParked && isOpen)
      #expect(error.contains("unreadable"))
      #expect(try await harness.alerts() == ["notification_parked"])

      // Parked means left alone.
      try await harness.hurry()
      try await harness.second.notice()
      let after: Int32 = try await harness.value(
        "select tries from notification where id = 'evt_poison'")
      #expect(after == tries)
    }
  }

  /// What our own database does not do in an outage or in a conflict is no try of a notification.
  @Test func ourOwnDatabaseParksNothing() async throws {
    try await GatewayHarness.with { harness in
      let order = try await PendingTests.debit(harness)
      let good = try await StripeEvent.about(order, status: "succeeded", id: "evt_good", harness)
      _ = try await harness.first.database.query(NotificationStatements.insert([good]))
      try await TestDatabase.current.run(
        """
        create function shut_down() returns trigger language plpgsql as
          $$ begin raise exception 'shutting down' using errcode = '57P01'; end $$;
        create trigger shut_down before insert on gateway.fact
          for each statement execute function shut_down();
        """)
      for _ in 0...NotificationStatements.triesMax {
        try await harness.hurry()
        try await harness.first.notice()
      }
      let tries: Int32 = try await harness.value(
        "select tries from notification where id = 'evt_good'")
      #expect(tries == 0)
      #expect(try await harness.alerts().isEmpty)

      try await TestDatabase.current.run("drop trigger shut_down on gateway.fact")
      try await harness.hurry()
      try await harness.first.notice()
      let processed: Bool = try await harness.value(
        "select processed_at is not null from notification where id = 'evt_good'")
      #expect(processed)
    }
  }

  /// A notification about somebody else's payment on the same account waits for its owner's row.
  @Test func aPaymentThatNobodyKnowsIsParkedToo() async throws {
    try await GatewayHarness.with { harness in
      let stray = NotificationStatements.Row(
        gateway: .stripe, id: "evt_stray",
        body: StripeEvent.body(id: "evt_stray", intent: "pi_other", reference: "", "succeeded"))
      _ = try await harness.first.database.query(NotificationStatements.insert([stray]))
      for _ in 0..<NotificationStatements.triesMax {
        try await harness.hurry()
        try await harness.first.notice()
      }
      #expect(try await harness.alerts() == ["notification_parked"])
    }
  }
}
