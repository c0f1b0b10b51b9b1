import GRPCCore
import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Testing
import Wire

/// From the commit of T1 on, a payment belongs to the process: its caller may leave in any way, the
/// payment still ends and its answer is kept for the key (DESIGN section 5, deadlines).
///
/// Guards `ServiceEnvironment.shielded`: without it the outcome is dropped with the caller.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct ShieldTests {
  /// The gateway answers only after the service has learnt that the caller is gone.
  private static func expectThePaymentEnds(_ harness: IntentsHarness, key: String) async throws {
    await harness.happenings.wait(for: .callCancelled)
    harness.router.gate.open()
    let again = try await harness.withClient { try await IntentsHarness.pay($0, key: key) }
    #expect(again.isReplayed)
    #expect(again.intent.status == .succeeded)
    #expect(again.intent.amountCapturedMinor == 4_999)
    #expect(harness.router.captures == 1)
    #expect(harness.happenings.count(.routerAsked) == 1)
    let rows = try await harness.database.query(
      "select count(*), count(*) filter (where status = 5) from payment_intent")
    let (intents, succeeded) = try rows.single().decode((Int64, Int64).self)
    #expect(intents == 1 && succeeded == 1)
  }

  private static func expectNoCustomer(_ client: IntentsHarness.Client) async {
    let id = CustomerID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0e06)
    await #expect(throws: RPCError.self) {
      _ = try await IntentsV1.Customers.Client(wrapping: client).getCustomer(
        IntentsV1.GetCustomerRequest(customerID: id.description))
    }
  }

  @Test func aCallerWhoCancels() async throws {
    try await IntentsHarness.with { harness in
      let error = try await harness.withClient { client in
        let call = Task { try await IntentsHarness.pay(client, key: "cancelled") }
        await harness.happenings.wait(for: .routerAsked)
        call.cancel()
        return await call.result
      }
      #expect(throws: RPCError.self) { try error.get() }
      try await Self.expectThePaymentEnds(harness, key: "cancelled")
    }
  }

  @Test func aCallerWhoseConnectionBreaks() async throws {
    try await IntentsHarness.with { harness in
      let result = try await harness.withLostClient { client in
        try await IntentsHarness.pay(client, key: "disconnected")
      } when: {
        await harness.happenings.wait(for: .routerAsked)
      }
      #expect(throws: RPCError.self) { try result.get() }
      try await Self.expectThePaymentEnds(harness, key: "disconnected")
    }
  }

  /// The deadline passes while the gateway is asked. How long the way there takes depends on the
  /// machine: a deadline that passes before T1 has committed is tried again with a longer one, also
  /// when it passes before the call has left.
  @Test func aCallerWhoseDeadlinePasses() async throws {
    try await IntentsHarness.with { harness in
      var milliseconds: Int64 = 100
      var tries = 0
      while harness.happenings.count(.routerAsked) == 0 {
        tries += 1
        milliseconds *= 2
        let limit = Duration.milliseconds(milliseconds)
        let key = "deadline-\(tries)"
        let before = harness.happenings.count(.callBegan)
        let error = await #expect(throws: RPCError.self) {
          _ = try await harness.withClient { client in
            do {
              return try await Deadline.$current.withValue(.after(limit)) {
                try await IntentsHarness.pay(client, key: key)
              }
            } catch {
              // Whatever was sent on this connection has arrived when what follows it is answered.
              await Self.expectNoCustomer(client)
              throw error
            }
          }
        }
        #expect(error?.code == .deadlineExceeded)
        guard harness.happenings.count(.callBegan) - before == 2 else { continue }
        await harness.happenings.wait {
          $0[.routerAsked, default: 0] > 0 || $0[.callEnded, default: 0] >= before + 2
        }
      }
      try await Self.expectThePaymentEnds(harness, key: "deadline-\(tries)")
    }
  }
}
