import Foundation
import GatewayCore
import InboundHTTP
import Money
import Outbound
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing

@testable import GatewayService

/// The listener as gateways and everybody else reach it.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct InboundEndpointTests {
  static let current = SecretBytes(text: "whsec_current")
  static let previous = SecretBytes(text: "whsec_previous")
  static let adyenCurrent = SecretBytes([UInt8](repeating: 7, count: 32))
  static let adyenPrevious = SecretBytes([UInt8](repeating: 8, count: 32))

  struct Listening: Sendable {
    let harness: GatewayHarness
    let port: UInt16

    func post(
      _ path: String,
      _ body: [UInt8],
      headers: [HeaderField] = []
    ) async throws -> Int {
      let report = await harness.gateways.client.send(
        OutboundRequest(
          .post,
          "http://127.0.0.1:\(port)\(path)",
          headers: headers,
          body: body,
          timeout: .seconds(10)
        )
      )
      return report.status ?? 0
    }

    func stripe(
      _ body: [UInt8],
      secret: SecretBytes = current,
      age: Int64 = 0,
      signedAs: [UInt8]? = nil
    ) async throws -> Int {
      let seconds = harness.first.flow.environment.clock.now.seconds - age
      let code = HMACSHA256.code(Array("\(seconds).".utf8) + (signedAs ?? body), key: secret)
      return try await post(
        "/stripe",
        body,
        headers: [HeaderField("stripe-signature", "t=\(seconds),v1=\(Hex.encode(code))")]
      )
    }

    func adyen(_ items: [(String, SecretBytes)]) async throws -> Int {
      let parts = items.map { psp, key -> String in
        let signed = "\(psp)::TestMerchant:ref:4999:EUR:AUTHORISATION:true"
        let code = Base64.encode(HMACSHA256.code(Array(signed.utf8), key: key))
        return """
          {"NotificationRequestItem":{"pspReference":"\(psp)","merchantAccountCode":"TestMerchant",
          "merchantReference":"ref","amount":{"value":4999,"currency":"EUR"},"success":"true",
          "eventCode":"AUTHORISATION","additionalData":{"hmacSignature":"\(code)"}}}
          """
      }
      let body = #"{"live":"false","notificationItems":[\#(parts.joined(separator: ","))]}"#
      return try await post("/adyen", Array(body.utf8))
    }

    func stored() async throws -> Int64 {
      try await harness.value("select count(*) from notification")
    }
  }

  private func withListener(
    _ body: @escaping @Sendable (Listening) async throws -> Void
  ) async throws {
    try await GatewayHarness.with { harness in
      let settings = InboundSettings(
        host: "127.0.0.1",
        port: 0,
        stripeSecrets: [Self.current, Self.previous],
        adyenKeys: [Self.adyenCurrent, Self.adyenPrevious]
      )
      let endpoint = InboundEndpoint(harness.first.flow.environment, settings, wake: {})
      let port = try endpoint.start()
      do {
        try await body(Listening(harness: harness, port: port))
      } catch {
        try await endpoint.shutdown()
        throw error
      }
      try await endpoint.shutdown()
    }
  }

  private static func event(_ id: String) -> [UInt8] {
    StripeEvent.body(id: id, intent: "pi_1", reference: "", "succeeded")
  }

  @Test func rotatedSecretsCountAndOthersDoNot() async throws {
    try await withListener { (listening: Listening) async throws in
      #expect(try await listening.stripe(Self.event("evt_1")) == 200)
      #expect(try await listening.stripe(Self.event("evt_2"), secret: Self.previous) == 200)
      let other = SecretBytes(text: "whsec_retired")
      #expect(try await listening.stripe(Self.event("evt_3"), secret: other) == 401)
      #expect(try await listening.adyen([("psp1", Self.adyenCurrent)]) == 200)
      #expect(try await listening.adyen([("psp2", Self.adyenPrevious)]) == 200)
      #expect(try await listening.adyen([("psp3", other)]) == 401)
      #expect(try await listening.stored() == 4)
    }
  }

  @Test func oneForgedItemRefusesItsBatchAndPeopleHearOfIt() async throws {
    try await withListener { (listening: Listening) async throws in
      let forged = SecretBytes([UInt8](repeating: 9, count: 32))
      #expect(
        try await listening.adyen([("psp1", Self.adyenCurrent), ("psp2", forged)]) == 401
      )
      #expect(try await listening.stored() == 0)
      try await eventually { try await listening.harness.alerts() == [ForgeryAlarm.kind] }
      // However many come, they cost one row a minute.
      for _ in 0..<20 { _ = try await listening.adyen([("psp2", forged)]) }
      let count: Int32 = try await listening.harness.value("select count from alert")
      #expect(count == 1)
      #expect(
        try await listening.adyen([("psp1", Self.adyenCurrent), ("psp2", Self.adyenPrevious)])
          == 200
      )
      #expect(try await listening.stored() == 2)
    }
  }

  @Test func whatIsNoNotificationChangesNothing() async throws {
    try await withListener { (listening: Listening) async throws in
      let good = Self.event("evt_1")
      #expect(try await listening.stripe(good, age: 301) == 401)
      // It comes nearer while the test waits; the second itself is in `NoticeTests`.
      #expect(try await listening.stripe(good, age: -420) == 401)
      #expect(try await listening.stripe(good + [0x20], signedAs: good) == 401)
      #expect(try await listening.post("/stripe", good) == 401)
      // Signed and cut off.
      #expect(try await listening.stripe(Array(good.dropLast(9))) == 400)
      #expect(try await listening.stripe([]) == 400)
      let large = [UInt8](repeating: 0x20, count: InboundEndpoint.bodyBytesMax + 1)
      #expect(try await listening.stripe(large) == 413)
      #expect(try await listening.post("/adyen", Array("{}".utf8)) == 400)
      #expect(try await listening.post("/other", good) == 404)
      #expect(try await listening.stored() == 0)
    }
  }

  /// A true one, sent again by whoever has seen it: acknowledged, stored once, processed once.
  @Test func aReplayedNotificationIsOne() async throws {
    try await withListener { (listening: Listening) async throws in
      let harness = listening.harness
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let row = try await StripeEvent.about(order, status: "succeeded", id: "evt_1", harness)
      for _ in 0..<3 { #expect(try await listening.stripe(row.body) == 200) }
      try await harness.first.notice()
      #expect(try await listening.stripe(row.body) == 200)
      try await harness.first.notice()
      let tries: Int32 = try await harness.value("select tries from notification")
      #expect(tries == 1)
      #expect(try await listening.stored() == 1)
    }
  }

  /// The event is there before the row of what it is about.
  @Test func anEarlyNotificationWaitsForItsPayment() async throws {
    try await withListener { (listening: Listening) async throws in
      let harness = listening.harness
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let row = try await StripeEvent.about(order, status: "succeeded", id: "evt_early", harness)
      try await harness.test.run("create table public.aside as table gateway.attempt")
      try await harness.test.run("delete from gateway.attempt")
      #expect(try await listening.stripe(row.body) == 200)
      try await harness.first.notice()
      let isOpen: Bool = try await harness.value("select processed_at is null from notification")
      #expect(isOpen)
      try await harness.test.run("insert into gateway.attempt select * from public.aside")
      try await harness.hurry()
      try await harness.first.notice()
      let isDone: Bool = try await harness.value(
        "select processed_at is not null from notification"
      )
      #expect(isDone)
      #expect(try await harness.alerts().isEmpty)
    }
  }

  @Test func aTallyTellsOnceAMinute() {
    var tally = ForgeryAlarm.Tally()
    #expect(tally.note(.adyen, nowSeconds: 100) == 1)
    #expect(tally.note(.adyen, nowSeconds: 101) == nil)
    #expect(tally.note(.stripe, nowSeconds: 101) == 1)
    #expect(tally.note(.adyen, nowSeconds: 159) == nil)
    #expect(tally.note(.adyen, nowSeconds: 160) == 3)
  }

  /// The proxy lets through what the listener takes, waits as long as it may work, and no longer than
  /// a gateway waits.
  @Test func theProxysLimitsAreTheListeners() throws {
    let file = URL(filePath: #filePath).appending(path: "../../../../deploy/nginx/inbound.conf")
    let text = try String(contentsOf: file.standardized, encoding: .utf8)
    func value(_ name: String) throws -> String {
      let line = try #require(
        text.split(separator: "\n").first { $0.trimmingPrefix { $0 == " " }.hasPrefix(name + " ") }
      )
      let rest = line.trimmingPrefix { $0 == " " }.dropFirst(name.count + 1)
      return String(rest.prefix { $0 != ";" })
    }
    func seconds(_ name: String) throws -> Int64 {
      try #require(Int64(try value(name).dropLast()))
    }
    let body = "\(InboundEndpoint.bodyBytesMax / 1024)k"
    #expect(try value("client_max_body_size") == body)
    #expect(try value("client_body_buffer_size") == body)
    let limits = RequestLimits()
    let heads = try value("large_client_header_buffers").split(separator: " ")
    let headBytes = (Int(heads[0]) ?? 0) * (Int(heads[1].dropLast()) ?? 0) * 1024
    #expect(headBytes >= limits.headBytesMax, "the listener's own limit is the one that counts")
    #expect(try seconds("client_body_timeout") * 1_000 <= limits.requestMilliseconds)
    // The listener answers within its own time, the proxy within the gateway's ten seconds.
    let answer = InboundEndpoint.storeMilliseconds + 1_000
    #expect(try seconds("proxy_read_timeout") * 1_000 > answer)
    #expect(try seconds("proxy_next_upstream_timeout") < 10)
    // Connections that are kept, and those of one gateway, leave room at the listener.
    #expect((Int(try value("keepalive")) ?? .max) < InboundEndpoint.connectionsMax)
    let connections = try value("limit_conn").split(separator: " ")
    #expect((Int(connections[1]) ?? .max) <= InboundEndpoint.connectionsMax)
  }
}
