/// What a decline allows next. Raw values are those of the contract and of SQL.
package enum DeclineClass: Int16, Sendable, Hashable, CaseIterable {
  /// No further try with this payment method.
  case never = 1
  /// The payer must correct something.
  case fixData = 2
  /// With the payer's authentication.
  case stepUp = 3
  /// The same again, hours or days later.
  case later = 4
  /// At another gateway at once.
  case otherGateway = 5

  /// Strictest first: of two voices the stricter one counts.
  fileprivate var strictness: Int {
    switch self {
    case .never: 0
    case .fixData: 1
    case .stepUp: 2
    case .later: 3
    case .otherGateway: 4
    }
  }

  package func stricter(_ other: DeclineClass?) -> DeclineClass {
    guard let other else { return self }
    return other.strictness < strictness ? other : self
  }
}

/// A decline as the platform speaks of it.
package struct Decline: Sendable, Hashable {
  package var `class`: DeclineClass
  /// Tender's code, for example `insufficient_funds`.
  package var code: String
  /// The gateway's own code, for people.
  package var gatewayCode: String
  package var origin: Origin
  /// The gateway's id of the declined payment, if it made one.
  package var gatewayReference: String?
  /// The network's own code, if told.
  package var networkCode: String?
  /// The network's merchant advice code, if told.
  package var adviceCode: String?
  /// How long a further try has to wait; nil where nobody says.
  package var retryAfterSeconds: Int64?
  /// The network forbids any further try with this card.
  package var isForbiddenByNetwork: Bool
  /// The version of the table that judged it; nil where no bank was asked.
  package var tableVersion: Int?

  package enum Origin: Sendable, Hashable {
    /// The bank, the network or the gateway's risk rules declined the payment.
    case bank
    /// The gateway refused the request itself. For a later step (capture, cancel) this says nothing
    /// about the payment: look first.
    case request
  }

  package init(
    class: DeclineClass,
    code: String,
    gatewayCode: String,
    origin: Origin = .bank,
    gatewayReference: String? = nil,
    networkCode: String? = nil,
    adviceCode: String? = nil,
    retryAfterSeconds: Int64? = nil,
    isForbiddenByNetwork: Bool = false,
    tableVersion: Int? = nil
  ) {
    self.class = `class`
    self.code = code
    self.gatewayCode = gatewayCode
    self.origin = origin
    self.gatewayReference = gatewayReference
    self.networkCode = networkCode
    self.adviceCode = adviceCode
    self.retryAfterSeconds = retryAfterSeconds
    self.isForbiddenByNetwork = isForbiddenByNetwork
    self.tableVersion = tableVersion
  }
}

/// What a gateway said when it declined.
package struct DeclineSignal: Sendable, Hashable {
  package enum Source: Sendable, Hashable { case stripe, adyen }
  package var source: Source
  /// Stripe's decline code (else its error code); Adyen's refusal reason code.
  package var code: String
  /// The network's own code ("05", "54", "R1"), if told.
  package var networkCode: String?
  /// Mastercard's merchant advice code, if told.
  package var networkAdviceCode: String?
  /// Stripe's `advice_code`, if told.
  package var advice: String?

  package init(
    source: Source,
    code: String,
    networkCode: String? = nil,
    networkAdviceCode: String? = nil,
    advice: String? = nil
  ) {
    self.source = source
    self.code = code
    self.networkCode = networkCode
    self.networkAdviceCode = networkAdviceCode
    self.advice = advice
  }
}
