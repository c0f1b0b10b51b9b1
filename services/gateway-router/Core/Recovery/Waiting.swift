package import Money

/// When an attempt that may still win is looked at again, by what is known of it.
package enum LookSchedule {
  /// Nobody has heard an answer: seconds from a look to the next, by the number of looks before.
  package static let unknownSeconds: [Int64] = [1, 2, 3, 5, 10, 30, 60, 300]
  /// The bank or the payer has it, and notifications may be lost: seconds since the first send.
  package static let waitingOffsetsSeconds: [Int64] = [300, 3_600, 21_600, 86_400]
  /// After the last of them.
  package static let waitingRepeatSeconds: Int64 = 86_400
  /// Unknown for longer: people hear of it.
  package static let unknownAlertSeconds: Int64 = 3_600
  /// With the bank for longer than a card's answer can take: people hear of it.
  package static let pendingCardAlertSeconds: Int64 = 3_600
  /// With the bank for longer than a debit takes.
  package static let pendingDebitAlertDays = 7

  package static func unknown(after looks: Int) -> Int64 {
    unknownSeconds[min(max(looks, 0), unknownSeconds.count - 1)]
  }

  /// Seconds since the first send: the next one behind `ageSeconds`.
  package static func waitingOffset(after ageSeconds: Int64) -> Int64 {
    if let next = waitingOffsetsSeconds.first(where: { $0 > ageSeconds }) { return next }
    let last = waitingOffsetsSeconds[waitingOffsetsSeconds.count - 1]
    return last + ((ageSeconds - last) / waitingRepeatSeconds + 1) * waitingRepeatSeconds
  }

  /// What people must know of an attempt that may still win.
  package enum Lateness: String, Sendable, Hashable, CaseIterable {
    case outcomeUnknown = "attempt_outcome_unknown"
    case pendingLong = "attempt_pending_long"

    /// Whether an alert of this kind, once raised, is still true of such evidence.
    package func holds(of evidence: Evidence) -> Bool {
      switch self {
      case .outcomeUnknown:
        evidence == .sent || evidence == .unknown || evidence == .actionSubmitted
      case .pendingLong: evidence == .pending
      }
    }
  }

  package static func lateness(
    of evidence: Evidence, method: MethodType?, sentAt: Timestamp, now: Timestamp
  ) -> Lateness? {
    switch evidence {
    case .sent, .unknown, .actionSubmitted:
      return now >= sentAt + .seconds(unknownAlertSeconds) ? .outcomeUnknown : nil
    case .pending:
      let limit =
        method == .card
        ? sentAt + .seconds(pendingCardAlertSeconds)
        : BankDays.after(sentAt, days: pendingDebitAlertDays)
      return now >= limit ? .pendingLong : nil
    case .requiresAction, .authorized, .captured, .declined, .notExecuted, .canceled, .refunded,
      .returned:
      return nil
    }
  }
}

/// Until when an open operation is waited for.
package struct GiveUpLimits: Sendable, Hashable {
  package var payerPresentSeconds: Int64 = 900
  package var offSessionSeconds: Int64 = 259_200
  /// A direct debit that the bank works on. Its refusal comes within a week; the rest is for banks
  /// that are late.
  package var bankDays = 14
  /// Longer where what a payer brought back was handed over, and its answer nobody has heard: the
  /// gateway's notification may still tell.
  package static let submittedSeconds: Int64 = 600

  package init() {}

  /// - Parameter method: nil for an operation of an older release: then the longest wait counts.
  package func deadline(
    of operation: Operation, createdAt: Timestamp, method: MethodType?, offSession: Bool
  ) -> Timestamp {
    if method != .card, case .open(let live, _) = operation.phase,
      live.contains(where: { $0.evidence == .pending })
    {
      return BankDays.after(createdAt, days: bankDays)
    }
    let end = createdAt + .seconds(offSession ? offSessionSeconds : payerPresentSeconds)
    guard case .open(let live, _) = operation.phase,
      live.contains(where: { $0.evidence == .actionSubmitted })
    else { return end }
    return end + .seconds(Self.submittedSeconds)
  }
}

/// How long after an order nothing of it is sent any more, whatever its caller names: giving up
/// comes later.
package enum SendWindowLimits {
  package static let payerPresentSeconds: Int64 = 60
  package static let offSessionSeconds: Int64 = 6 * 3_600

  package static func latest(from now: Timestamp, offSession: Bool) -> Timestamp {
    now + .seconds(offSession ? offSessionSeconds : payerPresentSeconds)
  }
}
