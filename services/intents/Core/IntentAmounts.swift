import Money

/// The amounts that rules need, always computed from rows under the intent's lock, never a counter.
package struct IntentAmounts: Sendable, Hashable {
  package var intendedMinor: Int64
  package var authorizedMinor: Int64
  package var capturedMinor: Int64

  package init(intendedMinor: Int64, authorizedMinor: Int64, capturedMinor: Int64) {
    self.intendedMinor = intendedMinor
    self.authorizedMinor = authorizedMinor
    self.capturedMinor = capturedMinor
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

/// The limits of one intent.
package enum IntentLimits {
  /// The largest amount in minor units; what the strictest gateway takes.
  package static let amountMinorMax: Int64 = 99_999_999_999
  /// A payer who is there waits at most this long; no byte is sent to a gateway later.
  package static let sendWindowPayerPresentSeconds: Int64 = 20
  /// For merchant-initiated payments.
  package static let sendWindowOffSessionSeconds: Int64 = 3 * 3600
}
