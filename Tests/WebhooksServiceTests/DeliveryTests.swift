import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Testing
import WebhooksCore
import Wire

@testable import WebhooksService

@Suite(.freshDatabase(service: "webhooks"), .timeLimit(.minutes(2)))
struct DeliveryTests {
  @Test func anEventArrivesSignedAsItIsStored() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver()
      defer { receiver.stop() }
      let (_, secret) = try await hooks.enabled(receiver)
      let event = hooks.event()
      let answer = try await hooks.publish([event])
      #expect(answer.accepted == 1 && answer.duplicates == 0)
      let delivery = try await hooks.waitForState(.succeeded, of: event.id)
      #expect(delivery.attempts.map(\.httpStatus) == [200])
      let sent = try #require(receiver.events.first)
      #expect(sent.id == event.id && sent.isSigned(by: secret))
      let stored = try #require(try await hooks.events().events.first)
      #expect(Array(sent.body.utf8) == stored.body && stored.sequence == 1)
      #expect(sent.body.contains(#""data":{"object":\#(event.objectJson)}"#))
      // Not the secret's text, and no other secret.
      #expect(!sent.isSigned(by: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    }
  }

  @Test func aFailureIsTriedAgainWithTheSameIdAndAFreshSignature() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver { _, earlier in .status(earlier == 0 ? 500 : 200) }
      defer { receiver.stop() }
      let (_, secret) = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      let delivery = try await hooks.waitForState(.succeeded, of: event.id)
      #expect(delivery.attempts.map(\.httpStatus) == [500, 200])
      #expect(delivery.attempts.map(\.number) == [1, 2])
      #expect(delivery.attempts[0].error == "answered 500")
      #expect(receiver.events.map(\.id) == [event.id, event.id])
      #expect(receiver.events.allSatisfy { $0.isSigned(by: secret) })
    }
  }

  @Test func redirectsAreFailuresAndEverythingEndsAsUndeliverable() async throws {
    var settings = WebhooksHarness.settings()
    settings.schedule = RetrySchedule(scale: 0)
    try await WebhooksHarness.with(settings) { hooks in
      let other = try Receiver()
      let receiver = try Receiver { _, _ in .status(302, headers: ["Location: \(other.url)"]) }
      defer {
        receiver.stop()
        other.stop()
      }
      _ = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      let delivery = try await hooks.waitForState(.undeliverable, of: event.id)
      #expect(delivery.attempts.count == RetrySchedule.triesMax && delivery.nextAttemptAt == nil)
      #expect(other.events.isEmpty)
      let alerts = try await hooks.database.query(
        "select count(*) from alert where kind = 'webhooks.undeliverable' and state = 'open'")
      #expect(try alerts.single()[0, as: Int64.self] == 1)
      // By request it begins anew.
      receiver.behave { _, _ in .status(200) }
      let again = try await hooks.retry(delivery.id, key: "again")
      #expect(again?.state == .pending && again?.attempts.count == RetrySchedule.triesMax)
      let done = try await hooks.waitForState(.succeeded, of: event.id)
      #expect(done.attempts.count == RetrySchedule.triesMax + 1)
      // A replay is the answer of then.
      #expect(try await hooks.retry(delivery.id, key: "again") == again)
    }
  }

  @Test func aHangingEndpointDelaysNobodyElse() async throws {
    var settings = WebhooksHarness.settings()
    settings.placesMax = 4
    try await WebhooksHarness.with(settings) { hooks in
      let hanging = try Receiver { _, _ in .hang }
      let healthy = try Receiver()
      defer {
        hanging.stop()
        healthy.stop()
      }
      _ = try await hooks.enabled(hanging, key: "a", types: ["refund.*", "payment_intent.*"])
      _ = try await hooks.enabled(healthy, key: "b", types: ["payment_intent.*"])
      try await hooks.publish((0..<20).map { _ in hooks.event("refund.created") })
      try await hooks.eventually("the hanging endpoint holds a place") { hanging.hanging > 0 }
      try await hooks.publish((0..<50).map { _ in hooks.event() })
      try await hooks.eventually("the healthy endpoint gets all") { healthy.events.count == 50 }
      // All that while the first attempt was still under way, and it was the only one.
      #expect(hanging.hanging == 1 && hanging.events.count == 1)
    }
  }

  @Test func aKilledWorkersDeliveryIsMadeByAnother() async throws {
    var settings = WebhooksHarness.settings()
    settings.leaseMilliseconds = 1_000
    try await WebhooksHarness.with(settings) { [settings] hooks in
      let receiver = try Receiver { _, earlier in earlier == 0 ? .hang : .status(200) }
      defer { receiver.stop() }
      let (_, secret) = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      try await hooks.eventually("the first attempt is under way") { receiver.hanging == 1 }
      let fence = try await hooks.database.query("select fence from delivery").single()[
        0, as: Int64.self]
      await hooks.server.dispatcher.abandon()
      let another = try hooks.another(settings)
      try await another.start()
      let delivery = try await hooks.waitForState(.succeeded, of: event.id)
      #expect(delivery.attempts.map(\.httpStatus) == [200])
      #expect(receiver.events.map(\.id) == [event.id, event.id])
      #expect(receiver.events.allSatisfy { $0.isSigned(by: secret) })
      let now = try await hooks.database.query("select fence from delivery").single()[
        0, as: Int64.self]
      #expect(now > fence)
      await another.shutdown()
    }
  }

  @Test func aLateAttemptChangesNothing() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver { _, _ in .hang }
      defer { receiver.stop() }
      let (id, _) = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      try await hooks.eventually("the attempt is under way") { receiver.hanging == 1 }
      func record(fence: Int64) async throws -> Int {
        let endpoint = try #require(EndpointID(id))
        let result = AttemptResult(
          delivery: ClaimedDelivery(
            merchant: WebhooksHarness.merchant, endpoint: endpoint,
            event: try #require(EventID(event.id)), fence: fence, tries: 0, body: [], url: "",
            secrets: []),
          change: DeliveryChange(state: .succeeded, tries: 1, pauseMilliseconds: nil),
          at: hooks.environment.clock.now, httpStatus: 200, durationMilliseconds: 1, error: "")
        return try await hooks.database.query(DeliveryStatements.record([result])).affected
      }
      #expect(try await record(fence: 0) == 0)
      #expect(try await hooks.deliveries(of: event.id).first?.state == .pending)
      #expect(try await record(fence: 1) == 1)
      #expect(try await hooks.deliveries(of: event.id).first?.state == .succeeded)
    }
  }

  @Test func goneDisablesTheEndpoint() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver { _, _ in .status(410) }
      defer { receiver.stop() }
      let (id, _) = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      let delivery = try await hooks.waitForState(.undeliverable, of: event.id)
      let endpoint = try await hooks.endpoint(id)
      #expect(endpoint?.state == .disabled && endpoint?.stateReason == "It answered 410 Gone.")
      let refused = await hooks.failure { try await hooks.retry(delivery.id, key: "r") }
      #expect(refused?.reason == "ENDPOINT_NOT_ENABLED")
    }
  }

  @Test func retryAfterIsHeeded() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver { _, earlier in
        earlier == 0 ? .status(429, headers: ["Retry-After: 600"]) : .status(200)
      }
      defer { receiver.stop() }
      _ = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      let delivery = try await hooks.waitForState(.succeeded, of: event.id)
      let times = delivery.attempts.compactMap { $0.at?.timestamp }
      // 600 s, scaled, less the jitter.
      #expect(times.count == 2 && times[1] - times[0] >= .milliseconds(1_080))
    }
  }
}
