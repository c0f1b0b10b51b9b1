@testable import CommandLineTool

/// Evidence of a seed in which nothing is wrong: each check's test doctors a copy.
enum ProveEvidence {
  static let bytes: [UInt8] = [1, 2, 3]

  /// A payment of 5000, captured at Stripe, of which 2000 were refunded; one canceled after its
  /// authorisation; one declined; one authorised.
  static let good: Evidence = {
    var evidence = Evidence()
    evidence.asked = [
      asked(1, 0, 5_000), asked(2, 1, 7_000), asked(3, 0, 9_000), asked(4, 1, 3_000),
    ]
    evidence.intents = [paid, canceled, declined, authorized]
    evidence.charges = [
      charge("pi_1", "ch_1", "succeeded", 5_000, captured: 5_000, refunded: 2_000),
      charge("pi_2", "ch_2", "canceled", 7_000),
      charge("pi_3", "ch_3", "requires_payment_method", 9_000, authorized: 0),
      charge("pi_4", "ch_4", "requires_capture", 3_000),
    ]
    evidence.calls = [
      call(1, 0, "k1", "5000", answered("pi_1", "succeeded", 3)),
      call(1, 0, "k1", "5000", .unknown(reason: "IDEMPOTENCY_IN_PROGRESS")),
      call(1, 0, "k1", "5000", answered("pi_1", "succeeded", 3, isReplayed: true)),
      call(
        1, 0, "k1", "5001",
        .refused(code: "failedPrecondition", reason: "IDEMPOTENCY_KEY_REUSED")),
      call(2, 1, "k1", "7000", answered("pi_2", "requires_capture", 2)),
    ]
    evidence.reads = [
      ReadRecord(intent: "pi_1", status: "processing", version: 2, startedAt: 10, endedAt: 20),
      ReadRecord(intent: "pi_1", status: "succeeded", version: 3, startedAt: 15, endedAt: 30),
      ReadRecord(intent: "pi_1", status: "succeeded", version: 3, startedAt: 40, endedAt: 50),
    ]
    evidence.calls += [
      refundCall("r1", "2000", refunded("re_abc", 2_000)),
      refundCall("r2", "3001", .refused(code: "failedPrecondition", reason: "AMOUNT_TOO_LARGE")),
    ]
    evidence.askedRefunds = [
      AskedRefund(payment: 1, merchant: 0, key: "r1", amountMinor: 2_000),
      AskedRefund(payment: 1, merchant: 0, key: "r2", amountMinor: 3_001),
    ]
    evidence.refunds = [refund]
    evidence.gatewayRefunds = [
      GatewayRefund(
        gateway: "stripe", id: "gr_1", payment: "ch_1", amount: 2_000, status: "succeeded",
        reference: "trabc1")
    ]
    evidence.misuses = MisuseRecord.Kind.allCases.map {
      MisuseRecord(kind: $0, intent: "pi_1", answer: $0.refusal)
    }
    evidence.received = evidence.intents.flatMap { intent in
      intent.events.map {
        ReceivedEvent(merchant: intent.merchant, type: $0.type, id: $0.id, body: $0.body)
      }
    }
    evidence.received += refund.events.map {
      ReceivedEvent(merchant: 0, type: $0.type, id: $0.id, body: $0.body)
    }
    evidence.clearing = [ClearingBalance(merchant: 0, gateway: "stripe", balanceMinor: 3_000)]
    evidence.trial = [
      TrialLine(
        merchant: 0, currency: "EUR", debitsMinor: 5_000, creditsMinor: 5_000,
        entriesDebitsMinor: 5_000, entriesCreditsMinor: 5_000)
    ]
    evidence.ledgerBefore = LedgerPrefix(batch: 4, transactions: 1, entries: 2, digest: "d")
    evidence.ledgerAfter = evidence.ledgerBefore
    return evidence
  }()

  static func answered(
    _ id: String, _ status: String, _ version: UInt64, isReplayed: Bool = false
  ) -> CallRecord.Answer {
    .intent(id: id, status: status, version: version, bytes: bytes, isReplayed: isReplayed)
  }

  static func refunded(_ id: String, _ amount: Int64) -> CallRecord.Answer {
    .refund(
      id: id, status: "succeeded", amountMinor: amount, version: 2, bytes: bytes, isReplayed: false)
  }

  static func refundCall(
    _ key: String, _ payload: String, _ answer: CallRecord.Answer
  ) -> CallRecord {
    CallRecord(
      payment: 1, merchant: 0, method: .refund, key: key, payload: payload, startedAt: 1,
      endedAt: 2, answer: answer)
  }

  static func refundEvent(
    _ id: String, _ type: String, _ version: UInt64, _ status: String
  ) -> FoundRefund.Event {
    FoundRefund.Event(
      id: id, type: type, version: version, bodyStatus: status, bodyVersion: version,
      bodyAmountMinor: 2_000, body: "{\"id\":\"\(id)\"}")
  }

  static let refund = FoundRefund(
    id: "re_abc", intent: "pi_1", merchant: 0, key: "r1", amountMinor: 2_000, status: "succeeded",
    version: 2, gatewayReference: "gr_1", milliseconds: 100,
    events: [
      refundEvent("evt_r1", "refund.created", 1, "pending"),
      refundEvent("evt_r2", "refund.succeeded", 2, "succeeded"),
    ])

  static func asked(_ number: Int, _ merchant: Int, _ amount: Int64) -> AskedPayment {
    AskedPayment(
      number: number, merchant: merchant, description: "prove payment \(number)",
      amountMinor: amount)
  }

  static func call(
    _ payment: Int, _ merchant: Int, _ key: String, _ payload: String,
    _ answer: CallRecord.Answer
  ) -> CallRecord {
    CallRecord(
      payment: payment, merchant: merchant, method: .create, key: key, payload: payload,
      startedAt: 1, endedAt: 2, answer: answer)
  }

  static func charge(
    _ intent: String, _ id: String, _ status: String, _ amount: Int64, authorized: Int64? = nil,
    captured: Int64 = 0, refunded: Int64 = 0
  ) -> GatewayCharge {
    GatewayCharge(
      gateway: "stripe", id: id, intent: intent, status: status, amount: amount,
      authorized: authorized ?? amount, captured: captured, refunded: refunded)
  }

  static func event(
    _ id: String, _ type: String, _ sequence: UInt64, _ version: UInt64, _ status: String,
    _ amount: Int64, _ captured: Int64 = 0
  ) -> FoundIntent.Event {
    FoundIntent.Event(
      id: id, type: type, sequence: sequence, version: version, bodyStatus: status,
      bodyVersion: version, bodyAmountMinor: amount, bodyCapturedMinor: captured,
      body: "{\"id\":\"\(id)\"}")
  }

  static func operation(
    _ state: String, _ disposition: String, _ evidence: String, _ reference: String,
    closed closeReason: String = ""
  ) -> FoundIntent.Operation {
    FoundIntent.Operation(
      id: "op_\(reference)", state: state, closeReason: closeReason,
      attempts: [
        FoundIntent.Attempt(
          id: "at_\(reference)", gateway: "stripe", disposition: disposition, evidence: evidence,
          reference: reference)
      ], facts: ["authorized"])
  }

  static func changes(_ statuses: String...) -> [FoundIntent.Change] {
    statuses.enumerated().map { FoundIntent.Change(version: UInt64($0 + 1), status: $1) }
  }

  static let paid = FoundIntent(
    id: "pi_1", merchant: 0, description: "prove payment 1", status: "succeeded",
    amountMinor: 5_000, capturedMinor: 5_000, gateway: "stripe", gatewayReference: "ch_1",
    version: 3, changes: changes("created", "processing", "succeeded"),
    operations: [operation("won", "winner", "captured", "ch_1")],
    postings: [
      FoundIntent.Posting(
        id: "ltx_1", kind: "capture", externalReference: "ch_1", debitMinor: 5_000,
        creditMinor: 5_000),
      FoundIntent.Posting(
        id: "ltx_2", kind: "refund", externalReference: "gr_1", debitMinor: 2_000,
        creditMinor: 2_000),
    ],
    events: [
      event("evt_1", "payment_intent.created", 1, 1, "created", 5_000),
      event("evt_2", "payment_intent.succeeded", 2, 3, "succeeded", 5_000, 5_000),
    ])

  static let canceled = FoundIntent(
    id: "pi_2", merchant: 1, description: "prove payment 2", status: "canceled",
    amountMinor: 7_000, gateway: "stripe", gatewayReference: "ch_2", version: 4,
    changes: changes("processing", "requires_capture", "processing", "canceled"),
    operations: [operation("closed", "condemned", "canceled", "ch_2", closed: "canceled")],
    events: [event("evt_3", "payment_intent.canceled", 3, 4, "canceled", 7_000)])

  static let declined = FoundIntent(
    id: "pi_3", merchant: 0, description: "prove payment 3", status: "failed",
    failureKind: "retryable", failureCode: "card_declined", amountMinor: 9_000, version: 2,
    changes: changes("processing", "failed"),
    operations: [operation("closed", "condemned", "declined", "ch_3", closed: "exhausted")],
    events: [event("evt_4", "payment_intent.payment_failed", 4, 2, "failed", 9_000)])

  static let authorized = FoundIntent(
    id: "pi_4", merchant: 1, description: "prove payment 4", status: "requires_capture",
    amountMinor: 3_000, gateway: "stripe", gatewayReference: "ch_4", version: 2,
    changes: changes("processing", "requires_capture"),
    operations: [operation("won", "winner", "authorized", "ch_4")])
}
