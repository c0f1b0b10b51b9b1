import GRPCCore
import Money
import Postgres
import Reactor
import Seal
import ServiceKit
import TestSupport
import Testing
import WebhooksCore
import Wire

@testable import WebhooksService

@Suite(.freshDatabase(service: "webhooks"), .timeLimit(.minutes(2)))
struct EndpointTests {
  @Test func anUnverifiedEndpointGetsOnlyChallenges() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver(echoes: false)
      defer { receiver.stop() }
      let made = try await hooks.create(receiver.url)
      let id = try #require(made.endpoint?.id)
      #expect(made.endpoint?.state == .pending)
      try await hooks.eventually("the challenge failed") {
        try await hooks.endpoint(id)?.stateReason.contains("without its value") == true
      }
      #expect(receiver.challenges.allSatisfy { $0.isSigned(by: made.secret) })
      let event = hooks.event()
      try await hooks.publish([event])
      #expect(try await hooks.deliveries(of: event.id).isEmpty)
      // Once verified it gets what comes from then on.
      receiver.echo(true)
      #expect(try await hooks.verify(id, key: "v")?.state == .pending)
      try await hooks.eventually("the endpoint is enabled") {
        try await hooks.endpoint(id)?.state == .enabled
      }
      let later = hooks.event()
      try await hooks.publish([later])
      _ = try await hooks.waitForState(.succeeded, of: later.id)
      #expect(receiver.events.map(\.id) == [later.id])
      #expect(try await hooks.events().events.map(\.id) == [event.id, later.id])
    }
  }

  /// A process's wall clock may be hours wrong: a challenge is due by the database's clock.
  @Test(arguments: [7_200, -7_200]) func aWrongClockPutsNoChallengeOff(
    seconds: Int64
  ) async throws {
    let wrong = WrongClock(offset: .seconds(seconds))
    try await WebhooksHarness.with(clock: wrong) { hooks in
      let receiver = try Receiver(echoes: false)
      defer { receiver.stop() }
      let id = try #require(try await hooks.create(receiver.url).endpoint?.id)
      try await hooks.eventually("the challenge failed") {
        try await hooks.endpoint(id)?.stateReason.contains("without its value") == true
      }
      let soon = try await hooks.database.query(
        """
        select challenge_due_at between now() - interval '1 minute' and now() + interval '1 minute'
        from endpoint
        """
      ).single()[0, as: Bool.self]
      #expect(soon)
      receiver.echo(true)
      try await hooks.eventually("the endpoint is enabled") {
        try await hooks.endpoint(id)?.state == .enabled
      }
    }
  }

  private struct WrongClock: WallClock {
    let offset: Duration
    var now: Timestamp { SystemClock().now + offset }
  }

  @Test func aReplayShowsTheSecretThatIsStoredSealed() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver()
      defer { receiver.stop() }
      let first = try await hooks.create(receiver.url, key: "k")
      let replay = try await hooks.create(receiver.url, key: "k")
      #expect(first.secret.hasPrefix("whsec_") && first == replay)
      let secret = try #require(EndpointSecret(text: first.secret))
      let stored = try await hooks.database.query("select sealed from endpoint_secret").single()[
        0, as: [UInt8].self]
      let answer = try await hooks.database.query("select response from idempotency_key").single()[
        0, as: [UInt8].self]
      let plain = secret.key.copyBytes()
      #expect(!stored.indices.contains { stored[$0...].starts(with: plain) })
      #expect(!String(decoding: answer, as: UTF8.self).contains("whsec_"))
    }
  }

  @Test func aReplayShowsItsOwnSecretUntilThatIsRotatedAway() async throws {
    try await WebhooksHarness.with { hooks in
      let url = "http://127.0.0.1:9/"
      let created = try await hooks.create(url, key: "c")
      let id = try #require(created.endpoint?.id)
      let first = try await hooks.rotate(id, key: "r1")
      #expect(first.secret.hasPrefix("whsec_") && first.secret != created.secret)
      // Each key has its own secret, whichever is the newest; disabling takes none away.
      _ = try await hooks.disable(id, key: "d")
      #expect(try await hooks.create(url, key: "c") == created)
      #expect(try await hooks.rotate(id, key: "r1") == first)
      // Without overlap the newest is removed at once; the one before it has its day still.
      let second = try await hooks.rotate(id, key: "r2", hours: 0)
      let gone = await hooks.failure { try await hooks.rotate(id, key: "r1") }
      #expect(gone?.code == .failedPrecondition && gone?.reason == "SECRET_GONE")
      #expect(gone?.metadata["endpoint_id"] == id)
      #expect(try await hooks.create(url, key: "c") == created)
      #expect(try await hooks.rotate(id, key: "r2", hours: 0) == second)
    }
  }

  @Test func callersWithOneKeyGetOneSecret() async throws {
    try await WebhooksHarness.with { hooks in
      let other = try hooks.another()
      let answers = try await withThrowingTaskGroup(
        of: WebhooksV1.CreateEndpointResponse.self
      ) { group in
        for number in 0..<10 {
          group.addTask {
            try await hooks.create("http://127.0.0.1:9/", key: "k", at: number % 2 == 0 ? other : nil)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.count == 10 && answers.allSatisfy { $0 == answers[0] })
      #expect(answers[0].secret.hasPrefix("whsec_"))
      await other.shutdown()
    }
  }

  @Test func bothSecretsSignAfterARotation() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver()
      defer { receiver.stop() }
      let (id, old) = try await hooks.enabled(receiver)
      let rotated = try await hooks.rotate(id, key: "r")
      #expect(try await hooks.rotate(id, key: "r") == rotated)
      let event = hooks.event()
      try await hooks.publish([event])
      _ = try await hooks.waitForState(.succeeded, of: event.id)
      let sent = try #require(receiver.events.first)
      #expect(sent.isSigned(by: old) && sent.isSigned(by: rotated.secret))
      #expect(rotated.secret != old && rotated.oldSecretExpiresAt != nil)
      // When its time is over the old one signs no more.
      _ = try await hooks.database.query(
        "update endpoint_secret set expires_at = now() - interval '1 s' where expires_at is not null")
      let later = hooks.event()
      try await hooks.publish([later])
      _ = try await hooks.waitForState(.succeeded, of: later.id)
      let last = try #require(receiver.events.last)
      #expect(!last.isSigned(by: old) && last.isSigned(by: rotated.secret))
    }
  }

  @Test(arguments: [
    ("https://127.0.0.1/x", "ADDRESS_NOT_ALLOWED"), ("https://10.1.2.3/", "ADDRESS_NOT_ALLOWED"),
    ("https://[::1]/", "ADDRESS_NOT_ALLOWED"), ("https://[::ffff:127.0.0.1]/", "ADDRESS_NOT_ALLOWED"),
    ("https://169.254.169.254/latest", "ADDRESS_NOT_ALLOWED"), ("http://127.0.0.1/x", "URL_INVALID"),
    ("http://example.com/", "URL_INVALID"), ("https://u:p@example.com/", "URL_INVALID"),
  ])
  func privateAddressesNeedTheSetting(_ url: String, _ reason: String) async throws {
    try await WebhooksHarness.with(WebhooksHarness.settings(allowed: [])) { hooks in
      let refused = await hooks.failure { try await hooks.create(url) }
      #expect(refused?.reason == reason)
    }
  }

  /// The setting is taken away after the endpoint was verified: the address is checked at each try.
  @Test func theAddressIsCheckedAtEachAttempt() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver()
      defer { receiver.stop() }
      _ = try await hooks.enabled(receiver)
      await hooks.server.dispatcher.abandon()
      let strict = try hooks.another(WebhooksHarness.settings(allowed: []))
      try await strict.start()
      let event = hooks.event()
      try await hooks.publish([event])
      try await hooks.eventually("an attempt is refused") {
        try await hooks.deliveries(of: event.id).first?.attempts.isEmpty == false
      }
      let attempt = try await hooks.deliveries(of: event.id).first?.attempts.first
      #expect(attempt?.error == "refused: loopback address" && attempt?.httpStatus == 0)
      #expect(receiver.events.isEmpty)
      await strict.shutdown()
    }
  }

  @Test func liveMerchantsNeverReachPrivateNetworks() async throws {
    try await WebhooksHarness.with { hooks in
      let plain = await hooks.failure {
        try await hooks.create("http://127.0.0.1/x", merchant: WebhooksHarness.live)
      }
      #expect(plain?.reason == "URL_INVALID")
      let encrypted = await hooks.failure {
        try await hooks.create("https://127.0.0.1/x", merchant: WebhooksHarness.live)
      }
      #expect(encrypted?.reason == "ADDRESS_NOT_ALLOWED")
    }
  }

  @Test func aDisabledEndpointsDeliveriesAreListedAsUndeliverable() async throws {
    try await WebhooksHarness.with { hooks in
      let receiver = try Receiver { _, _ in .hang }
      defer { receiver.stop() }
      let (id, _) = try await hooks.enabled(receiver)
      let event = hooks.event()
      try await hooks.publish([event])
      try await hooks.eventually("the attempt is under way") { receiver.hanging == 1 }
      #expect(try await hooks.disable(id, key: "d")?.state == .disabled)
      #expect(try await hooks.deliveries(of: event.id).first?.state == .undeliverable)
    }
  }

  @Test func endpointsAreLimitedAndTheirTypesKnown() async throws {
    try await WebhooksHarness.with { hooks in
      let unknown = await hooks.failure {
        try await hooks.create("http://127.0.0.1:9/", types: ["payment_intnet.*"])
      }
      #expect(unknown?.reason == "EVENT_TYPE_UNKNOWN")
      for number in 0..<WebhookSettings.endpointsMax {
        _ = try await hooks.create("http://127.0.0.1:9/", key: "k\(number)")
      }
      let full = await hooks.failure { try await hooks.create("http://127.0.0.1:9/", key: "last") }
      #expect(full?.reason == "TOO_MANY_ENDPOINTS")
      let foreign = await hooks.failure {
        try await hooks.call("DisableEndpoint", merchant: WebhooksHarness.stranger, key: "x") {
          try await hooks.server.handler.disableEndpoint(
            request: WebhooksV1.DisableEndpointRequest(endpointID: EndpointID(bits: 1).description),
            context: $0)
        }
      }
      #expect(foreign?.reason == "ENDPOINT_NOT_FOUND")
    }
  }
}
