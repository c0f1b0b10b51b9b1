import Testing

@testable import CommandLineTool

/// Each check must fail on evidence in which its promise is broken: the sabotage of the checker.
@Suite struct ProveCheckTests {
  struct Doctored: Sendable, CustomStringConvertible {
    let check: String
    let description: String
    let change: @Sendable (inout Evidence) -> Void

    init(
      _ check: String, _ description: String, _ change: @escaping @Sendable (inout Evidence) -> Void
    ) {
      (self.check, self.description, self.change) = (check, "\(check): \(description)", change)
    }
  }

  static let table: [Doctored] = [
    Doctored("no_double_capture", "a second charge at the other gateway") {
      $0.charges.append(twin(gateway: "adyen"))
    },
    Doctored("no_double_capture", "more than the amount") { $0.charges[0].captured = 5_001 },
    Doctored("captures_within_authorization", "captured above it") {
      $0.charges[0].captured = 5_001
    },
    Doctored("captures_within_authorization", "refunded above the capture") {
      $0.charges[0].refunded = 5_001
    },
    Doctored("no_orphan_authorization", "held for a canceled payment") {
      $0.charges[1].status = "requires_capture"
    },
    Doctored("no_orphan_authorization", "held beside the winner") {
      $0.charges.append(
        ProveEvidence.charge("pi_4", "ch_9", "requires_capture", 3_000))
    },
    Doctored("no_orphan_authorization", "held for nobody") {
      $0.charges.append(ProveEvidence.charge("pi_9", "ch_9", "requires_capture", 3_000))
    },
    Doctored("succeeded_is_captured", "nothing captured there") { $0.charges[0].captured = 0 },
    Doctored("succeeded_is_captured", "captured elsewhere") {
      $0.intents[0].gatewayReference = "ch_9"
    },
    Doctored("succeeded_is_captured", "another amount") { $0.charges[0].captured = 4_000 },
    Doctored("captured_has_owner", "a declined payment's money") {
      $0.charges[2].captured = 9_000
    },
    Doctored("captured_has_owner", "a twin of the winner") {
      $0.charges.append(twin(gateway: "stripe"))
    },
    Doctored("ended_without_money", "an attempt is unknown") {
      $0.intents[2].operations[0].attempts[0].evidence = "unknown"
    },
    Doctored("ended_without_money", "the gateway holds it") {
      $0.charges[1].status = "requires_capture"
    },
    Doctored("one_winner", "two in the rows") { $0.database.severalWinners = ["op_1"] },
    Doctored("one_winner", "two in the answer") {
      $0.intents[0].operations[0].attempts += $0.intents[0].operations[0].attempts
    },
    Doctored("no_money_alert", "captured twice") {
      $0.database.moneyAlerts = ["captured_twice pi_1"]
    },
    Doctored("same_answer_per_key", "other bytes") {
      $0.calls[2] = ProveEvidence.call(
        1, 0, "k1", "5000",
        .intent(id: "pi_1", status: "succeeded", version: 3, bytes: [4], isReplayed: true))
    },
    Doctored("same_answer_per_key", "a refusal, then an answer") {
      $0.calls.append(
        ProveEvidence.call(
          1, 0, "k1", "5000", .refused(code: "failedPrecondition", reason: "PAYMENT_INTENT_STATE")))
    },
    Doctored("one_effect_per_key", "two payments") {
      var twin = $0.intents[0]
      twin.id = "pi_9"
      $0.intents.append(twin)
    },
    Doctored("one_effect_per_key", "an acknowledged payment is gone") { $0.intents.remove(at: 0) },
    Doctored("other_payload_is_refused", "answered with a payment") {
      $0.calls[3] = ProveEvidence.call(
        1, 0, "k1", "5001", ProveEvidence.answered("pi_1", "succeeded", 3, isReplayed: true))
    },
    Doctored("other_payload_is_refused", "a payment with the other amount") {
      $0.intents[0].amountMinor = 5_001
    },
    Doctored("acknowledged_is_kept", "a lost payment") { $0.intents.remove(at: 0) },
    Doctored("acknowledged_is_kept", "another state at that version") {
      $0.intents[1].changes[1].status = "failed"
    },
    Doctored("reads_go_forward", "an older version later") {
      $0.reads[2] = ReadRecord(
        intent: "pi_1", status: "processing", version: 2, startedAt: 40, endedAt: 50)
    },
    Doctored("reads_go_forward", "a state that never was") {
      $0.reads[0] = ReadRecord(
        intent: "pi_1", status: "failed", version: 2, startedAt: 10, endedAt: 20)
    },
    Doctored("merchants_do_not_meet", "answered") {
      $0.strangers = [StrangerRecord(intent: "pi_1", answer: "OK")]
    },
    Doctored("ledger_balances", "a row's sums") { $0.database.unbalancedTransactions = ["s EUR"] },
    Doctored("ledger_balances", "a transaction") { $0.intents[0].postings[0].creditMinor = 1 },
    Doctored("ledger_balances", "the trial balance") { $0.trial[0].creditsMinor = 1 },
    Doctored("ledger_balances", "balances beside entries") { $0.trial[0].entriesDebitsMinor = 1 },
    Doctored("ledger_is_immutable", "a changed row") { $0.ledgerAfter.digest = "e" },
    Doctored("ledger_is_immutable", "a lost row") { $0.ledgerAfter.entries = 1 },
    Doctored("ledger_is_immutable", "a right to change rows") {
      $0.database.ledgerRights = ["ledger_service may update entry"]
    },
    Doctored("ledger_matches_gateways", "a cent") { $0.clearing[0].balanceMinor = 4_999 },
    Doctored("ledger_matches_gateways", "money at a gateway without an account") {
      $0.clearing = []
    },
    Doctored("one_posting_per_movement", "booked twice") {
      $0.intents[0].postings += $0.intents[0].postings
    },
    Doctored("one_posting_per_movement", "never booked") { $0.intents[0].postings = [] },
    Doctored("one_posting_per_movement", "booked without a capture") {
      $0.intents[3].postings = $0.intents[0].postings
    },
    Doctored("states_follow_graph", "out of a terminal state") {
      $0.intents[1].changes = ProveEvidence.changes("canceled", "processing", "failed", "canceled")
    },
    Doctored("states_follow_graph", "a missing version") { $0.intents[0].changes.remove(at: 1) },
    Doctored("states_follow_graph", "a state beside its history") {
      $0.intents[3].status = "succeeded"
    },
    Doctored("nothing_left_running", "a claim") { $0.database.runningClaims = ["k"] },
    Doctored("nothing_left_running", "an outbox row") { $0.database.unsentRows = ["r"] },
    Doctored("nothing_left_running", "a reversal") { $0.database.openReversals = ["a"] },
    Doctored("nothing_left_running", "a capture") { $0.database.openCaptures = ["c"] },
    Doctored("nothing_left_running", "a payment") { $0.intents[3].status = "processing" },
    Doctored("nothing_left_running", "an operation") {
      $0.intents[2].operations[0].state = "open"
    },
    Doctored("event_per_ending", "none") { $0.intents[0].events.removeLast() },
    Doctored("event_per_ending", "two") {
      $0.intents[0].events.append($0.intents[0].events[1])
    },
    Doctored("event_per_ending", "of a state that never was") {
      $0.intents[3].events = [
        ProveEvidence.event("evt_9", "payment_intent.succeeded", 9, 2, "succeeded", 3_000)
      ]
    },
    Doctored("events_are_delivered", "one did not come") { $0.received.removeFirst() },
    Doctored("events_are_delivered", "other bytes under its id") {
      $0.received.append(
        ReceivedEvent(merchant: 0, type: "payment_intent.created", id: "evt_1", body: "{}"))
    },
    Doctored("events_are_delivered", "at another merchant") { $0.received[0].merchant = 1 },
    Doctored("events_match_states", "a body with another status") {
      $0.intents[0].events[1].bodyStatus = "failed"
    },
    Doctored("events_match_states", "a body with another amount") {
      $0.intents[0].events[1].bodyCapturedMinor = 1
    },
    Doctored("events_match_states", "sequences against versions") {
      $0.intents[0].events[0].sequence = 8
    },
    Doctored("webhooks_are_signed", "a refused webhook") {
      $0.refusedWebhooks = ["no signature matches"]
    },
    Doctored("notifications_change_nothing", "a new transaction") {
      $0.afterResend.transactions += 1
    },
    Doctored("notifications_change_nothing", "a moved payment") {
      $0.afterResend.payments = "other"
    },
  ]

  private static func twin(gateway: String) -> GatewayCharge {
    var twin = ProveEvidence.good.charges[0]
    twin.gateway = gateway
    twin.id = "ch_9"
    return twin
  }

  @Test("nothing is wrong with good evidence")
  func good() {
    #expect(Check.violations(in: ProveEvidence.good) == [])
  }

  @Test("a broken promise is found by its check", arguments: table)
  func doctored(_ doctored: Doctored) {
    var evidence = ProveEvidence.good
    doctored.change(&evidence)
    #expect(Check.violations(in: evidence).contains { $0.check == doctored.check })
  }

  @Test("each check is doctored; names and invariants are told once")
  func complete() {
    let names = Check.all.map(\.name)
    #expect(Set(names) == Set(Self.table.map(\.check)))
    #expect(Set(names).count == names.count)
    let numbers = Check.all.map(\.invariant).filter { $0 > 0 }
    #expect(Set(numbers) == Set(1...22).union([24]) && numbers.count == 23)
  }

  @Test("a payment that no gateway knows of may stay processing; one that a gateway knows may not")
  func silence() {
    var evidence = ProveEvidence.good
    evidence.intents[2].status = "processing"
    evidence.intents[2].changes = ProveEvidence.changes("processing", "processing")
    evidence.intents[2].operations[0].state = "open"
    evidence.intents[2].operations[0].attempts[0].evidence = "unknown"
    evidence.intents[2].events = []
    #expect(!Check.violations(in: evidence).isEmpty)
    evidence.charges.remove(at: 2)
    #expect(Check.violations(in: evidence) == [])
    // Sent when its process died, and never answered.
    evidence.intents[2].operations[0].attempts[0].evidence = "sent"
    #expect(Check.violations(in: evidence) == [])
    evidence.intents[2].operations[0].attempts[0].evidence = "pending"
    #expect(!Check.violations(in: evidence).isEmpty)
  }

  @Test("a charge that was given back whole is nobody's")
  func compensated() {
    var evidence = ProveEvidence.good
    var orphan = Self.twin(gateway: "adyen")
    orphan.refunded = orphan.captured
    evidence.charges.append(orphan)
    #expect(Check.violations(in: evidence) == [])
  }
}

@Suite struct RarePathTests {
  @Test("paths are counted from the evidence; what was not taken is named")
  func counts() {
    let paths = RarePaths(
      ProveEvidence.good, notifications: SimulatorChaos.Counts(waiting: 0, duplicated: 2, late: 1))
    #expect(paths[.answerReplayed] == 1)
    #expect(paths[.keyReuseRefused] == 1)
    #expect(paths[.askedWhileRunning] == 1)
    #expect(paths[.declined] == 1)
    #expect(paths[.canceledAfterAuthorization] == 1)
    #expect(paths[.notificationDuplicated] == 2 && paths[.notificationLate] == 1)
    #expect(paths.missing.contains(.leaseTakenOver) && paths.missing.contains(.unknownResolved))
    #expect(!paths.missing.contains(.answerReplayed))
    #expect(paths.unproven == [.silenceKept, .orphanReversed, .secondWinnerRefused])
  }

  @Test("an orphan counts only where a condemned attempt held money beside the winner")
  func orphans() {
    var evidence = ProveEvidence.good
    var orphan = evidence.intents[0].operations[0].attempts[0]
    (orphan.disposition, orphan.evidence, orphan.reference) = ("condemned", "canceled", "ch_9")
    evidence.intents[0].operations[0].attempts.append(orphan)
    let none = SimulatorChaos.Counts()
    #expect(RarePaths(evidence, notifications: none)[.orphanReversed] == 0)
    evidence.charges.append(ProveEvidence.charge("pi_1", "ch_9", "canceled", 5_000))
    #expect(RarePaths(evidence, notifications: none)[.orphanReversed] == 1)
  }

  @Test("an unknown that was resolved, a second gateway, an abandoned claim, a late lease")
  func rare() {
    var evidence = ProveEvidence.good
    evidence.intents[0].operations[0].facts = ["unknown", "authorized", "captured"]
    var second = evidence.intents[0].operations[0].attempts[0]
    second.gateway = "adyen"
    evidence.intents[0].operations[0].attempts.append(second)
    evidence.intents[2].failureCode = "abandoned_before_send"
    evidence.database.takenOverClaims = 3
    evidence.database.openedBreakers = 1
    let paths = RarePaths(evidence, notifications: SimulatorChaos.Counts())
    #expect(paths[.unknownResolved] == 1 && paths[.secondGatewayUsed] == 1)
    #expect(paths[.abandonedClaimClosed] == 1 && paths[.leaseTakenOver] == 3)
    #expect(paths[.breakerOpened] == 1)
    var still = evidence
    still.intents[0].operations[0].facts = ["unknown"]
    #expect(
      RarePaths(still, notifications: SimulatorChaos.Counts())[.unknownResolved] == 0)
  }
}
