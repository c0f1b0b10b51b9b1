/// The paths that a run must have taken to have proven anything, counted from outside.
struct RarePaths: Sendable, Equatable {
  enum Path: String, CaseIterable, Sendable, Codable {
    case answerReplayed = "answer_replayed"
    case keyReuseRefused = "key_reuse_refused"
    case askedWhileRunning = "asked_while_running"
    case leaseTakenOver = "lease_taken_over"
    case abandonedClaimClosed = "abandoned_claim_closed"
    case unknownResolved = "unknown_resolved"
    case secondGatewayUsed = "second_gateway_used"
    /// An authorisation began beside one whose outcome was not known.
    case speculationUsed = "speculation_used"
    /// A declined object was cancelled before the next gateway was asked, or a job had to.
    case fenceWon = "fence_won"
    case fenceLost = "fence_lost"
    /// Money of a condemned attempt was given back; beside a winner, it had been authorised too.
    case orphanReversed = "orphan_reversed"
    case secondWinnerRefused = "second_winner_refused"
    case breakerOpened = "breaker_opened"
    case breakerProbed = "breaker_probed_half_open"
    case declined = "declined"
    case capturedInPart = "captured_in_part"
    case canceledAfterAuthorization = "canceled_after_authorization"
    case wrongStateRefused = "wrong_state_refused"
    case refundedWhole = "refunded_whole"
    case refundedInPart = "refunded_in_part"
    case refundTooLargeRefused = "refund_too_large_refused"
    case misuseRefused = "misuse_refused"
    /// A refund was decided after every call that asked for it had to be over.
    case refundDrivenOn = "refund_driven_on"
    case notificationDuplicated = "notification_duplicated"
    case notificationLate = "notification_late"
    case serviceKilled = "service_killed"
    case serviceStoodStill = "service_stood_still"
    case databaseStopped = "database_stopped"
    /// A service's wall clock was wrong.
    case clockJumped = "clock_jumped"
    /// A payment was not sent, because its time was over by the clock of whoever was to send it.
    case lateSendRefused = "late_send_refused"
    /// A caller left while the gateway worked, and the payment was finished all the same.
    case departedFinished = "departed_finished"
    /// A payment of which no gateway knows stays `processing`: silence is no evidence.
    case silenceKept = "silence_kept"
    /// A refund of which the gateway knows nothing stays `pending`.
    case refundSilenceKept = "refund_silence_kept"

    /// Whether this build can take it: one for release has no clocks that are wrong.
    var isPossible: Bool {
      #if TENDER_FAULTS
        true
      #else
        self != .clockJumped && self != .lateSendRefused
      #endif
    }

    /// Whether it depends on chance within a seed, so that a short run may do without it.
    var isByChance: Bool {
      switch self {
      case .fenceWon, .fenceLost, .orphanReversed, .secondWinnerRefused, .speculationUsed,
        .breakerProbed, .refundSilenceKept, .lateSendRefused:
        true
      default: false
      }
    }
  }

  /// So many seeds leave nothing to chance.
  static let seedsForAll = 20
  /// A live call's time for gateways is 4.5 s: whatever came later came without it.
  static let callMilliseconds: Int64 = 4_500

  private(set) var counts: [Path: Int] = [:]

  subscript(_ path: Path) -> Int { counts[path] ?? 0 }

  mutating func add(_ path: Path, _ count: Int) { counts[path, default: 0] += count }

  mutating func add(_ other: RarePaths) {
    for (path, count) in other.counts { add(path, count) }
  }

  mutating func add(_ report: SeedReport) {
    for (name, count) in report.paths {
      if let path = Path(rawValue: name) { add(path, count) }
    }
  }

  /// Those that a run of so many seeds should have taken and did not.
  func missing(seeds: Int) -> [Path] {
    Path.allCases.filter {
      $0.isPossible && (!$0.isByChance || seeds >= Self.seedsForAll) && self[$0] == 0
    }
  }

  /// Those that such a run may do without, and did.
  func unproven(seeds: Int) -> [Path] {
    let missing = missing(seeds: seeds)
    return Path.allCases.filter { self[$0] == 0 && !missing.contains($0) }
  }
}

extension RarePaths {
  /// What the evidence of a seed shows.
  init(_ evidence: Evidence, notifications: SimulatorChaos.Counts) {
    for call in evidence.calls { add(call) }
    add(.misuseRefused, evidence.misuses.count { $0.answer == $0.kind.refusal })
    add(.leaseTakenOver, Int(evidence.database.takenOverClaims))
    add(.breakerOpened, Int(evidence.database.openedBreakers))
    add(.breakerProbed, evidence.halfOpenSeen)
    add(.notificationDuplicated, Int(notifications.duplicated))
    add(.notificationLate, Int(notifications.late))
    for asked in evidence.asked where asked.departs {
      let answers = evidence.calls.filter { $0.payment == asked.number && $0.isReplay }
      if !answers.isEmpty { add(.departedFinished, 1) }
    }
    for intent in evidence.intents { add(intent, evidence.charges(of: intent.id)) }
    for refund in evidence.refunds {
      let intent = evidence.intents.first { $0.id == refund.intent }
      let isWhole = refund.amountMinor == intent?.capturedMinor
      if refund.status == "succeeded" { add(isWhole ? .refundedWhole : .refundedInPart, 1) }
      if refund.isSilent(evidence.gatewayRefunds) { add(.refundSilenceKept, 1) }
      if let time = refund.milliseconds, time > Self.callMilliseconds { add(.refundDrivenOn, 1) }
    }
  }

  private mutating func add(_ call: CallRecord) {
    switch call.answer {
    case .intent(_, _, _, _, isReplayed: true), .refund(_, _, _, _, _, isReplayed: true):
      add(.answerReplayed, 1)
    case .refused(_, "IDEMPOTENCY_KEY_REUSED"): add(.keyReuseRefused, 1)
    case .refused(_, "PAYMENT_INTENT_STATE"): add(.wrongStateRefused, 1)
    case .refused(_, "AMOUNT_TOO_LARGE") where call.method == .refund:
      add(.refundTooLargeRefused, 1)
    case .unknown("IDEMPOTENCY_IN_PROGRESS"): add(.askedWhileRunning, 1)
    case .intent, .refund, .refused, .unknown: break
    }
  }

  private mutating func add(_ intent: FoundIntent, _ charges: [GatewayCharge]) {
    let attempts = intent.operations.flatMap(\.attempts)
    let isLate = intent.failureCode == "send_window_passed"
    if isLate { add(.lateSendRefused, 1) }
    let isUnsent = intent.operations.contains { $0.attempts.isEmpty && $0.facts == ["not_executed"] }
    if intent.failureCode == "abandoned_before_send" || (isUnsent && !isLate) {
      add(.abandonedClaimClosed, 1)
    }
    if intent.isSilent(charges) { add(.silenceKept, 1) }
    if intent.status == "failed", attempts.contains(where: { $0.evidence == "declined" }) {
      add(.declined, 1)
    }
    if intent.status == "succeeded", intent.capturedMinor < intent.amountMinor {
      add(.capturedInPart, 1)
    }
    if intent.status == "canceled", attempts.contains(where: { $0.evidence == "canceled" }) {
      add(.canceledAfterAuthorization, 1)
    }
    for operation in intent.operations { add(operation, charges) }
  }

  private mutating func add(_ operation: FoundIntent.Operation, _ charges: [GatewayCharge]) {
    if let place = operation.facts.firstIndex(of: "unknown"),
      operation.facts[place...].contains(where: { $0 != "unknown" })
    {
      add(.unknownResolved, 1)
    }
    let attempts = operation.attempts.sorted { $0.createdAt < $1.createdAt }
    if Set(attempts.map(\.gateway)).count > 1 { add(.secondGatewayUsed, 1) }
    for (earlier, later) in zip(attempts, attempts.dropFirst()) {
      if earlier.decidedAt.map({ $0 > later.createdAt }) ?? true { add(.speculationUsed, 1) }
      // Only a declined object that a gateway keeps is cancelled before the next one is asked.
      let isKept = charges.contains { $0.id == earlier.reference && $0.gateway == "stripe" }
      if earlier.evidence == "declined", isKept {
        add(earlier.hasReversal ? .fenceLost : .fenceWon, 1)
      }
    }
    // Money that a condemned attempt held or took, given back. A payer's cancel is no orphan.
    let reversed = attempts.contains { attempt in
      attempt.disposition == "condemned" && ["canceled", "refunded"].contains(attempt.evidence)
        && charges.contains { $0.id == attempt.reference && $0.authorized > 0 }
    }
    if operation.state != "open", operation.closeReason != "canceled", reversed {
      add(.orphanReversed, 1)
      if operation.state == "won" { add(.secondWinnerRefused, 1) }
    }
  }
}
