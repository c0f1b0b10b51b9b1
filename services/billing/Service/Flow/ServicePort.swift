import BillingCore
import GRPCCore
import Money
import Reactor
import ServiceKit
import Transport
import Wire

/// The port to intents and vault-token over gRPC.
struct ServicePort: PaymentPort {
  /// How long one call may take; below the limit of the flow that waits for it.
  static let callSeconds: Int64 = 10

  let peers: PeerClients

  func charge(_ charge: Charge) async -> ChargeAnswer {
    await Deadline.$current.withValue(.within(.seconds(Self.callSeconds))) {
      do {
        return Self.answer(try await send(charge))
      } catch let error as RPCError {
        return await Self.answer(error, known: charge.intent) { id in
          try await get(id, of: charge.merchant)
        }
      } catch {
        return .unknown("\(type(of: error))")
      }
    }
  }

  func verify(
    _ customer: CustomerID, _ method: PaymentMethodID, of merchant: MerchantID
  ) async throws {
    let metadata = OutgoingCall.metadata(merchant: merchant)
    try await Self.found(BillingRefusal.customerNotFound) {
      let client = IntentsV1.Customers.Client(wrapping: try peers.client(.intents))
      _ = try await client.getCustomer(
        IntentsV1.GetCustomerRequest(customerID: customer.description), metadata: metadata)
    }
    try await Self.found(BillingRefusal.paymentMethodNotFound) {
      let client = VaultV1.PaymentMethods.Client(wrapping: try peers.client(.vaultToken))
      let answer = try await client.describePaymentMethod(
        VaultV1.DescribePaymentMethodRequest(paymentMethodID: method.description),
        metadata: metadata)
      // A deleted method still shows its tombstone.
      guard let found = answer.paymentMethod, found.deletedAt == nil else {
        throw BillingRefusal.paymentMethodNotFound
      }
    }
  }

  // MARK: Calls

  private func send(_ charge: Charge) async throws -> IntentsV1.PaymentIntent? {
    let client = IntentsV1.PaymentIntents.Client(wrapping: try peers.client(.intents))
    let metadata = OutgoingCall.metadata(merchant: charge.merchant, key: charge.key)
    if let intent = charge.intent {
      let request = IntentsV1.ConfirmPaymentIntentRequest(
        paymentIntentID: intent.description,
        paymentMethodID: charge.paymentMethod.description, offSession: true)
      return try await client.confirmPaymentIntent(request, metadata: metadata).paymentIntent
    }
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(charge.amount), captureMethod: .automatic,
      paymentMethodID: charge.paymentMethod.description,
      customerID: charge.customer.description, confirm: true, offSession: true,
      description: "Invoice \(charge.number)",
      origin: CommonV1.Origin(type: "invoice", id: charge.invoice.description))
    return try await client.createPaymentIntent(request, metadata: metadata).paymentIntent
  }

  private func get(
    _ id: PaymentIntentID, of merchant: MerchantID
  ) async throws -> IntentsV1.PaymentIntent? {
    let client = IntentsV1.PaymentIntents.Client(wrapping: try peers.client(.intents))
    return try await client.getPaymentIntent(
      IntentsV1.GetPaymentIntentRequest(paymentIntentID: id.description),
      metadata: OutgoingCall.metadata(merchant: merchant)
    ).paymentIntent
  }

  // MARK: Answers

  static func answer(_ intent: IntentsV1.PaymentIntent?) -> ChargeAnswer {
    guard let intent, let id = PaymentIntentID(intent.id),
      let news = PaymentNews(
        intent: id, version: intent.version, status: intent.status, failure: intent.failure,
        paidMinor: intent.amountCapturedMinor - intent.amountReturnedMinor)
    else { return .unknown("an answer that this release does not understand") }
    return .news(news)
  }

  /// What an error says about the money: only a refusal that names its reason proves that nothing
  /// was done.
  static func answer(
    _ error: RPCError, known: PaymentIntentID?,
    get: (PaymentIntentID) async throws -> IntentsV1.PaymentIntent?
  ) async -> ChargeAnswer {
    let details = StatusDetails(error)
    let reason = details?.reason ?? ""
    switch (error.code, reason) {
    case (.alreadyExists, "ORIGIN_ALREADY_USED"), (.failedPrecondition, "PAYMENT_INTENT_STATE"):
      // The intent is further than we know: it is the answer.
      let owner = details?.metadata["payment_intent_id"].flatMap { PaymentIntentID($0) }
      guard let id = owner ?? known else { return .unknown(reason) }
      do {
        return answer(try await get(id))
      } catch {
        return .unknown(reason)
      }
    case (.notFound, _) where !reason.isEmpty, (.invalidArgument, _) where !reason.isEmpty:
      return .refused(reason: reason)
    case (.failedPrecondition, "PAYMENT_BEFORE_RESTORE"),
      (.failedPrecondition, "IDEMPOTENCY_KEY_REUSED"):
      return .unclear(reason: reason)
    default:
      return .unknown(reason.isEmpty ? "\(error.code)" : reason)
    }
  }

  private static func found(
    _ refusal: RPCFailure, _ call: () async throws -> Void
  ) async throws {
    do {
      try await call()
    } catch let error as RPCError {
      if error.code == .notFound { throw refusal }
      throw RPCFailure.unavailable("A service that billing needs did not answer.")
    }
  }
}

extension PaymentNews {
  /// Nil for a state of a newer contract.
  init?(
    intent: PaymentIntentID, version: UInt64, status: IntentsV1.PaymentIntentStatus,
    failure: IntentsV1.PaymentFailure?, paidMinor: Int64?
  ) {
    guard let known = PaymentStatus(rawValue: Int16(clamping: status.rawValue)) else { return nil }
    self.intent = intent
    self.version = Int64(clamping: version)
    self.status = known
    self.paidMinor = paidMinor
    self.failure = failure.map {
      PaymentFailureReason(code: $0.code, isTerminal: $0.kind == .terminal)
    }
  }
}
