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
    case breakerOpened = "breaker_opened"
    case declined = "declined"
    case capturedInPart = "captured_in_part"
    case canceledAfterAuthorization = "canceled_after_authorization"
    case wrongStateRefused = "wrong_state_refused"
    case notificationDuplicated = "notification_duplicated"
    case notificationLate = "notification_late"
    case serviceKilled = "service_killed"
    case serviceStoodStill = "service_stood_still"
    case databaseStopped = "database_stopped"
    /// A payment of which no gateway knows stays `processing`: silence is no evidence.
    case silenceKept = "silence_kept"
    case orphanReversed = "orphan_reversed"
    case secondWinnerRefused = "second_winner_refused"

    /// Whether it depends on chance within a seed, so that a short run may do without it.
    var isByChance: Bool {
      switch self {
      case .silenceKept, .orphanReversed, .secondWinnerRefused: true
      default: false
      }
    }
  }

  private(set) var counts: [Path: Int] = [:]

  subscript(_ path: Path) -> Int { counts[path] ?? 0 }

  mutating func add(_ path: Path, _ count: Int) { counts[path, default: 0] += count }

  mutating func add(_ other: RarePaths) {
    for (path, count) in other.counts { add(path, count) }
  }

  /// Those that a run should have taken and did not.
  var missing: [Path] { Path.allCases.filter { !$0.isByChance && self[$0] == 0 } }

  /// Those that a run may do without, and did.
  var unproven: [Path] { Path.allCases.filter { $0.isByChance && self[$0] == 0 } }

  var line: String {
    Path.allCases.filter { self[$0] > 0 }.map { "\($0.rawValue) \(self[$0])" }
      .joined(separator: " · ")
  }
}

extension RarePaths {
  /// What the evidence of a seed shows.
  init(_ evidence: Evidence, notifications: SimulatorChaos.Counts) {
    for call in evidence.calls {
      switch call.answer {
      case .intent(_, _, _, _, isReplayed: true): add(.answerReplayed, 1)
      case .refused(_, "IDEMPOTENCY_KEY_REUSED"): add(.keyReuseRefused, 1)
      case .refused(_, "PAYMENT_INTENT_STATE"): add(.wrongStateRefused, 1)
      case .unknown("IDEMPOTENCY_IN_PROGRESS"): add(.askedWhileRunning, 1)
      case .intent, .refused, .unknown: break
      }
    }
    add(.leaseTakenOver, Int(evidence.database.takenOverClaims))
    add(.breakerOpened, Int(evidence.database.openedBreakers))
    add(.notificationDuplicated, Int(notifications.duplicated))
    add(.notificationLate, Int(notifications.late))
    for intent in evidence.intents { add(intent, evidence.charges(of: intent.id)) }
  }

  private mutating func add(_ intent: FoundIntent, _ charges: [GatewayCharge]) {
    let attempts = intent.operations.flatMap(\.attempts)
    if intent.failureCode == "abandoned_before_send"
      || intent.operations.contains(where: { $0.attempts.isEmpty && $0.facts == ["not_executed"] })
    {
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
    for operation in intent.operations {
      if let place = operation.facts.firstIndex(of: "unknown"),
        operation.facts[place...].contains(where: { $0 != "unknown" })
      {
        add(.unknownResolved, 1)
      }
      if Set(operation.attempts.map(\.gateway)).count > 1 { add(.secondGatewayUsed, 1) }
      // Money that a condemned attempt held beside the winner, given back.
      let reversed = operation.attempts.contains { attempt in
        attempt.disposition == "condemned" && ["canceled", "refunded"].contains(attempt.evidence)
          && charges.contains { $0.id == attempt.reference && $0.authorized > 0 }
      }
      if operation.state == "won", reversed {
        add(.orphanReversed, 1)
        add(.secondWinnerRefused, 1)
      }
    }
  }
}
