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

/// What operators call after a restore, and what the worker does when a test says so.
extension GatewayHarness {
  // MARK: Calls

  private func call<Answer: Sendable>(
    _ method: String, as person: String = "ann",
    _ body: @escaping @Sendable (RestoreCalls, ServerContext) async throws -> Answer
  ) async throws -> Answer {
    let context = CallContext(
      method: "tender.gateway.v1.Restores/\(method)", peer: .operator(person), merchant: nil,
      trace: .random(), key: try IdempotencyKey("key-\(UInt64.random(in: 0...UInt64.max))"))
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
      remotePeer: "in-process:test", localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle())
    return try await onLoop(first.loop) { [first] in
      try await CallContext.$current.withValue(context) {
        try await body(
          RestoreCalls(
            environment: first.flow.environment, flow: first.restores, payments: first.flow,
            wake: {}), server)
      }
    }
  }

  @discardableResult
  func begin() async throws -> GatewayV1.Restore {
    let point = first.flow.environment.clock.now + .seconds(-60)
    let answer = try await call("BeginRestore") {
      try await $0.beginRestore(request: .init(pointAt: point.wire, reason: "drill"), context: $1)
    }
    try await refresh()
    guard let restore = answer.restore else { throw TestSetupError("no restore") }
    return restore
  }

  func status() async throws -> GatewayV1.Restore {
    let answer = try await call("GetRestore") {
      try await $0.getRestore(request: .init(), context: $1)
    }
    guard let restore = answer.restore else { throw TestSetupError("no restore") }
    return restore
  }

  func listed() async throws -> [GatewayV1.RestoredPayment] { try await page().payments }

  func page(
    size: UInt32 = 0, after token: String = ""
  ) async throws -> GatewayV1.ListRestoredPaymentsResponse {
    try await call("ListRestoredPayments") {
      try await $0.listRestoredPayments(
        request: .init(pageSize: size, pageToken: token), context: $1)
    }
  }

  @discardableResult
  func settle(
    _ payment: GatewayV1.RestoredPayment, _ verdict: GatewayV1.RestoredPaymentVerdict,
    as person: String
  ) async throws -> GatewayV1.RestoredPayment {
    let request = GatewayV1.SettleRestoredPaymentRequest(
      restoreID: payment.restoreID, gateway: payment.gateway,
      gatewayAccount: payment.gatewayAccount, gatewayReference: payment.gatewayReference,
      verdict: verdict, words: "dashboard, the payment's page")
    let answer = try await call("SettleRestoredPayment", as: person) {
      try await $0.settleRestoredPayment(request: request, context: $1)
    }
    guard let settled = answer.payment else { throw TestSetupError("no payment") }
    return settled
  }

  @discardableResult
  func open(_ id: String, as person: String) async throws -> GatewayV1.Restore {
    let answer = try await call("OpenRestore", as: person) {
      try await $0.openRestore(request: .init(restoreID: id, reason: "drill"), context: $1)
    }
    guard let restore = answer.restore else { throw TestSetupError("no restore") }
    return restore
  }

  func reason<Value>(_ body: () async throws -> Value) async -> String {
    do {
      _ = try await body()
      return "done"
    } catch let failure as RPCFailure {
      return failure.reason
    } catch {
      return "\(error)"
    }
  }

  // MARK: Reading

  func readOnce(_ replica: Replica? = nil) async throws {
    let replica = replica ?? first
    try await onLoop(replica.loop) { try await replica.restore.work() }
  }

  /// What was under way when it was closed is over.
  func read() async throws {
    try await test.run(
      """
      update gateway.restore set read_after = now() - interval '1 second' where state = 1;
      update gateway.restore_payment set next_try_at = now() where state = 1;
      """)
    try await readOnce()
  }

  /// Everything was read and two people, or one if all is proven, have opened.
  func openByAll(_ id: String) async throws {
    if try await open(id, as: "ann").state != .open { try await open(id, as: "bob") }
    try await refresh()
  }

  /// What a reading has found of an intent and nothing can rebuild.
  func findLost(of intent: PaymentIntentID) async throws {
    try await test.run(
      """
      insert into gateway.restore_payment (restore_id, gateway, account, reference, own_reference,
        made_at, state, merchant_id, intent_id, actor)
      select id, 'stripe', 'main', 'pi_\(intent.uuid)', 'x', now(), 3, '\(Self.merchant.uuid)',
        '\(intent.uuid)', 'test' from gateway.restore
      """)
    try await refresh()
  }

  /// Two people say the same of what is for people.
  func settleLost(_ verdict: GatewayV1.RestoredPaymentVerdict) async throws {
    for payment in try await listed() where payment.state == .forPeople {
      for person in ["ann", "bob"] { try await settle(payment, verdict, as: person) }
    }
  }

  /// As if it had never been found.
  func forgetLost() async throws { try await test.run("delete from gateway.restore_payment") }

  /// An authorisation that another gateway may have followed: nobody can rebuild it.
  func lostAuthorization() async throws -> OperationRecord {
    let order = restorable(capture: .manual)
    #expect(try await first.execute(order).kinds.last == .authorized)
    try await lose(order)
    let id = try await begin().id
    try await read()
    #expect(try await status().paymentsForPeople == 1)
    try await openByAll(id)
    return order
  }
}
