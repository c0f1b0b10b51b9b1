/// How far an invoice's payment intent is; raw values as in the contract of intents.
package enum PaymentStatus: Int16, Sendable, Hashable, CaseIterable {
  case created = 1
  case requiresAction = 2
  case processing = 3
  case requiresCapture = 4
  case succeeded = 5
  case failed = 6
  case canceled = 7

  package var publicName: String {
    switch self {
    case .created: "created"
    case .requiresAction: "requires_action"
    case .processing: "processing"
    case .requiresCapture: "requires_capture"
    case .succeeded: "succeeded"
    case .failed: "failed"
    case .canceled: "canceled"
    }
  }

  /// Money may still move without anybody asking again.
  package var isUnderWay: Bool {
    switch self {
    case .created, .requiresAction, .processing, .requiresCapture: true
    case .succeeded, .failed, .canceled: false
    }
  }

  /// What it means to the invoice; nil while nothing is decided.
  /// - Parameters:
  ///   - paidMinor: captured less returned; nil when the sender does not tell it.
  ///   - totalMinor: of the invoice.
  package func invoiceEvent(paidMinor: Int64?, of totalMinor: Int64) -> InvoiceEvent? {
    switch self {
    case .succeeded: (paidMinor ?? totalMinor) < totalMinor ? .paymentReturned : .paymentSucceeded
    case .failed, .canceled: .paymentFailed
    case .created, .requiresAction, .processing, .requiresCapture: nil
    }
  }
}

/// Why a payment failed, in the words of intents.
package struct PaymentFailureReason: Sendable, Hashable {
  package var code: String
  /// The intent cannot be confirmed again.
  package var isTerminal: Bool

  package init(code: String, isTerminal: Bool) {
    self.code = code
    self.isTerminal = isTerminal
  }
}

/// When an invoice's intent is confirmed again by itself: only while the payer's bank was never
/// asked. A decline is another matter, and waits for dunning.
package enum PaymentTryPolicy {
  /// Tries of one invoice, the first included, while nothing was executed.
  package static let technicalTriesMax = 5
  private static let technicalCodes: Set<String> = [
    "abandoned_before_send", "no_gateway_available", "not_executed",
  ]
  /// Seconds before try 2, 3, 4, 5.
  private static let pausesSeconds: [Int64] = [30, 300, 1_800, 7_200]

  /// Nil: no further try.
  package static func pauseSeconds(
    after failure: PaymentFailureReason?, tries: Int
  ) -> Int64? {
    guard let failure, !failure.isTerminal, technicalCodes.contains(failure.code), tries >= 1,
      tries < technicalTriesMax
    else { return nil }
    return pausesSeconds[min(tries - 1, pausesSeconds.count - 1)]
  }
}
