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

/// People end the alerts about contradicted set-ups.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct SetupReviewTests {
  private static let money = Conflict.amount(
    asked: Amount(.eur, minor: 0), answered: Amount(.eur, minor: 500))
  private static let other = Conflict.reference(asked: "ours", answered: "others")

  private static func say(
    _ harness: GatewayHarness, _ id: String, as person: String,
    key: String = "key-\(UInt64.random(in: 0...UInt64.max))"
  ) async throws -> GatewayV1.ResolveSetupConflictResponse {
    let context = CallContext(
      method: "tender.gateway.v1.SetupIntents/ResolveSetupConflict", peer: .operator(person),
      merchant: nil, trace: .random(), key: try IdempotencyKey(key))
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: "ResolveSetupConflict"),
      remotePeer: "in-process:test", localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle())
    let calls = SetupCalls(
      environment: harness.first.flow.environment, flow: SetupFlow(flow: harness.first.flow))
    return try await onLoop(harness.first.loop) {
      try await CallContext.$current.withValue(context) {
        try await calls.resolveSetupConflict(
          request: .init(setupIntentID: id, words: "Customer Area, the payment's page"),
          context: server)
      }
    }
  }

  private static func reason(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return "done"
    } catch {
      return (error as? RPCFailure)?.reason ?? "\(error)"
    }
  }

  private static func see(
    _ conflict: Conflict, _ harness: GatewayHarness, _ id: String
  ) async throws {
    let id = try #require(SetupIntentID(id))
    _ = try await onLoop(harness.first.loop) {
      try await SetupFlow(flow: harness.first.flow).learn(
        .outcome(.unknown(.conflicted(conflict))), about: id, of: GatewayHarness.merchant,
        detail: "seen")
    }
  }

  @Test func twoPeopleEndWhatMayHoldMoney() async throws {
    try await GatewayHarness.with { harness in
      let made = try await SetupTests.create(harness)
      func refused(_ person: String) async -> String {
        await Self.reason { _ = try await Self.say(harness, made.id, as: person) }
      }
      #expect(await refused("ann") == "SETUP_NOT_CONTRADICTED")
      try await Self.see(Self.money, harness, made.id)
      #expect(try await harness.alerts() == ["setup_money_conflicts"])

      let said = try await Self.say(harness, made.id, as: "ann", key: "once")
      #expect(!said.resolved && said.people == ["operator:ann"])
      #expect(try await Self.say(harness, made.id, as: "ann", key: "once") == said)
      #expect(await refused("ann") == "SECOND_PERSON_REQUIRED")
      #expect(try await harness.alerts() == ["setup_money_conflicts"])
      // It is told again: neither has looked at that.
      try await Self.see(Self.money, harness, made.id)
      let again = try await Self.say(harness, made.id, as: "bob")
      #expect(!again.resolved && again.people == ["operator:bob"])
      let ended = try await Self.say(harness, made.id, as: "ann")
      #expect(ended.resolved && ended.people == ["operator:bob", "operator:ann"])
      #expect(try await harness.alerts().isEmpty)
      #expect(await refused("bob") == "SETUP_NOT_CONTRADICTED")
      let words: Int64 = try await harness.value(
        "select count(*) from setup_review where words <> '' and merchant_id is not null")
      #expect(words == 3)
      #expect(try await SetupTests.get(harness, made.id) == made)

      // Whatever comes later is a new contradiction.
      try await Self.see(Self.money, harness, made.id)
      #expect(try await harness.alerts() == ["setup_money_conflicts"])
      #expect(try await Self.say(harness, made.id, as: "bob").resolved == false)
    }
  }

  /// The schema itself refuses one person's word, and the service's own.
  @Test func oneWordEndsNoAlertAboutMoney() async throws {
    try await GatewayHarness.with { harness in
      let made = try await SetupTests.create(harness)
      try await Self.see(Self.money, harness, made.id)
      _ = try await Self.say(harness, made.id, as: "ann")
      await #expect {
        try await harness.first.database.query(
          "update alert set state = 'resolved', resolved_at = now()")
      } throws: {
        ($0 as? PostgresError)?.sqlState == SQLState("23001")
      }
    }
  }

  @Test func onePersonEndsWhatNamesSomethingElse() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("stripe")
      let made = try await SetupTests.create(harness)
      #expect(made.status == .processing)
      try await Self.see(Self.other, harness, made.id)
      #expect(try await harness.alerts() == ["setup_answer_conflicts"])
      // Both are open: one word ends one of them.
      try await Self.see(Self.money, harness, made.id)
      let said = try await Self.say(harness, made.id, as: "ann")
      #expect(!said.resolved && said.people == ["operator:ann"])
      #expect(try await harness.alerts() == ["setup_money_conflicts"])
      #expect(try await Self.say(harness, made.id, as: "bob").resolved)
      #expect(try await harness.alerts().isEmpty)
      let unknown = harness.first.flow.environment.identifiers.make(SetupIntentID.self)
      let nobodys = await Self.reason {
        _ = try await Self.say(harness, unknown.description, as: "ann")
      }
      #expect(nobodys == "SETUP_INTENT_NOT_FOUND")
    }
  }
}
