import GRPCCore
import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

/// A claim belongs to its holder while that lives and works, and to whoever comes next a few seconds
/// after it died.
///
/// Guards `ClaimLeases` and the fence.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct ClaimLeaseTests {
  static let method = "ConfirmPaymentIntent"
  static let short = ClaimLease(
    length: .milliseconds(900), renewAfter: .milliseconds(200), heldMax: .seconds(60))
  /// Of a process that never gets to say that it lives.
  static let silent = ClaimLease(
    length: .milliseconds(900), renewAfter: .seconds(3_600), heldMax: .seconds(3_600))

  /// A process of its own: its claims, over the same table.
  static func process(_ harness: IntentsHarness, _ lease: ClaimLease) -> Idempotency {
    Idempotency(
      database: harness.database, loop: harness.database.loop, metrics: MetricRegistry(),
      logger: Certificates.quiet, lease: lease)
  }

  static func begin(_ process: Idempotency, _ key: String) async throws -> Claim {
    let context = CallContext(
      method: "tender.intents.v1.PaymentIntents/\(method)",
      peer: .merchant(id: IntentsHarness.merchant.description, client: "test"),
      merchant: IntentsHarness.merchant, trace: .random(), key: try IdempotencyKey(key))
    let begun = try await CallContext.$current.withValue(context) {
      try await process.begin(
        IntentsV1.ConfirmPaymentIntentRequest(paymentIntentID: "x"), subject: UUIDBits(7)
      ) { _, _ in }
    }
    guard case .run(let claim) = begun else { throw TestSetupError("not claimed") }
    return claim
  }

  static func finish(_ process: Idempotency, _ claim: Claim, on harness: IntentsHarness) async throws {
    try await harness.database.transaction { transaction in
      try await process.finish(claim, .response([]), in: transaction)
    }
  }

  /// On the loop, as in the service.
  static func onLoop(
    _ body: @escaping @Sendable (IntentsHarness) async throws -> Void
  ) async throws {
    try await IntentsHarness.with { harness in
      try await withTaskExecutorPreference(harness.database.loop) { try await body(harness) }
    }
  }

  @Test func aSlowHolderKeepsItsClaim() async throws {
    try await Self.onLoop { harness in
      let holder = Self.process(harness, Self.short)
      let other = Self.process(harness, Self.short)
      let claim = try await Self.begin(holder, "slow")
      let end = MonotonicInstant.now.advanced(by: Self.short.length * 3)
      while MonotonicInstant.now < end {
        #expect(try await other.takeAbandoned(method: Self.method, limit: 10).isEmpty)
        try await harness.database.loop.sleep(for: .milliseconds(20))
      }
      try await Self.finish(holder, claim, on: harness)
      holder.release(claim)
    }
  }

  @Test func aDeadHoldersClaimIsTakenOverAndItsFenceIsLost() async throws {
    try await Self.onLoop { harness in
      let dead = Self.process(harness, Self.silent)
      let other = Self.process(harness, Self.short)
      let claim = try await Self.begin(dead, "dead")
      let died = MonotonicInstant.now
      var taken: [Claim] = []
      while taken.isEmpty {
        taken = try await other.takeAbandoned(method: Self.method, limit: 10)
        try await harness.database.loop.sleep(for: .milliseconds(20))
      }
      let waited = died.duration(to: .now)
      #expect(waited > .milliseconds(800) && waited < .seconds(3))
      #expect(taken.map(\.subject) == [UUIDBits(7)] && taken[0].fence == claim.fence + 1)
      await #expect(throws: Idempotency.FenceLost.self) {
        try await Self.finish(dead, claim, on: harness)
      }
      // The new holder is slow and keeps it, and the old one's late `release` takes nothing away.
      other.release(claim)
      let end = MonotonicInstant.now.advanced(by: Self.short.length * 2)
      while MonotonicInstant.now < end {
        #expect(try await dead.takeAbandoned(method: Self.method, limit: 10).isEmpty)
        try await harness.database.loop.sleep(for: .milliseconds(20))
      }
      try await Self.finish(other, taken[0], on: harness)
    }
  }

  @Test func aReleasedOrHungHolderIsRenewedNoFurther() async throws {
    try await Self.onLoop { harness in
      var hung = Self.short
      hung.heldMax = .milliseconds(500)
      let holder = Self.process(harness, hung)
      _ = try await Self.begin(holder, "hung")
      var taken: [Claim] = []
      let other = Self.process(harness, Self.short)
      while taken.isEmpty {
        taken = try await other.takeAbandoned(method: Self.method, limit: 10)
        try await harness.database.loop.sleep(for: .milliseconds(20))
      }
      // Let go without an answer: the next one need not wait for longer than a lease.
      other.release(taken[0])
      let released = MonotonicInstant.now
      while try await holder.takeAbandoned(method: Self.method, limit: 10).isEmpty {
        try await harness.database.loop.sleep(for: .milliseconds(20))
      }
      #expect(released.duration(to: .now) < .seconds(3))
    }
  }

  /// What ends at once costs no renewal; what is left by a killed process is free after 5 s.
  @Test func theStandardLeaseIsShortAndAQuickPaymentNeverRenewsIt() async throws {
    #expect(ClaimLease.standard.length == .seconds(5))
    #expect(ClaimLease.standard.renewAfter * 2 < ClaimLease.standard.length)
    #expect(ClaimLease.standard.heldMax > .seconds(12))
    try await IntentsHarness.with { harness in
      harness.router.gate.open()
      _ = try await harness.withClient { try await IntentsHarness.pay($0, key: "quick") }
      let lease = try await harness.database.query(
        "select extract(epoch from lease_until - created_at)::float8 from idempotency_key"
      ).single()[0, as: Double.self]
      #expect(lease == 5)
    }
  }
}
