import Money

/// The amounts that rules need, always computed from rows under the intent's lock, never a counter.
package struct IntentAmounts: Sendable, Hashable {
  package var intendedMinor: Int64
  package var authorizedMinor: Int64
  package var capturedMinor: Int64
  /// Refunds that are not proven failed: done, under way or of unknown outcome.
  package var refundsReservedMinor: Int64
  /// What the payer's bank has taken back.
  package var returnedMinor: Int64

  package init(
    intendedMinor: Int64, authorizedMinor: Int64, capturedMinor: Int64,
    refundsReservedMinor: Int64 = 0, returnedMinor: Int64 = 0
  ) {
    self.intendedMinor = intendedMinor
    self.authorizedMinor = authorizedMinor
    self.capturedMinor = capturedMinor
    self.refundsReservedMinor = refundsReservedMinor
    self.returnedMinor = returnedMinor
  }

  /// What CapturePaymentIntent may still take.
  package func capturableMinor(in state: IntentState) -> Int64 {
    state.status == .requiresCapture ? max(0, authorizedMinor - capturedMinor) : 0
  }

  package enum CaptureRefusal: Error, Sendable, Hashable {
    case amountNotPositive
    case amountTooLarge(capturableMinor: Int64)
  }

  /// The amount a capture takes: all that is capturable unless the caller names less.
  package func capture(
    requestedMinor: Int64?, in state: IntentState
  ) -> Result<Int64, CaptureRefusal> {
    let capturable = capturableMinor(in: state)
    let amount = requestedMinor ?? capturable
    guard amount > 0 else { return .failure(.amountNotPositive) }
    guard amount <= capturable else {
      return .failure(.amountTooLarge(capturableMinor: capturable))
    }
    return .success(amount)
  }
}

extension IntentAmounts {
  /// What CreateRefund may still give back.
  package func refundableMinor(in state: IntentState) -> Int64 {
    state.status == .succeeded
      ? max(0, capturedMinor - refundsReservedMinor - returnedMinor) : 0
  }

  package enum RefundRefusal: Error, Sendable, Hashable {
    case state(allowed: [IntentStatus])
    case amountTooLarge(refundableMinor: Int64)
  }

  /// The amount a refund gives back: all that is refundable unless the caller names less.
  /// - Parameter requestedMinor: positive, where the caller names an amount.
  package func refund(
    requestedMinor: Int64?, in state: IntentState
  ) -> Result<Int64, RefundRefusal> {
    guard state.status == .succeeded else { return .failure(.state(allowed: [.succeeded])) }
    let refundable = refundableMinor(in: state)
    let amount = requestedMinor ?? refundable
    guard amount > 0, amount <= refundable else {
      return .failure(.amountTooLarge(refundableMinor: refundable))
    }
    return .success(amount)
  }
}

/// The limits of one intent.
package enum IntentLimits {
  /// The largest amount in minor units; what the strictest gateway takes.
  package static let amountMinorMax: Int64 = 99_999_999_999
  /// A payer who is there waits at most this long; no byte is sent to a gateway later.
  package static let sendWindowPayerPresentSeconds: Int64 = 20
  /// For merchant-initiated payments.
  package static let sendWindowOffSessionSeconds: Int64 = 3 * 3600
}
