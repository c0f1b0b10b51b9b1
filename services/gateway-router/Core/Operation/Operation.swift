package import Money

/// The decision about one movement of money: which attempt, if any, is the payment. An attempt is in
/// exactly one place: among the live ones, the winner, or condemned; a winner exists only in `won`.
package struct Operation: Sendable, Hashable {
  package enum CaptureMethod: Int16, Sendable, Hashable, CaseIterable {
    case automatic = 1
    case manual = 2
  }

  package enum Phase: Sendable, Hashable {
    case open(live: [Attempt], condemned: [Attempt])
    case won(Winner, condemned: [Attempt])
    case closed(CloseReason, condemned: [Attempt])
  }

  package struct Winner: Sendable, Hashable {
    package internal(set) var attempt: Attempt
    /// At most one that has not failed.
    package internal(set) var captures: [Capture]
    /// The authorisation is to be given back; no capture may begin.
    package internal(set) var isReleasing: Bool
  }

  package enum CloseReason: Int16, Sendable, Hashable, CaseIterable {
    /// Every route was tried.
    case exhausted = 1
    case canceled = 2
    /// The time to find out is over.
    case gaveUp = 3
    /// A claim that never sent anything.
    case abandoned = 4
  }

  package enum State: Int16, Sendable, Hashable, CaseIterable {
    case open = 1
    case won = 2
    case closed = 3
  }

  /// More attempts than this are refused.
  package static let attemptsMax = 4

  package let id: OperationID
  package let amount: Amount
  package let captureMethod: CaptureMethod
  package internal(set) var phase: Phase
  /// Facts written so far; the next one gets the number behind.
  package internal(set) var factCount: Int
  /// The last fact an operation without a capture can have is written.
  package internal(set) var isFinal: Bool

  /// A new operation, without attempts.
  package init(id: OperationID, amount: Amount, captureMethod: CaptureMethod) {
    self.id = id
    self.amount = amount
    self.captureMethod = captureMethod
    phase = .open(live: [], condemned: [])
    factCount = 0
    isFinal = false
  }

  package var state: State {
    switch phase {
    case .open: .open
    case .won: .won
    case .closed: .closed
    }
  }

  package var winner: Winner? { if case .won(let winner, _) = phase { winner } else { nil } }

  package var condemned: [Attempt] {
    switch phase {
    case .open(_, let condemned), .won(_, let condemned), .closed(_, let condemned): condemned
    }
  }

  /// Every attempt with its disposition, by sequence.
  package var attempts: [(attempt: Attempt, disposition: Disposition)] {
    let rest = condemned.map { (attempt: $0, disposition: Disposition.condemned) }
    let others: [(attempt: Attempt, disposition: Disposition)] =
      switch phase {
      case .open(let live, _): live.map { ($0, .open) }
      case .won(let winner, _): [(winner.attempt, .winner)]
      case .closed: []
      }
    return (others + rest).sorted { $0.attempt.sequence < $1.attempt.sequence }
  }

  /// The id of the capture that follows an authorisation by itself: one per operation.
  package var automaticCaptureID: CaptureID { CaptureID(bits: id.bits) }
}

/// Rows that contradict each other.
package enum OperationRestoreError: Error, Sendable, Hashable {
  case winnerWithoutWon
  case wonWithoutWinner
  case severalWinners
  case openAttemptInDecidedOperation
  case capturesWithoutWinner
  case closeReasonMissing
}

extension Operation {
  /// What the rows of an operation hold.
  package struct Rows: Sendable {
    package var state: State
    package var closeReason: CloseReason?
    package var isReleasing: Bool
    package var factCount: Int
    package var isFinal: Bool
    package var attempts: [(attempt: Attempt, disposition: Disposition)]
    package var captures: [Capture]

    package init(
      state: State,
      closeReason: CloseReason?,
      isReleasing: Bool,
      factCount: Int,
      isFinal: Bool,
      attempts: [(attempt: Attempt, disposition: Disposition)],
      captures: [Capture]
    ) {
      self.state = state
      self.closeReason = closeReason
      self.isReleasing = isReleasing
      self.factCount = factCount
      self.isFinal = isFinal
      self.attempts = attempts
      self.captures = captures
    }
  }

  /// From stored rows.
  /// - Throws: the first contradiction, in the order of the cases.
  package init(
    id: OperationID,
    amount: Amount,
    captureMethod: CaptureMethod,
    rows: Rows
  ) throws(OperationRestoreError) {
    self.init(id: id, amount: amount, captureMethod: captureMethod)
    factCount = rows.factCount
    isFinal = rows.isFinal
    func all(_ disposition: Disposition) -> [Attempt] {
      rows.attempts.filter { $0.disposition == disposition }.map(\.attempt)
        .sorted { $0.sequence < $1.sequence }
    }
    let (live, winners, condemned) = (all(.open), all(.winner), all(.condemned))
    if !winners.isEmpty && rows.state != .won { throw .winnerWithoutWon }
    if winners.isEmpty && rows.state == .won { throw .wonWithoutWinner }
    if winners.count > 1 { throw .severalWinners }
    if !live.isEmpty && rows.state != .open { throw .openAttemptInDecidedOperation }
    if !rows.captures.isEmpty && winners.isEmpty { throw .capturesWithoutWinner }
    switch rows.state {
    case .open: phase = .open(live: live, condemned: condemned)
    case .won:
      phase = .won(
        Winner(attempt: winners[0], captures: rows.captures, isReleasing: rows.isReleasing),
        condemned: condemned
      )
    case .closed:
      guard let reason = rows.closeReason else { throw .closeReasonMissing }
      phase = .closed(reason, condemned: condemned)
    }
  }
}
