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
    Doctored("nothing_sent_after_second", "the first gateway is asked again") {
      $0.charges[0].operation = $0.intents[0].operations[0].id
      let first = $0.intents[0].operations[0].attempts[0]
      var second = first
      (second.id, second.gateway) = ("at_9", "adyen")
      second.createdAt = first.createdAt + 100
      $0.intents[0].operations[0].attempts.append(second)
      $0.charges[0].created = second.createdAt + Check.arrivalMilliseconds + 1
    },
    Doctored("nobody_charged_who_left", "recovery went on where the payer had left") {
      $0.asked[0].leaves = true
      $0.intents[0].operations[0].attempts[0].createdAt =
        $0.intents[0].createdAt + Check.aloneMilliseconds + 1
    },
    Doctored("departure_stops_nothing", "another process had to finish it") {
      ($0.asked[0].departs, $0.asked[0].key) = (true, "k1")
      $0.database.takenOverKeys = ["k1"]
    },
    Doctored("departure_stops_nothing", "the answer of a call that was cut off is stored") {
      $0.asked[0].departs = true
      $0.calls[2] = ProveEvidence.call(
        1, 0, "k1", "5000", ProveEvidence.answered("pi_1", "processing", 2, isReplayed: true))
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
      $0.misuses.append(MisuseRecord(kind: .strangerReads, intent: "pi_1", answer: "OK"))
    },
    Doctored("merchants_do_not_meet", "refunded another's payment") {
      $0.misuses.append(MisuseRecord(kind: .strangerRefunds, intent: "pi_1", answer: "OK"))
    },
    Doctored("misuse_is_refused", "refunded nothing") {
      $0.misuses.append(MisuseRecord(kind: .refundOfNothing, intent: "pi_1", answer: "OK"))
    },
    Doctored("refunds_within_capture", "more than was captured") {
      var other = ProveEvidence.refund
      (other.amountMinor, other.status) = (3_001, "pending")
      $0.refunds.append(other)
    },
    Doctored("refunds_within_capture", "more than was captured, until the gateway refused it") {
      var other = ProveEvidence.refund
      (other.id, other.amountMinor, other.status) = ("re_x", 3_001, "failed")
      other.events = [
        ProveEvidence.refundEvent("evt_x1", "refund.created", 1, "pending"),
        ProveEvidence.refundEvent("evt_x2", "refund.failed", 2, "failed"),
      ]
      (other.events[0].sequence, other.events[1].sequence) = (10, 13)
      $0.refunds.append(other)
    },
    Doctored("fitting_refund_wins", "one that fits was refused") {
      $0.askedRefunds[1].amountMinor = 3_000
      $0.calls[$0.calls.count - 1] = ProveEvidence.refundCall(
        "r2", "3000", .refused(code: "failedPrecondition", reason: "AMOUNT_TOO_LARGE"))
    },
    Doctored("refunds_as_asked", "two by one key") { $0.refunds += $0.refunds },
    Doctored("refunds_as_asked", "one that nobody asked for") { $0.askedRefunds.removeFirst() },
    Doctored("refunds_as_asked", "another amount") { $0.refunds[0].amountMinor = 1_999 },
    Doctored("refunds_as_asked", "an acknowledged one is gone") { $0.refunds = [] },
    Doctored("refunds_match_gateways", "the gateway has none") { $0.gatewayRefunds = [] },
    Doctored("refunds_match_gateways", "the gateway has two") {
      $0.gatewayRefunds += $0.gatewayRefunds
    },
    Doctored("refunds_match_gateways", "the gateway gave another amount") {
      $0.gatewayRefunds[0].amount = 1_999
    },
    Doctored("refunds_match_gateways", "the gateway gave one without ours") {
      $0.refunds[0].status = "failed"
    },
    Doctored("refunds_are_booked", "never") { $0.intents[0].postings.removeLast() },
    Doctored("refunds_are_booked", "twice") {
      $0.intents[0].postings.append($0.intents[0].postings[1])
    },
    Doctored("refunds_are_booked", "its return never") { $0.refunds[0].status = "failed" },
    Doctored("refund_states_follow_graph", "a lost version") {
      $0.refunds[0].events.removeFirst()
    },
    Doctored("refund_states_follow_graph", "out of succeeded") {
      $0.refunds[0].events.append(
        ProveEvidence.refundEvent("evt_r3", "refund.updated", 3, "pending"))
    },
    Doctored("refund_states_follow_graph", "beside its events") { $0.refunds[0].version = 3 },
    Doctored("refund_events_are_true", "another amount") {
      $0.refunds[0].events[1].bodyAmountMinor = 1
    },
    Doctored("refund_events_are_true", "another type") {
      $0.refunds[0].events[1].type = "refund.failed"
    },
    Doctored("same_answer_per_key", "a refund, then another") {
      $0.calls.append(ProveEvidence.refundCall("r1", "2000", ProveEvidence.refunded("re_x", 2_000)))
    },
    Doctored("other_payload_is_refused", "a refund of another amount") {
      $0.calls.append(ProveEvidence.refundCall("r1", "9", ProveEvidence.refunded("re_abc", 2_000)))
    },
    Doctored("acknowledged_is_kept", "a refund's state") {
      $0.refunds[0].events[1].bodyStatus = "failed"
    },
    Doctored("nothing_left_running", "a refund that the gateway knows") {
      ($0.refunds[0].status, $0.refunds[0].pendingReason) = ("pending", "outcome_unknown")
    },
    Doctored("nothing_left_running", "a refund that the gateway has accepted") {
      ($0.refunds[0].status, $0.refunds[0].pendingReason) = ("pending", "gateway_pending")
      $0.gatewayRefunds = []
    },
    Doctored("events_are_delivered", "a refund's did not come") {
      $0.received.removeAll { $0.id == "evt_r2" }
    },
    Doctored("ledger_matches_gateways", "a refund that is not booked") {
      $0.clearing[0].balanceMinor = 5_000
    },
    Doctored("no_double_capture", "a second charge beside one that was refunded whole") {
      $0.charges[0].refunded = 5_000
      $0.charges.append(twin(gateway: "adyen"))
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
    Doctored("rows_can_be_read", "an operation with two winners") {
      ($0.intents[0].operations, $0.intents[0].unreadable) = ([], "gateway-router: internalError")
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
    #expect(Set(numbers) == Set(1...22).union([24]))
    #expect(CheckTable.rows.count == Check.all.count && CheckTable.rows[0].invariant == 1)
  }

  @Test("a refund of which the gateway knows nothing may stay pending")
  func refundSilence() {
    var evidence = ProveEvidence.good
    (evidence.refunds[0].status, evidence.refunds[0].version) = ("pending", 1)
    evidence.refunds[0].pendingReason = "outcome_unknown"
    evidence.refunds[0].events.removeLast()
    evidence.gatewayRefunds = []
    evidence.charges[0].refunded = 0
    evidence.intents[0].postings.removeLast()
    evidence.clearing[0].balanceMinor = 5_000
    evidence.calls.removeAll { $0.key == "r1" }
    #expect(Check.violations(in: evidence) == [])
  }

  @Test("a refund that fits once another has failed is no more than was captured")
  func oneRefundAfterAnother() {
    var evidence = ProveEvidence.good
    var failed = ProveEvidence.refund
    (failed.id, failed.key, failed.amountMinor, failed.status) = ("re_x", "r3", 5_000, "failed")
    failed.events = [
      ProveEvidence.refundEvent("evt_x1", "refund.created", 1, "pending"),
      ProveEvidence.refundEvent("evt_x2", "refund.failed", 2, "failed"),
    ]
    for place in failed.events.indices {
      failed.events[place].sequence = UInt64(place + 1)
      failed.events[place].bodyAmountMinor = 5_000
    }
    for place in evidence.refunds[0].events.indices {
      evidence.refunds[0].events[place].sequence = UInt64(place + 3)
    }
    evidence.refunds.append(failed)
    #expect(!Check.violations(in: evidence).contains { $0.check == "refunds_within_capture" })
  }

  @Test("a payment whose caller left is finished by its first holder, or was never begun")
  func departures() {
    var evidence = ProveEvidence.good
    (evidence.asked[0].departs, evidence.asked[0].key) = (true, "k1")
    #expect(Check.violations(in: evidence) == [])
    // Asked again, it was made then.
    evidence.calls[2] = ProveEvidence.call(
      1, 0, "k1", "5000", ProveEvidence.answered("pi_1", "succeeded", 3))
    #expect(Check.violations(in: evidence) == [])
  }

  @Test("a dossier tells all of the payments that texts name, and of no other")
  func dossier() {
    let evidence = ProveEvidence.good
    #expect(Dossier(about: ["nothing left"], in: evidence).lines == [])
    let told = Dossier(about: ["stripe ch_1: too much", "refund re_abc"], in: evidence).lines
    for part in ["pi_1,", "ltx_2", "gr_1", "ch_1 succeeded", "at_ch_1", "call "] {
      #expect(told.contains { $0.contains(part) })
    }
    #expect(!told.contains { $0.contains("pi_2") })
  }

  @Test("progress tells how long the rest takes at the pace so far")
  func progress() {
    let first = ProveProgress(done: 0, of: 200, milliseconds: 0)
    #expect(first.line(7) == "[1/200] seed 7, 0 s")
    let later = ProveProgress(done: 20, of: 200, milliseconds: 800_000)
    #expect(later.leftMilliseconds == 7_200_000)
    #expect(later.line(27) == "[21/200] seed 27, 13 min; about 2 h 0 min left")
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
