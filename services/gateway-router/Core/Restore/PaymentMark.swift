package import Money

/// A payment as its gateway lists it.
package struct ListedPayment: Sendable, Hashable {
  /// The gateway's id.
  package var reference: String
  package var createdSeconds: Int64
  package var isLive: Bool
  /// Nil for a currency that is not known, or a part of a minor unit.
  package var amount: Amount?
  /// Authorised and captured in one call, or capture is a step of its own; nil if it is not said.
  package var mode: Attempt.Mode?
  package var method: MethodType?
  /// Our reference, and what else was sent with it; nobody has verified a word of it.
  package var ownReference: String?
  package var metadata: [String: String]

  package init(
    reference: String, createdSeconds: Int64, isLive: Bool, amount: Amount?, mode: Attempt.Mode?,
    method: MethodType?, ownReference: String?, metadata: [String: String]
  ) {
    self.reference = reference
    self.createdSeconds = createdSeconds
    self.isLive = isLive
    self.amount = amount
    self.mode = mode
    self.method = method
    self.ownReference = ownReference
    self.metadata = metadata
  }
}

/// A refund as its gateway lists it.
package struct ListedRefund: Sendable, Hashable {
  /// The gateway's id.
  package var reference: String
  package var createdSeconds: Int64
  package var amount: Amount?
  /// The gateway's id of the payment.
  package var paymentReference: String
  package var ownReference: String?

  package init(
    reference: String, createdSeconds: Int64, amount: Amount?, paymentReference: String,
    ownReference: String?
  ) {
    self.reference = reference
    self.createdSeconds = createdSeconds
    self.amount = amount
    self.paymentReference = paymentReference
    self.ownReference = ownReference
  }

  /// The refund of ours that it is; nil for what was made by hand, and for what gives an orphan
  /// back, which its attempt tells.
  package var refundID: RefundID? {
    guard let own = ownReference.flatMap({ GatewayReference($0) }), own.kind == .refund else {
      return nil
    }
    return RefundID(bits: own.bits)
  }
}

/// What of ours a payment was made for, as its metadata say: everything that is needed to rebuild
/// its rows.
package struct PaymentIdentity: Sendable, Hashable {
  package var attempt: AttemptID
  package var operation: OperationID
  package var intent: PaymentIntentID
  package var merchant: MerchantID
  package var paymentMethod: PaymentMethodID
  /// 32 bytes: the HMAC of the caller's key.
  package var keyProof: [UInt8]
  package var captureMethod: Operation.CaptureMethod
  package var isOffSession: Bool
  /// The attempt's number within its operation.
  package var sequence: Int
  package var amount: Amount
  package var mode: Attempt.Mode
  package var method: MethodType

  package init(
    attempt: AttemptID, operation: OperationID, intent: PaymentIntentID, merchant: MerchantID,
    paymentMethod: PaymentMethodID, keyProof: [UInt8], captureMethod: Operation.CaptureMethod,
    isOffSession: Bool, sequence: Int, amount: Amount, mode: Attempt.Mode, method: MethodType
  ) {
    self.attempt = attempt
    self.operation = operation
    self.intent = intent
    self.merchant = merchant
    self.paymentMethod = paymentMethod
    self.keyProof = keyProof
    self.captureMethod = captureMethod
    self.isOffSession = isOffSession
    self.sequence = sequence
    self.amount = amount
    self.mode = mode
    self.method = method
  }
}

/// The claim that a payment proves although it cannot be rebuilt: its key must never pay again.
package struct ClaimIdentity: Sendable, Hashable {
  package var merchant: MerchantID
  package var intent: PaymentIntentID
  package var operation: OperationID
  package var keyProof: [UInt8]

  package init(
    merchant: MerchantID, intent: PaymentIntentID, operation: OperationID, keyProof: [UInt8]
  ) {
    self.merchant = merchant
    self.intent = intent
    self.operation = operation
    self.keyProof = keyProof
  }
}

extension PaymentIdentity {
  package var claim: ClaimIdentity {
    ClaimIdentity(merchant: merchant, intent: intent, operation: operation, keyProof: keyProof)
  }
}

/// Whose a listed payment is.
package enum PaymentMark: Sendable, Hashable {
  /// It bears no reference of ours: somebody else's, or made by hand.
  case foreign
  /// It bears one, and what else it says is not enough or not believable.
  case unusable(Trouble, ClaimIdentity?)
  case ours(PaymentIdentity)

  package enum Trouble: String, Sendable, Hashable, CaseIterable {
    /// Of an older release, or taken out by somebody.
    case metadataMissing = "metadata_missing"
    case metadataMalformed = "metadata_malformed"
    /// A test merchant's payment among live ones, or the reverse.
    case livemodeDiffers = "livemode_differs"
    /// The gateway's own fields are not what we send.
    case paymentUnreadable = "payment_unreadable"
  }
}

extension PaymentMark {
  /// Reads a payment's marks. Whoever can write to the account can write them: they are checked in
  /// form here, and against what is known afterwards.
  package init(_ payment: ListedPayment) {
    guard let own = payment.ownReference.flatMap({ GatewayReference($0) }), own.kind == .authorize,
      let attempt = own.attemptID
    else {
      self = .foreign
      return
    }
    let text = { (name: PaymentMetadata) in payment.metadata[name.rawValue] }
    guard let intentText = text(.intent), let operationText = text(.operation),
      let proofText = text(.keyProof), let merchantText = text(.merchant)
    else {
      self = .unusable(.metadataMissing, nil)
      return
    }
    guard let intent = PaymentIntentID(intentText), let operation = OperationID(operationText),
      let proof = Self.proof(proofText), let merchant = MerchantID(merchantText)
    else {
      self = .unusable(.metadataMalformed, nil)
      return
    }
    guard merchant.isLive == payment.isLive else {
      self = .unusable(.livemodeDiffers, nil)
      return
    }
    let claim = ClaimIdentity(
      merchant: merchant, intent: intent, operation: operation, keyProof: proof)
    guard let methodText = text(.method), let captureText = text(.capture),
      let offSessionText = text(.offSession), let sequenceText = text(.sequence)
    else {
      self = .unusable(.metadataMissing, claim)
      return
    }
    guard let paymentMethod = PaymentMethodID(methodText),
      let capture = PaymentMetadata.captureMethod(captureText),
      let isOffSession = Bool(offSessionText), let sequence = Int(sequenceText),
      1...Operation.attemptsMax ~= sequence
    else {
      self = .unusable(.metadataMalformed, claim)
      return
    }
    guard let amount = payment.amount, amount.minor > 0, let mode = payment.mode,
      let method = payment.method
    else {
      self = .unusable(.paymentUnreadable, claim)
      return
    }
    self = .ours(
      PaymentIdentity(
        attempt: attempt, operation: operation, intent: intent, merchant: merchant,
        paymentMethod: paymentMethod, keyProof: proof, captureMethod: capture,
        isOffSession: isOffSession, sequence: sequence, amount: amount, mode: mode, method: method))
  }

  /// 32 bytes as 64 lower-case hexadecimal digits.
  private static func proof(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}

/// The names of what is kept at gateways with every payment, so that its rows can be rebuilt after
/// a restore. At most 20 characters, with values of at most 80: Adyen takes no more (Stripe 40 and
/// 500).
package enum PaymentMetadata: String, Sendable, Hashable, CaseIterable {
  case intent = "tender_intent"
  case operation = "tender_operation"
  case keyProof = "tender_key_proof"
  case merchant = "tender_merchant"
  case method = "tender_method"
  case capture = "tender_capture"
  case offSession = "tender_off_session"
  case sequence = "tender_sequence"

  static func word(_ method: Operation.CaptureMethod) -> String {
    switch method {
    case .automatic: "automatic"
    case .manual: "manual"
    }
  }

  static func captureMethod(_ word: String) -> Operation.CaptureMethod? {
    Operation.CaptureMethod.allCases.first { self.word($0) == word }
  }
}
