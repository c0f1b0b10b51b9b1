#if TENDER_FAULTS
/// A guard that is taken away in a running process, so that the harness can show that it notices.
package enum Sabotage: String, CaseIterable, Sendable {
  /// Whoever lost a claim still stores its answer.
  case noFence = "no_fence"
  /// The gateway is asked before the key is claimed.
  case claimAfterCall = "claim_after_call"
  /// Changes overwrite what others have changed meanwhile.
  case noCompareAndSet = "no_compare_and_set"
  /// The request asks for capture where an authorisation was meant.
  case automaticCapture = "automatic_capture"
  /// A suspect is given back although it was not condemned.
  case voidWithoutCondemned = "void_without_condemned"
  /// A payment request is repeated although a second attempt exists.
  case replayAfterSecond = "replay_after_second"
  /// A failed transfer counts as one that was never sent.
  case codeAsProof = "code_as_proof"
  /// The relay remembers the last number it sent, and looks at nothing below.
  case highWaterRelay = "high_water_relay"
  /// Recovery sends what a dead caller wanted sent.
  case completerCharges = "completer_charges"
  /// A refund is allowed by sums that were read before the lock.
  case refundByCounter = "refund_by_counter"
  /// A caller who leaves takes the gateway's call along.
  case cancellationReachesCall = "cancellation_reaches_call"

  package var isOn: Bool { Faults.sabotages & bit != 0 }

  var bit: UInt32 { 1 << UInt32(Self.allCases.firstIndex(of: self) ?? 0) }
}
#endif
