package import Money

/// An HTTP request to a gateway, without host and credentials: those belong to the shell.
package struct GatewayRequest: Sendable, Hashable {
  package enum Method: String, Sendable, Hashable { case get = "GET", post = "POST" }

  package var method: Method
  /// With the leading "/" and the query.
  package var path: String
  /// Lower-case names; the idempotency key is among them.
  package var headers: [Header]
  package var body: [UInt8]
  package var idempotencyKey: String?
  /// Money may move: the transfer must never be resent by a library.
  package var hasMoneyEffect: Bool

  package struct Header: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(
    method: Method,
    path: String,
    headers: [Header],
    body: [UInt8],
    idempotencyKey: String?,
    hasMoneyEffect: Bool
  ) {
    self.method = method
    self.path = path
    self.headers = headers
    self.body = body
    self.idempotencyKey = idempotencyKey
    self.hasMoneyEffect = hasMoneyEffect
  }
}

/// Why an order cannot be said in a gateway's terms. Nothing was sent.
package enum ExpressionError: Error, Sendable, Hashable {
  case amountNotPositive
  /// The gateway's unit is coarser than the amount ("5.124 KWD", a third decimal at Stripe).
  case amountNotExpressible
  /// More units than the gateway takes.
  case amountTooLarge
  /// A reference of the gateway with characters that none of its ids has.
  case referenceMalformed
  case methodNotSupported
}

package struct AuthorizeOrder: Sendable, Hashable {
  package var reference: GatewayReference
  package var account: String
  package var amount: Amount
  package var mode: Attempt.Mode
  package var method: MethodType
  /// The gateway's id of the payment method.
  package var methodReference: String
  /// The gateway's customer that the method belongs to.
  package var customerReference: String?
  package var isOffSession: Bool
  /// At most 22 characters.
  package var statementDescriptor: String?
  /// Intent, operation and the proof of the client's key, so that claims can be rebuilt.
  package var metadata: [String: String]
  /// Where a payer comes back to after an action. Adyen's contract requires it of every payment.
  package var returnURL: String

  package init(
    reference: GatewayReference,
    account: String,
    amount: Amount,
    mode: Attempt.Mode,
    method: MethodType,
    methodReference: String,
    customerReference: String? = nil,
    isOffSession: Bool = false,
    statementDescriptor: String? = nil,
    metadata: [String: String] = [:],
    returnURL: String
  ) {
    self.reference = reference
    self.account = account
    self.amount = amount
    self.mode = mode
    self.method = method
    self.methodReference = methodReference
    self.customerReference = customerReference
    self.isOffSession = isOffSession
    self.statementDescriptor = statementDescriptor
    self.metadata = metadata
    self.returnURL = returnURL
  }
}

extension AuthorizeOrder {
  /// What is kept at the gateway with every payment (`PaymentMetadata`).
  package static func metadata(
    intent: PaymentIntentID, operation: OperationID, keyProof: String, merchant: MerchantID,
    paymentMethod: PaymentMethodID, captureMethod: Operation.CaptureMethod, isOffSession: Bool,
    sequence: Int
  ) -> [String: String] {
    let values: [PaymentMetadata: String] = [
      .intent: intent.description, .operation: operation.description, .keyProof: keyProof,
      .merchant: merchant.description, .method: paymentMethod.description,
      .capture: PaymentMetadata.word(captureMethod), .offSession: "\(isOffSession)",
      .sequence: "\(sequence)",
    ]
    return Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
  }
}

/// The verification of a payment method for payments that the merchant starts later. No money moves.
package struct SetupOrder: Sendable, Hashable {
  package var reference: GatewayReference
  package var account: String
  /// Of the payments to come; where a gateway asks for it.
  package var currency: Currency
  /// The gateway's id of the payment method.
  package var methodReference: String
  /// The gateway's customer that the method belongs to.
  package var customerReference: String?
  /// Whose it is, for people who read the gateway's own records.
  package var metadata: [String: String]
  /// Adyen's contract requires it of every payment, also one of nothing.
  package var returnURL: String

  package init(
    reference: GatewayReference,
    account: String,
    currency: Currency,
    methodReference: String,
    customerReference: String? = nil,
    metadata: [String: String] = [:],
    returnURL: String
  ) {
    self.reference = reference
    self.account = account
    self.currency = currency
    self.methodReference = methodReference
    self.customerReference = customerReference
    self.metadata = metadata
    self.returnURL = returnURL
  }

  package static func metadata(
    merchant: MerchantID, paymentMethod: PaymentMethodID
  ) -> [String: String] {
    [
      PaymentMetadata.merchant.rawValue: merchant.description,
      PaymentMetadata.method.rawValue: paymentMethod.description,
    ]
  }
}

/// What a payer brought back, for the gateway that sent them away.
package struct DetailsOrder: Sendable, Hashable {
  /// Ours, of this handing over.
  package var reference: GatewayReference
  package var result: RedirectResult

  package init(reference: GatewayReference, result: RedirectResult) {
    self.reference = reference
    self.result = result
  }
}

/// A capture or refund of a payment.
package struct ModifyOrder: Sendable, Hashable {
  /// Ours, of the modification.
  package var reference: GatewayReference
  package var account: String
  /// The gateway's id of the payment.
  package var paymentReference: String
  package var amount: Amount

  package init(
    reference: GatewayReference,
    account: String,
    paymentReference: String,
    amount: Amount
  ) {
    self.reference = reference
    self.account = account
    self.paymentReference = paymentReference
    self.amount = amount
  }
}

package struct CancelOrder: Sendable, Hashable {
  package enum Target: Sendable, Hashable {
    /// The gateway's id.
    case payment(String)
    /// Our reference, when the gateway's id was never learned.
    case own(GatewayReference)
  }
  /// Ours, of the cancel.
  package var reference: GatewayReference
  package var account: String
  package var target: Target
  /// Whether the payment could be captured meanwhile: then it is refunded, where one call does both.
  package var mayBeCaptured: Bool

  package init(
    reference: GatewayReference,
    account: String,
    target: Target,
    mayBeCaptured: Bool
  ) {
    self.reference = reference
    self.account = account
    self.target = target
    self.mayBeCaptured = mayBeCaptured
  }
}

/// A search for a payment whose id was never learned, among those made in a span of time.
package struct FindOrder: Sendable, Hashable {
  /// Ours, of the payment.
  package var reference: GatewayReference
  /// When the gateway may have made it; seconds since 1970, both included.
  package var createdSeconds: ClosedRange<Int64>
  /// The gateway's id that ended the page before.
  package var after: String?

  package init(
    reference: GatewayReference, createdSeconds: ClosedRange<Int64>, after: String? = nil
  ) {
    self.reference = reference
    self.createdSeconds = createdSeconds
    self.after = after
  }
}

/// One page of a search.
package enum FoundPage: Sendable, Hashable {
  case found(PaymentAnswer)
  /// Not on this page; the search goes on behind this id.
  case more(after: String)
  /// Not among the payments of that time.
  case absent
  /// No page but an error, or nothing readable.
  case failed(GatewayAnswer)
}

/// One page of a payment's refunds.
package enum FoundRefund: Sendable, Hashable {
  case found(RefundAnswer)
  /// Not on this page; the list goes on behind this id.
  case more(after: String)
  /// Not among them.
  case absent
  /// No page but an error, or nothing readable.
  case failed(GatewayAnswer)
}

/// A gateway's language: orders to requests, answers to the platform's words. Pure.
package protocol Gateway: Sendable {
  var name: GatewayName { get }

  func authorize(_ order: AuthorizeOrder) throws(ExpressionError) -> GatewayRequest
  /// Hands over what a payer brought back; nil where the gateway knows by itself.
  func details(_ order: DetailsOrder) throws(ExpressionError) -> GatewayRequest?
  func capture(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest
  func refund(_ order: ModifyOrder) throws(ExpressionError) -> GatewayRequest
  /// nil where the gateway cannot cancel such a target.
  func cancel(_ order: CancelOrder) throws(ExpressionError) -> GatewayRequest?
  /// Reads a payment; nil where the gateway has no such call.
  func get(payment reference: String, key: GatewayReference) throws(ExpressionError)
    -> GatewayRequest?
  /// Reads a refund; nil where the gateway has no such call.
  func get(refund reference: String) throws(ExpressionError) -> GatewayRequest?

  /// Cards only: a debit needs its payer's mandate.
  func setUp(_ order: SetupOrder) throws(ExpressionError) -> GatewayRequest
  /// Reads what came of a set-up; nil where the gateway has no such call.
  func get(setup reference: String) throws(ExpressionError) -> GatewayRequest?

  /// One page of a search by our reference; nil where the gateway cannot list payments.
  func find(_ order: FindOrder) throws(ExpressionError) -> GatewayRequest?
  /// The reading of such a page; nil when the facts hold no whole answer.
  func readPage(_ facts: TransferFacts, for reference: GatewayReference) -> FoundPage?

  /// One page of a payment's refunds; nil where the gateway cannot list them.
  func refunds(of payment: String, after: String?) throws(ExpressionError) -> GatewayRequest?
  /// The reading of such a page; nil when the facts hold no whole answer.
  func readRefunds(_ facts: TransferFacts, for reference: GatewayReference) -> FoundRefund?

  /// The adapter's reading of a whole answer; nil when the facts hold none.
  func read(_ facts: TransferFacts, for purpose: SentRequest.Purpose) -> GatewayAnswer?

  /// The header that carries the account's API key.
  func authentication(apiKey: String) -> GatewayRequest.Header
}
