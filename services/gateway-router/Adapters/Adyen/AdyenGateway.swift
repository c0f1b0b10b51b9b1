package import GatewayCore
import Money

/// Adyen: Checkout v71, payments with stored methods and modifications.
package struct AdyenGateway: Gateway {
  package init() {}

  package var name: GatewayName { .adyen }

  package func authentication(apiKey: String) -> GatewayRequest.Header {
    GatewayRequest.Header("x-api-key", apiKey)
  }

  package func authorize(_ order: AuthorizeOrder) throws(ExpressionError) -> GatewayRequest {
    let request = AdyenPaymentRequest(
      amount: try amount(order.amount),
      reference: order.reference.text,
      merchantAccount: order.account,
      paymentMethod: AdyenPaymentRequest.Method(
        type: order.method == .card ? "scheme" : "sepadirectdebit",
        storedPaymentMethodId: try Self.limited(order.methodReference, 1...Self.methodLengthMax)
      ),
      shopperReference: try Self.shopper(order.customerReference),
      shopperInteraction: order.isOffSession ? "ContAuth" : "Ecommerce",
      recurringProcessingModel: order.isOffSession ? "UnscheduledCardOnFile" : "CardOnFile",
      shopperStatement: StatementText.adyen(order.statementDescriptor),
      captureDelayHours: order.mode == .charge ? 0 : nil,
      // The account's default may capture at once: say it with every payment (interleavings 3).
      additionalData: order.mode == .authorizeOnly ? ["manualCapture": "true"] : [:],
      metadata: order.metadata,
      returnUrl: order.returnURL,
      // A payer who must authenticate is sent to a page of the bank's: nobody here has a page of ours.
      authenticationData: order.method == .card && !order.isOffSession ? .redirect : nil
    )
    return post("/v71/payments", request, order.reference)
  }

  /// The result names its payment by itself: nothing else is needed.
  package func details(_ order: DetailsOrder) throws(ExpressionError) -> GatewayRequest? {
    let request = AdyenDetailsRequest(
      details: AdyenDetailsRequest.Details(redirectResult: order.result.text))
    return post("/v71/payments/details", request, order.reference)
  }

  package func capture(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest {
    try modify(order, "captures")
  }

  package func refund(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest {
    try modify(order, "refunds")
  }

  /// By Adyen's id: `/reversals` (cancel or refund) when the payment could be captured, else
  /// `/cancels`. By our reference: the technical cancel.
  package func cancel(_ order: CancelOrder) throws(ExpressionError) -> GatewayRequest? {
    var request = AdyenModificationRequest(
      merchantAccount: order.account,
      reference: order.reference.text
    )
    switch order.target {
    case .payment(let reference):
      let path = "/v71/payments/\(try GatewayPath.segment(reference))"
      return post(
        path + (order.mayBeCaptured ? "/reversals" : "/cancels"),
        request,
        order.reference
      )
    case .own(let reference):
      request.paymentReference = reference.text
      return post("/v71/cancels", request, order.reference)
    }
  }

  /// Adyen has no call that reads a payment.
  package func get(
    payment reference: String,
    key: GatewayReference
  ) throws(ExpressionError) -> GatewayRequest? { nil }

  /// A payment of nothing: the bank says whether the stored method may be used without its payer, who
  /// is not here to answer a challenge now either.
  package func setUp(_ order: SetupOrder) throws(ExpressionError) -> GatewayRequest {
    let request = AdyenPaymentRequest(
      amount: AdyenAmount(currency: order.currency.code, value: 0),
      reference: order.reference.text,
      merchantAccount: order.account,
      paymentMethod: AdyenPaymentRequest.Method(
        type: "scheme",
        storedPaymentMethodId: try Self.limited(order.methodReference, 1...Self.methodLengthMax)
      ),
      shopperReference: try Self.shopper(order.customerReference),
      shopperInteraction: "ContAuth",
      recurringProcessingModel: "UnscheduledCardOnFile",
      additionalData: [:],
      metadata: order.metadata,
      returnUrl: order.returnURL
    )
    return post("/v71/payments", request, order.reference)
  }

  package func get(setup reference: String) throws(ExpressionError) -> GatewayRequest? { nil }

  package func get(refund reference: String) throws(ExpressionError) -> GatewayRequest? { nil }

  /// Adyen has no list either: notifications and reports tell.
  package func find(_ order: FindOrder) throws(ExpressionError) -> GatewayRequest? { nil }

  package func readPage(
    _ facts: TransferFacts, for reference: GatewayReference
  ) -> FoundPage? { nil }

  package func refunds(
    of payment: String, after: String?
  ) throws(ExpressionError) -> GatewayRequest? { nil }

  package func readRefunds(
    _ facts: TransferFacts, for reference: GatewayReference
  ) -> FoundRefund? { nil }

  /// Limits of Checkout v71.
  static let methodLengthMax = 64
  static let shopperLengths = 3...256

  private static func shopper(_ reference: String?) throws(ExpressionError) -> String? {
    guard let reference else { return nil }
    return try limited(reference, shopperLengths)
  }

  private static func limited(
    _ text: String, _ lengths: ClosedRange<Int>
  ) throws(ExpressionError) -> String {
    guard lengths.contains(text.utf8.count) else { throw .referenceMalformed }
    return text
  }

  private func modify(
    _ order: ModifyOrder,
    _ step: String
  ) throws(ExpressionError) -> GatewayRequest {
    let request = AdyenModificationRequest(
      merchantAccount: order.account,
      reference: order.reference.text,
      amount: try amount(order.amount)
    )
    let id = try GatewayPath.segment(order.paymentReference)
    return post("/v71/payments/\(id)/\(step)", request, order.reference)
  }

  private func amount(_ amount: Amount) throws(ExpressionError) -> AdyenAmount {
    AdyenAmount(currency: amount.currency.code, value: try GatewayUnits.adyen.units(amount))
  }

  private func post(
    _ path: String,
    _ body: some Encodable,
    _ reference: GatewayReference
  ) -> GatewayRequest {
    GatewayRequest(
      method: .post,
      path: path,
      headers: [
        GatewayRequest.Header("content-type", "application/json"),
        GatewayRequest.Header("idempotency-key", reference.text),
      ],
      body: JSONReading.encode(body),
      idempotencyKey: reference.text,
      hasMoneyEffect: true
    )
  }
}
