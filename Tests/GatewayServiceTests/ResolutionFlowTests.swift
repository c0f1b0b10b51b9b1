import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Transport
import Wire

@testable import GatewayService

/// What nothing proves, resolved by two people.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ResolutionFlowTests {
  /// A call of an operator, as the interceptor admits it.
  private static func call<Value: Sendable>(
    _ harness: GatewayHarness, as person: String, key: String,
    _ body: @escaping @Sendable (RecoveryCalls, ServerContext) async throws -> Value
  ) async throws -> Value {
    let flow = harness.first.flow
    let context = CallContext(
      method: "tender.gateway.v1.Recovery/\(key)", peer: .operator(person),
      merchant: GatewayHarness.merchant, trace: .random(), key: try IdempotencyKey(key))
    return try await onLoop(harness.first.loop) {
      try await CallContext.$current.withValue(context) {
        try await withServerContextRPCCancellationHandle { handle in
          try await body(
            RecoveryCalls(environment: flow.environment, flow: flow),
            ServerContext(
              descriptor: MethodDescriptor(fullyQualifiedService: "test", method: key),
              remotePeer: "in-process:test", localPeer: "in-process:test", cancellation: handle))
        }
      }
    }
  }

  private static func propose(
    _ harness: GatewayHarness, _ subject: String, _ intent: PaymentIntentID,
    _ evidence: GatewayV1.ResolutionEvidence, by person: String, key: String = "propose"
  ) async throws -> GatewayV1.Resolution {
    let request = GatewayV1.ProposeResolutionRequest(
      intentID: intent.description, subjectID: subject, evidence: evidence,
      words: "accounting report of the 2nd, line 12")
    let response = try await call(harness, as: person, key: key) { calls, context in
      try await calls.proposeResolution(request: request, context: context)
    }
    return try #require(response.resolution)
  }

  private static func approve(
    _ harness: GatewayHarness, _ resolution: String, _ intent: PaymentIntentID, by person: String,
    key: String
  ) async throws -> GatewayV1.Resolution {
    let request = GatewayV1.ApproveResolutionRequest(
      intentID: intent.description, resolutionID: resolution)
    let response = try await call(harness, as: person, key: key) { calls, context in
      try await calls.approveResolution(request: request, context: context)
    }
    return try #require(response.resolution)
  }

  private static func reason(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return "done"
    } catch let failure as RPCFailure {
      return failure.reason
    } catch {
      return "\(error)"
    }
  }

  private static func listed(_ harness: GatewayHarness) async throws -> [GatewayV1.Unproven] {
    try await call(harness, as: "ann", key: "list") { calls, context in
      try await calls.listUnproven(request: .init(), context: context).items
    }
  }

  /// An attempt at Adyen of which nobody ever heard, condemned for a day.
  private static func unproven(
    _ harness: GatewayHarness
  ) async throws -> (OperationRecord, String) {
    harness.vault.method.withLock { $0.stripe = nil }
    try await harness.gateways.inject("adyen", "timeout_before", on: [], count: 100)
    let order = harness.order()
    #expect(try await harness.first.execute(order).kinds == [.unknown])
    try await harness.gateways.heal()
    try await GiveUpTests.age(harness, minutes: 16)
    try await harness.hurry()
    try await harness.first.recover()
    try await GiveUpTests.ageReversals(harness, hours: 24)
    try await harness.hurry()
    try await harness.first.recover()
    #expect(try await harness.alerts() == ["reversal_unproven"])
    return (order, try await harness.first.load(order).operation.attempts[0].attempt.id.description)
  }

  /// More than a page holds, all of one moment: every item once, in one order.
  @Test func theListGoesOnPageByPage() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      _ = try await Self.unproven(harness)
      try await harness.test.run(
        """
        with copies as materialized (
          select gen_random_uuid() as operation, gen_random_uuid() as attempt
          from generate_series(1, 4)
        ), operations as (
          insert into gateway.operation
          select (jsonb_populate_record(x, jsonb_build_object('id', operation))).*
          from gateway.operation x, copies
        ), attempts as (
          insert into gateway.attempt select (jsonb_populate_record(x,
            jsonb_build_object('id', attempt, 'operation_id', operation))).*
          from gateway.attempt x, copies
        )
        insert into gateway.reversal select (jsonb_populate_record(x,
          jsonb_build_object('attempt_id', attempt, 'operation_id', operation))).*
        from gateway.reversal x, copies
        """)
      func page(_ token: String) async throws -> GatewayV1.ListUnprovenResponse {
        try await Self.call(harness, as: "ann", key: "list") { calls, context in
          try await calls.listUnproven(
            request: .init(pageSize: 2, pageToken: token), context: context)
        }
      }
      var (seen, sizes): ([String], [Int]) = ([], [])
      var token = ""
      repeat {
        let answer = try await page(token)
        seen += answer.items.map(\.subjectID)
        sizes.append(answer.items.count)
        token = answer.nextPageToken
      } while !token.isEmpty
      #expect(sizes == [2, 2, 1] && Set(seen).count == 5)
      #expect(try await Self.listed(harness).map(\.subjectID) == seen)
      for wrong in ["x", "1/x", "x/\(seen[0])", "1/\(seen[0])/1"] {
        #expect(await Self.reason { _ = try await page(wrong) } == "PAGE_TOKEN_INVALID")
      }
    }
  }

  @Test func twoPeopleEndWhatNothingProves() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      let (order, attempt) = try await Self.unproven(harness)
      let item = try #require(try await Self.listed(harness).first)
      #expect(item.subjectID == attempt && item.gateway == "adyen" && item.known == "unknown")
      #expect(item.amount?.amountMinor == 4_999 && item.proposal == nil)
      let made = try await Self.propose(
        harness, attempt, order.intent, .neverExisted, by: "ann")
      #expect(made.proposedBy == "operator:ann" && made.approvedBy == "")
      #expect(try await Self.listed(harness).first?.proposal?.id == made.id)
      // Nothing is known yet, and nobody confirms himself.
      #expect(try await harness.first.load(order).story == ["1 adyen condemned unknown"])
      #expect(
        await Self.reason {
          _ = try await Self.approve(harness, made.id, order.intent, by: "ann", key: "a1")
        } == "SAME_PERSON")
      let done = try await Self.approve(harness, made.id, order.intent, by: "bob", key: "a2")
      #expect(done.approvedBy == "operator:bob" && done.approvedAt != nil)
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 adyen condemned not_executed"] && record.operation.isFinal)
      #expect(try await harness.first.execute(order).kinds == [.unknown, .notExecuted])
      #expect(try await harness.alerts().isEmpty)
      #expect(try await Self.listed(harness).isEmpty)
      #expect(
        await Self.reason {
          _ = try await Self.approve(harness, made.id, order.intent, by: "eve", key: "a3")
        } == "ALREADY_APPROVED")
    }
  }

  /// Money that was taken and given back by hand: both movements are told.
  @Test func whatWasRefundedByHandIsAnOrphan() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      let (order, attempt) = try await Self.unproven(harness)
      let first = try await Self.propose(
        harness, attempt, order.intent, .neverExisted, by: "ann")
      let second = try await Self.propose(
        harness, attempt, order.intent, .refundedAtGateway, by: "bob", key: "p2")
      #expect(
        await Self.reason {
          _ = try await Self.approve(harness, first.id, order.intent, by: "eve", key: "a1")
        } == "RESOLUTION_SUPERSEDED")
      _ = try await Self.approve(harness, second.id, order.intent, by: "ann", key: "a2")
      #expect(
        try await harness.first.execute(order).kinds
          == [.unknown, .orphanCaptured, .orphanReversed, .canceled])
    }
  }

  @Test func whatTheJobsMayStillProveIsNotTheirs() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      harness.vault.method.withLock { $0.stripe = nil }
      try await harness.gateways.inject("adyen", "timeout_before", on: [], count: 100)
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let attempt = try await harness.first.load(order).operation.attempts[0].attempt.id.description
      func refusal(_ subject: String, _ key: String) async -> String {
        await Self.reason {
          _ = try await Self.propose(
            harness, subject, order.intent, .neverExisted, by: "ann", key: key)
        }
      }
      #expect(await refusal(attempt, "open") == "NOT_UNPROVEN")
      try await GiveUpTests.age(harness, minutes: 16)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(await refusal(attempt, "early") == "TOO_EARLY")
      #expect(await refusal(AttemptID(bits: 77).description, "none") == "SUBJECT_NOT_FOUND")
      #expect(try await Self.listed(harness).isEmpty)
    }
  }

  /// A refund that Adyen accepted and never told of.
  @Test func aRefundOfWhichNobodyTellsIsResolved() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      harness.vault.method.withLock { $0.stripe = nil }
      let order = harness.order(capture: .manual)
      _ = try await harness.first.execute(order)
      // As its notification would have it.
      try await harness.test.run(
        """
        insert into gateway.capture (merchant_id, intent_id, operation_id, id, amount_minor, state,
          actor, trace_id)
        select merchant_id, intent_id, operation_id, id, 4999, 3, 'test', '' from gateway.attempt;
        update gateway.attempt set evidence = 'captured';
        """)
      let refund = RefundRecoveryTests.refund
      #expect(try await harness.first.refund(order, refund).last?.kind == .refundPending)
      #expect(try await Self.listed(harness).isEmpty)
      try await RefundRecoveryTests.age(harness, hours: 25)
      let item = try #require(try await Self.listed(harness).first)
      #expect(item.subjectID == refund.description && item.known == "accepted")
      #expect(
        await Self.reason {
          _ = try await Self.propose(
            harness, refund.description, order.intent, .neverExisted, by: "ann")
        } == "EVIDENCE_CONTRADICTED")
      let made = try await Self.propose(
        harness, refund.description, order.intent, .refundedAtGateway, by: "ann", key: "p2")
      _ = try await Self.approve(harness, made.id, order.intent, by: "bob", key: "a1")
      #expect(try await harness.first.refund(order, refund).last?.kind == .refunded)
      #expect(try await Self.listed(harness).isEmpty)
    }
  }

  /// The schema itself wants two people, and keeps what they said.
  @Test func theSchemaWantsTwoPeople() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      let (order, attempt) = try await Self.unproven(harness)
      _ = try await Self.propose(harness, attempt, order.intent, .neverExisted, by: "ann")
      for (actor, isRefused) in [("operator:ann", true), ("operator:bob", false)] {
        let insert = Statement(
          sql: """
            insert into resolution_approval (merchant_id, intent_id, resolution_id, actor, trace_id)
            select merchant_id, intent_id, id, '\(actor)', '' from resolution
            """)
        if isRefused {
          await #expect(throws: PostgresError.self) {
            _ = try await harness.first.database.query(insert)
          }
        } else {
          _ = try await harness.first.database.query(insert)
        }
      }
      for change in ["update resolution set words = 'x'", "delete from resolution_approval"] {
        await #expect(throws: PostgresError.self) {
          _ = try await harness.first.database.query(Statement(sql: change))
        }
      }
    }
  }
}
