import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

@testable import GatewayService

/// What people see of notifications, and do about parked ones.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct NotificationCallTests {
  private func call<R: Sendable>(
    _ method: String,
    key: String? = nil,
    on replica: Replica,
    _ body: @escaping @Sendable (NotificationCalls, ServerContext) async throws -> R
  ) async throws -> R {
    let calls = NotificationCalls(environment: replica.flow.environment) {}
    let context = CallContext(
      method: "tender.gateway.v1.Notifications/\(method)",
      peer: .operator("anna"),
      merchant: nil,
      trace: .random(),
      key: try key.map { try IdempotencyKey($0) }
    )
    return try await onLoop(replica.loop) {
      try await CallContext.$current.withValue(context) {
        try await withServerContextRPCCancellationHandle { handle in
          try await body(
            calls,
            ServerContext(
              descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
              remotePeer: "in-process:test",
              localPeer: "in-process:test",
              cancellation: handle
            )
          )
        }
      }
    }
  }

  private func list(
    _ state: GatewayV1.NotificationState,
    on replica: Replica
  ) async throws -> [String] {
    try await call("ListNotifications", on: replica) { calls, context in
      try await calls.listNotifications(
        request: GatewayV1.ListNotificationsRequest(state: state),
        context: context
      )
    }.notifications.map(\.id)
  }

  private func retry(
    _ id: String,
    key: String,
    on replica: Replica
  ) async throws -> GatewayV1.Notification? {
    try await call("RetryNotification", key: key, on: replica) { calls, context in
      try await calls.retryNotification(
        request: GatewayV1.RetryNotificationRequest(gateway: "stripe", id: id),
        context: context
      )
    }.notification
  }

  private func reason(_ body: () async throws -> Void) async -> String? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? RPCFailure)?.reason
    }
  }

  /// The event of a payment whose rows are away for longer than all tries: parked, told, listed, and
  /// applied once somebody has put things right and asked for it.
  @Test func aParkedNotificationIsListedAndTriedAgain() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let good = try await StripeEvent.about(order, status: "succeeded", id: "evt_good", harness)
      _ = try await harness.first.database.query(NotificationStatements.insert([good]))
      try await harness.test.run("create table public.aside as table gateway.attempt")
      try await harness.test.run("delete from gateway.attempt")
      for _ in 0..<NotificationStatements.triesMax {
        try await harness.hurry()
        try await harness.first.notice()
      }
      #expect(try await harness.alerts() == ["notification_parked"])
      #expect(try await list(.unspecified, on: harness.second) == ["evt_good"])
      #expect(try await list(.waiting, on: harness.second).isEmpty)

      try await harness.test.run("insert into gateway.attempt select * from public.aside")
      let retried = try await retry("evt_good", key: "retry-1", on: harness.second)
      #expect(retried?.state == .waiting && retried?.tries == 0)
      #expect(retried?.detail.contains("noSuchAttempt") == true)
      #expect(try await harness.alerts().isEmpty, "none is parked any more")
      try await harness.first.notice()
      #expect(try await list(.processed, on: harness.first) == ["evt_good"])
      // The same key answers the same, though nothing is left to do.
      #expect(try await retry("evt_good", key: "retry-1", on: harness.first) == retried)
      #expect(
        await reason { _ = try await retry("evt_good", key: "retry-2", on: harness.first) }
          == "NOTIFICATION_PROCESSED"
      )
      #expect(
        await reason { _ = try await retry("evt_other", key: "retry-3", on: harness.first) }
          == "NOTIFICATION_NOT_FOUND"
      )
    }
  }
}
