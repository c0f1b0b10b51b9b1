import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Set-ups that several work on at once, or that nobody can work on.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct SetupRaceTests {
  private static func flow(_ replica: Replica) -> SetupFlow { SetupFlow(flow: replica.flow) }

  /// Both read the row before a gateway was chosen; one is slow.
  @Test func whoComesLateNeitherSendsNorCallsItUnsent() async throws {
    try await GatewayHarness.with { harness in
      let id = try await SetupTests.abandoned(harness)
      let early = try await onLoop(harness.second.loop) {
        try await Self.flow(harness.second).get(id, of: GatewayHarness.merchant)
      }
      try await harness.gateways.blackHole("stripe")
      try await onLoop(harness.first.loop) {
        try await Self.flow(harness.first).advance(id, of: GatewayHarness.merchant)
      }
      try await harness.gateways.heal()
      try await onLoop(harness.second.loop) {
        try await Self.flow(harness.second).send(early)
        try await Self.flow(harness.second).refuse(early, .noGateway)
      }
      #expect(try await harness.gateways.setups().isEmpty)
      #expect(try await SetupTests.get(harness, id.description).status == .processing)
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await SetupTests.get(harness, id.description).status == .succeeded)
      #expect(try await harness.gateways.setups().count == 1)
    }
  }

  /// The repetition's answer was lost; the first sending wakes up and finds the gateway gone.
  @Test func aSlowFirstSendingProvesNothingBesideARepetition() async throws {
    try await GatewayHarness.with { harness in
      let id = try await SetupTests.abandoned(harness)
      try await harness.gateways.blackHole("stripe")
      for _ in 1...2 {
        try await onLoop(harness.second.loop) {
          try await Self.flow(harness.second).advance(id, of: GatewayHarness.merchant)
        }
      }
      let refused = SetupEvent.outcome(.notExecuted(Proof(neverWritten: .breakerOpen)))
      let isNews = try await onLoop(harness.first.loop) {
        try await Self.flow(harness.first).learn(
          refused, about: id, of: GatewayHarness.merchant, detail: "late")
      }
      #expect(!isNews)
      #expect(try await SetupTests.get(harness, id.description).status == .processing)
    }
  }

  /// Killed between the choice of the gateway and the request.
  @Test(arguments: [GatewayName.stripe, .adyen])
  func aChoiceThatNobodySentIsSentByWhoeverFindsIt(gateway: GatewayName) async throws {
    try await GatewayHarness.with { harness in
      let id = try await SetupTests.abandoned(harness)
      _ = try await Self.choose(gateway, for: id, harness)
      try await harness.second.recover()
      let ended = try await SetupTests.get(harness, id.description)
      #expect(ended.status == .succeeded && ended.gateway == gateway.rawValue)
      try await Self.expectOne(at: gateway, harness)
      // Its caller asks again and is answered.
      #expect(try await SetupTests.create(harness) == ended)
      try await Self.expectOne(at: gateway, harness)
    }
  }

  /// Killed between the gateway's answer and learning it.
  @Test(arguments: [GatewayName.stripe, .adyen])
  func anAnswerThatNobodyLearnedIsHeardAgain(gateway: GatewayName) async throws {
    try await GatewayHarness.with { harness in
      let id = try await SetupTests.abandoned(harness)
      let record = try await Self.choose(gateway, for: id, harness)
      let heard = try await onLoop(harness.first.loop) {
        let flow = harness.first.flow
        let method = try #require(
          try await flow.resolve(
            record.paymentMethod, of: GatewayHarness.merchant, for: id.description))
        return await flow.ports.setUp(
          record, at: try #require(record.account), method, .first,
          within: GatewayPorts.sendLimit)
      }
      guard case .succeeded(let settled) = heard.outcome else {
        throw TestSetupError("\(heard.outcome)")
      }
      #expect(try await SetupTests.get(harness, id.description).status == .processing)
      try await harness.second.recover()
      let ended = try await SetupTests.get(harness, id.description)
      #expect(ended.status == .succeeded && ended.gatewayReference == settled.reference)
      try await Self.expectOne(at: gateway, harness)
      #expect(try await SetupTests.create(harness) == ended)
    }
  }

  private static func choose(
    _ gateway: GatewayName, for id: SetupIntentID, _ harness: GatewayHarness
  ) async throws -> SetupRecord {
    let account = try #require(harness.first.flow.ports.order.first { $0.gateway == gateway })
    let stamp = Stamp(actor: "test", traceID: [UInt8](repeating: 1, count: 16))
    let rows: Rows = try await harness.first.database.query(
      SetupStatements.choose(account, for: id, of: GatewayHarness.merchant, stamp))
    return try SetupRecord(try rows.single())
  }

  /// At Adyen it is a payment of nothing.
  private static func expectOne(at gateway: GatewayName, _ harness: GatewayHarness) async throws {
    let setups = try await harness.gateways.setups().count
    let payments = try await harness.gateways.payments().count
    #expect((setups, payments) == (gateway == .stripe ? (1, 0) : (0, 1)))
  }

  /// It passes, so that it is no answer.
  @Test func aFullGatewayIsAskedLater() async throws {
    try await GatewayHarness.with { harness in
      let ports = harness.first.flow.ports
      for account in ports.order {
        for _ in 0..<ports.limits.concurrentMax { ports.limits.enter(account) }
      }
      let made = try await SetupTests.create(harness)
      #expect(made.status == .processing && made.gateway.isEmpty)
      for account in ports.order {
        for _ in 0..<ports.limits.concurrentMax { ports.limits.leave(account) }
      }
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await SetupTests.get(harness, made.id).status == .succeeded)
    }
  }

  /// Nothing was sent: proven, unlike silence.
  @Test func whatNobodyCouldSendForTooLongHasFailed() async throws {
    try await GatewayHarness.with { harness in
      let id = try await SetupTests.abandoned(harness)
      try await harness.test.run("update gateway.setup_intent set tries = 12")
      try await harness.test.run("delete from gateway.idempotency_key")
      try await harness.hurry()
      try await harness.first.recover()
      let ended = try await SetupTests.get(harness, id.description)
      #expect(ended.status == .failed && ended.failure?.code == "not_executed")
      #expect(try await harness.gateways.setups().isEmpty)
    }
  }

  /// The vault takes the call and says nothing: there is time left to store the answer.
  @Test func aHangingVaultLeavesItOpen() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.hangs = true }
      let made = try await SetupTests.create(harness)
      #expect(made.status == .processing && made.gateway.isEmpty)
      harness.vault.method.withLock { $0.hangs = false }
      #expect(try await SetupTests.create(harness) == made)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await SetupTests.get(harness, made.id).status == .succeeded)
    }
  }

  /// The networks count what a bank declines, also where no money was asked for.
  @Test func theNetworksLimitsCountSetUps() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        method.stripe = "pm_card_visa_chargeDeclinedInsufficientFunds"
        method.brand = "mastercard"
      }
      for number in 1...10 {
        let declined = try await SetupTests.create(harness, key: "\(number)", gateway: "stripe")
        #expect(declined.failure?.code == "insufficient_funds")
      }
      let refused = try await SetupTests.create(harness, key: "11", gateway: "stripe")
      #expect(refused.status == .failed && refused.failure?.code == "network_retry_limit")
      #expect(refused.gateway.isEmpty)
      #expect(try await harness.gateways.setups().count == 10)
      #expect(try await harness.first.execute(harness.order()).kinds == [.notExecuted])
      #expect(try await harness.gateways.payments().isEmpty)
    }
  }

  /// A restore that begins while a call or a round of recovery is under way: neither a first request
  /// nor a repetition goes out, and both go on afterwards.
  @Test func nothingGoesOutOnceARestoreHasBegun() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_before", on: ["setup"])
      let sent = try await SetupTests.create(harness, key: "sent", gateway: "stripe")
      #expect(sent.status == .processing)
      let ids = [try #require(SetupIntentID(sent.id)), try await SetupTests.abandoned(harness)]
      let restore = try await harness.begin().id
      for id in ids {
        try await onLoop(harness.first.loop) {
          try await SetupFlow(flow: harness.first.flow).advance(id, of: GatewayHarness.merchant)
        }
        #expect(try await SetupTests.get(harness, id.description).status == .processing)
      }
      #expect(try await harness.gateways.setups().isEmpty)
      #expect(try await SetupTests.get(harness, ids[1].description).gateway == "")
      try await harness.read()
      try await harness.openByAll(restore)
      try await harness.hurry()
      try await harness.second.recover()
      for id in ids {
        #expect(try await SetupTests.get(harness, id.description).status == .succeeded)
      }
      #expect(try await harness.gateways.setups().count == 2)
    }
  }
}
