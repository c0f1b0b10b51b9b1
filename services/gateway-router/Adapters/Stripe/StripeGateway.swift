package import GatewayCore
import Money

/// Stripe: PaymentIntents and SetupIntents, created and confirmed in one call, and Refunds.
package struct StripeGateway: Gateway {
  /// The version of the API whose words this adapter knows.
  package static let apiVersion = "2026-10-28.endive"
  /// Our reference among the metadata: Stripe has no field for it.
  package static let referenceKey = "reference"

  package init() {}

  package var name: GatewayName { .stripe }

  package func authentication(apiKey: String) -> GatewayRequest.Header {
    GatewayRequest.Header("authorization", "Bearer \(apiKey)")
  }

  package func authorize(_ order: AuthorizeOrder) throws(ExpressionError) -> GatewayRequest {
    var form = FormEncoding()
    form.add("amount", String(try GatewayUnits.stripe.units(order.amount)))
    form.add("currency", order.amount.currency.code.lowercased())
    form.add("confirm", "true")
    form.add("capture_method", order.mode == .charge ? "automatic" : "manual")
    form.add("payment_method", order.methodReference)
    form.add("payment_method_types[]", order.method == .card ? "card" : "sepa_debit")
    form.add("customer", order.customerReference)
    if order.isOffSession { form.add("off_session", "true") }
    // Of a card payment the account's own text comes first; of a debit this is all of it.
    form.add(
      order.method == .card ? "statement_descriptor_suffix" : "statement_descriptor",
      StatementText.stripe(order.statementDescriptor, isWhole: order.method != .card))
    form.add("return_url", order.isOffSession ? nil : order.returnURL)
    form.add("metadata[\(Self.referenceKey)]", order.reference.text)
    for (key, value) in order.metadata.sorted(by: { $0.key < $1.key }) {
      form.add("metadata[\(key)]", value)
    }
    return post("/v1/payment_intents", form, order.reference, hasMoneyEffect: true)
  }

  /// Stripe hears it from the bank: it is read by id.
  package func details(_ order: DetailsOrder) throws(ExpressionError) -> GatewayRequest? { nil }

  package func capture(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest {
    var form = FormEncoding()
    form.add("amount_to_capture", String(try GatewayUnits.stripe.units(order.amount)))
    let id = try GatewayPath.segment(order.paymentReference)
    return post("/v1/payment_intents/\(id)/capture", form, order.reference, hasMoneyEffect: true)
  }

  package func refund(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest {
    var form = FormEncoding()
    form.add("payment_intent", try GatewayPath.segment(order.paymentReference))
    form.add("amount", String(try GatewayUnits.stripe.units(order.amount)))
    form.add("metadata[\(Self.referenceKey)]", order.reference.text)
    return post("/v1/refunds", form, order.reference, hasMoneyEffect: true)
  }

  /// Only by Stripe's id: there is no cancel by our reference.
  package func cancel(_ order: CancelOrder) throws(ExpressionError) -> GatewayRequest? {
    guard case .payment(let reference) = order.target else { return nil }
    var form = FormEncoding()
    form.add("cancellation_reason", "abandoned")
    let id = try GatewayPath.segment(reference)
    return post("/v1/payment_intents/\(id)/cancel", form, order.reference, hasMoneyEffect: true)
  }

  package func get(
    payment reference: String,
    key: GatewayReference
  ) throws(ExpressionError) -> GatewayRequest? {
    get("/v1/payment_intents/\(try GatewayPath.segment(reference))")
  }

  package func setUp(_ order: SetupOrder) throws(ExpressionError) -> GatewayRequest {
    var form = FormEncoding()
    form.add("confirm", "true")
    form.add("usage", "off_session")
    form.add("payment_method", order.methodReference)
    form.add("payment_method_types[]", "card")
    form.add("customer", order.customerReference)
    form.add("return_url", order.returnURL)
    form.add("metadata[\(Self.referenceKey)]", order.reference.text)
    for (key, value) in order.metadata.sorted(by: { $0.key < $1.key }) {
      form.add("metadata[\(key)]", value)
    }
    return post("/v1/setup_intents", form, order.reference, hasMoneyEffect: true)
  }

  package func get(setup reference: String) throws(ExpressionError) -> GatewayRequest? {
    get("/v1/setup_intents/\(try GatewayPath.segment(reference))")
  }

  package func get(refund reference: String) throws(ExpressionError) -> GatewayRequest? {
    get("/v1/refunds/\(try GatewayPath.segment(reference))")
  }

  /// Payments of one page.
  package static let pageSize = 50

  /// The list, not the search: it shows a payment as soon as it exists, the search up to an hour
  /// later.
  package func find(_ order: FindOrder) throws(ExpressionError) -> GatewayRequest? {
    var form = FormEncoding()
    form.add("created[gte]", String(order.createdSeconds.lowerBound))
    form.add("created[lte]", String(order.createdSeconds.upperBound))
    form.add("limit", String(Self.pageSize))
    form.add("starting_after", order.after)
    return get("/v1/payment_intents?" + String(decoding: form.bytes, as: UTF8.self))
  }

  package func refunds(
    of payment: String, after: String?
  ) throws(ExpressionError) -> GatewayRequest? {
    var form = FormEncoding()
    form.add("payment_intent", try GatewayPath.segment(payment))
    form.add("limit", String(Self.pageSize))
    form.add("starting_after", after)
    return get("/v1/refunds?" + String(decoding: form.bytes, as: UTF8.self))
  }

  private func get(_ path: String) -> GatewayRequest {
    GatewayRequest(
      method: .get,
      path: path,
      headers: [Self.versionHeader],
      body: [],
      idempotencyKey: nil,
      hasMoneyEffect: false
    )
  }

  private func post(
    _ path: String,
    _ form: FormEncoding,
    _ reference: GatewayReference,
    hasMoneyEffect: Bool
  ) -> GatewayRequest {
    GatewayRequest(
      method: .post,
      path: path,
      headers: [
        GatewayRequest.Header("content-type", "application/x-www-form-urlencoded"),
        GatewayRequest.Header("idempotency-key", reference.text), Self.versionHeader,
      ],
      body: form.bytes,
      idempotencyKey: reference.text,
      hasMoneyEffect: hasMoneyEffect
    )
  }

  static var versionHeader: GatewayRequest.Header {
    GatewayRequest.Header("stripe-version", apiVersion)
  }
}
