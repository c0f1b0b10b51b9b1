import Faults
import GRPCCore
import IntentsCore
import Money
import Postgres
import Seal
import ServiceKit
import Wire

/// tender.intents.v1.PaymentIntents.
struct PaymentIntentCalls: IntentsV1.PaymentIntents.SimpleServiceProtocol {
  let environment: ServiceEnvironment
  let flow: IntentFlow
  let proof: KeyProof
  private var restored: RestoredPayments { RestoredPayments(flow: flow) }

  func createPaymentIntent(
    request: IntentsV1.CreatePaymentIntentRequest, context: ServerContext
  ) async throws -> IntentsV1.CreatePaymentIntentResponse {
    let call = try CallContext.require()
    let draft = try IntentDraft(request, call, environment)
    let answer: @Sendable (IntentRow) -> IntentsV1.CreatePaymentIntentResponse = {
      IntentsV1.CreatePaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
    let keyProof = proof.of(call)
    guard let operation = try draft.operation(keyProof, environment) else {
      return try await createOnly(request, draft, answer)
    }
    var intent = draft.row
    intent.currentOperation = operation.id
    intent.state = .processing(.outcomeUnknown, authorized: false)
    let ready = intent
    #if TENDER_FAULTS
      if Sabotage.claimAfterCall.isOn {
        let work = IntentFlow.View(intent: ready, operations: [operation])
        _ = try await flow.facts(for: work, by: .caller)
      }
    #endif
    do {
      let begun = try await RestoredPayments.begin(
        request, environment.idempotency, subject: UUIDBits(ready.id.bits), keyProof: keyProof, nil,
        of: ready.merchant
      ) { [self] transaction in
        try await insert(ready, draft, operation: operation, in: transaction)
      }
      return try await run(
        begun, merchant: ready.merchant,
        known: IntentFlow.View(intent: ready, operations: [operation]), answer)
    } catch is RestoredPayments.KeyHasPaid {
      return try await restored.answer(
        keyProof, of: ready.merchant, origin: ready.origin,
        isSame: { intent, known in
          intent.amount == ready.amount && intent.captureMethod == ready.captureMethod
            && known.paymentMethod == operation.paymentMethod
            && (intent.origin == nil
              || intent.originType == ready.originType && intent.originID == ready.originID)
        }, answer)
    }
  }

  func confirmPaymentIntent(
    request: IntentsV1.ConfirmPaymentIntentRequest, context: ServerContext
  ) async throws -> IntentsV1.ConfirmPaymentIntentResponse {
    let call = try CallContext.require()
    let merchant = try call.requireMerchant()
    let id = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let method = try RequestFields.id(
      request.paymentMethodID, "payment_method_id", as: PaymentMethodID.self)
    let returnURL = try RequestFields.returnURL(request.returnURL, of: merchant)
    let keyProof = proof.of(call)
    let answer: @Sendable (IntentRow) -> IntentsV1.ConfirmPaymentIntentResponse = {
      IntentsV1.ConfirmPaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
    do {
      // An intent that was rebuilt may have reached another state by this very key.
      let begun = try await RestoredPayments.begin(
        request, environment.idempotency, subject: UUIDBits(id.bits), keyProof: keyProof, id,
        of: merchant
      ) { [flow] transaction in
        try await IntentSteps(flow: flow, merchant: merchant, id: id).confirm(
          method, offSession: request.offSession, returnURL: returnURL, keyProof: keyProof,
          in: transaction)
      }
      return try await run(begun, merchant: merchant, answer)
    } catch is RestoredPayments.KeyHasPaid {
      return try await restored.answer(
        keyProof, of: merchant, intent: id,
        isSame: { _, known in method == nil || method == known.paymentMethod }, answer)
    }
  }

  func completePaymentAction(
    request: IntentsV1.CompletePaymentActionRequest, context: ServerContext
  ) async throws -> IntentsV1.CompletePaymentActionResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let result = request.redirectResult
    try RequestFields.redirectResult(result)
    let begun = try await begin(request, id, of: merchant) { step, transaction in
      try await step.completeAction(hasResult: !result.isEmpty, in: transaction)
    }
    return try await run(begun, merchant: merchant, by: .payer(result)) {
      IntentsV1.CompletePaymentActionResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
  }

  func capturePaymentIntent(
    request: IntentsV1.CapturePaymentIntentRequest, context: ServerContext
  ) async throws -> IntentsV1.CapturePaymentIntentResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let amount = try request.amount.map { money throws(RPCFailure) in
      try RequestFields.amount(money, field: "amount")
    }
    let begun = try await begin(request, id, of: merchant) { step, transaction in
      try await step.capture(amount, in: transaction)
    }
    return try await run(begun, merchant: merchant) {
      IntentsV1.CapturePaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
  }

  func cancelPaymentIntent(
    request: IntentsV1.CancelPaymentIntentRequest, context: ServerContext
  ) async throws -> IntentsV1.CancelPaymentIntentResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let begun = try await begin(request, id, of: merchant) { step, transaction in
      try await step.cancel(in: transaction)
    }
    return try await run(begun, merchant: merchant) {
      IntentsV1.CancelPaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
  }

  // MARK: Steps of the calls

  /// T1 of a call that begins no payment.
  private func begin<Request: KeyedMessage>(
    _ request: Request, _ id: PaymentIntentID, of merchant: MerchantID,
    _ body: @Sendable @escaping (IntentSteps, borrowing Transaction) async throws -> Void
  ) async throws -> Idempotency.Begun {
    try await RestoredPayments.begin(
      request, environment.idempotency, subject: UUIDBits(id.bits), id, of: merchant
    ) { [flow] transaction in
      try await body(IntentSteps(flow: flow, merchant: merchant, id: id), transaction)
    }
  }

  /// T1 is done: the rest belongs to the process, the call merely waits for it.
  private func run<Response: WireMessage>(
    _ begun: Idempotency.Begun, merchant: MerchantID, by driver: IntentFlow.Driver = .caller,
    known: IntentFlow.View? = nil,
    _ answer: @Sendable @escaping (IntentRow) -> Response
  ) async throws -> Response {
    switch begun {
    case .replay(let stored):
      return try environment.idempotency.replay(stored)
    case .run(let claim):
      #if TENDER_FAULTS
        CrashPoint.afterClaim.pass()
      #endif
      let limit = Duration.seconds(IntentFlow.limitSeconds)
      return try await environment.shielded("payment", limit: limit) { [flow] in
        try await flow.finish(
          claim, PaymentIntentID(bits: claim.subject.bits), of: merchant, by: driver,
          known: claim.isTakeover ? nil : known, answer: answer)
      }
    }
  }

  private func createOnly(
    _ request: IntentsV1.CreatePaymentIntentRequest, _ draft: IntentDraft,
    _ answer: @Sendable @escaping (IntentRow) -> IntentsV1.CreatePaymentIntentResponse
  ) async throws -> IntentsV1.CreatePaymentIntentResponse {
    defer { flow.wake() }
    return try await environment.idempotency.perform(request) { [self] transaction, _ in
      try await insert(draft.row, draft, operation: nil, in: transaction)
      return answer(draft.row)
    }
  }

  /// The new intent with everything that commits with it.
  private func insert(
    _ intent: IntentRow, _ draft: IntentDraft, operation: OperationRow?,
    in transaction: borrowing Transaction
  ) async throws {
    let stamp = environment.stamp
    try await draft.check(in: transaction)
    var statements = [IntentStatements.insert(intent, stamp)]
    if let operation {
      statements.append(OperationStatements.insert(operation, of: intent, stamp))
    }
    statements += flow.writer.statements(
      intent, cause: operation == nil ? "create" : "confirm", events: ["payment_intent.created"],
      stamp)
    if operation == nil {
      // The answer commits with it.
      _ = try await transaction.batch(statements)
    } else {
      try await transaction.commit(with: statements)
    }
  }
}

/// HMAC of a client's key: travels with the operation to the gateway's metadata, so that claims can
/// be rebuilt after a restore, while the key itself never leaves this service.
struct KeyProof: Sendable {
  private let secret: SecretBytes

  init(secret: SecretBytes) {
    self.secret = secret
  }

  func of(_ call: CallContext) -> [UInt8] {
    let text = "\(call.merchant?.description ?? "")\n\(call.key?.text ?? "")"
    return HMACSHA256.code(Array(text.utf8), key: secret)
  }

  /// The proof of a text of ours, as text: seals page tokens.
  func text(of content: String) -> String {
    Hex.encode(HMACSHA256.code(Array(content.utf8), key: secret).prefix(16))
  }

  func matches(_ text: String, _ content: String) -> Bool {
    ConstantTime.equals(Array(text.utf8), Array(self.text(of: content).utf8))
  }
}
