/// Something that goes wrong elsewhere, what keeps it from going wrong here, and what shows that.
struct FailureCase {
  /// `W1` to `W18`, or the number of an interleaving.
  let name: String
  let happens: String
  let answer: String
  /// `Target/Suite/test` for Swift, `Integration/file/test` for Python; suite Documents looks for
  /// each.
  let tests: [String]

  init(_ name: String, _ happens: String, _ answer: String, _ tests: String...) {
    self.name = name
    self.happens = happens
    self.answer = answer
    self.tests = tests
  }
}

/// The windows of a naive `get → charge → put` (field notes on idempotency, section 1.4), and from
/// W16 on those of a set-up, which moves no money.
enum FailureWindows {
  static let all: [FailureCase] = [
    FailureCase(
      "W1", "two callers both find no answer for the key: charged twice",
      "the claim is one atomic statement; the others wait for its answer, or hear "
        + "`IDEMPOTENCY_IN_PROGRESS`",
      "Integration/payments/test_a_hundred_concurrent_calls_with_one_key_make_one_charge"),
    FailureCase(
      "W2", "a crash after the charge, before its answer is stored: the retry charges again",
      "operation and attempt are committed before a byte leaves, and the gateway's key derives "
        + "from them; whoever ends the claim asks what became of it",
      "IntentsServiceTests/WindowTests/window2AChargeWhoseAnswerWasLostIsFoundAgain",
      "GatewayServiceTests/ReplicaTests/aFactThatAnotherReplicaWroteIsAnswered",
      "Integration/faults/"
        + "test_a_payment_whose_process_is_killed_under_way_is_answered_within_ten_seconds"),
    FailureCase(
      "W3", "a time-out is kept as a failure: the payer hears `failed`, and the money is gone",
      "unknown is a state: the stored answer says `processing`; only evidence ends it",
      "IntentsServiceTests/WindowTests/window3AnUnknownOutcomeIsNeverAFailure",
      "Integration/faults/test_an_answer_that_never_came_is_found_out"),
    FailureCase(
      "W4", "a crash after the claim, before anything was sent: the key is stuck",
      "a lease of 5 s and a worker that ends what it finds; it begins no charge, so the payment is "
        + "`failed` with `abandoned_before_send`",
      "IntentsServiceTests/WindowTests/window4AnAbandonedClaimChargesNobody"),
    FailureCase(
      "W5", "a process that was thought dead goes on: two at work on one payment",
      "each takeover raises the claim's fence; an old fence changes nothing",
      "IntentsServiceTests/ClaimLeaseTests/aDeadHoldersClaimIsTakenOverAndItsFenceIsLost"),
    FailureCase(
      "W6", "the same key with another payload gets the first one's answer",
      "the fingerprint is compared before anything else: `IDEMPOTENCY_KEY_REUSED`",
      "Integration/payments/test_the_same_key_with_another_payload_is_refused",
      "IntentsServiceTests/RefundTests/aKeyIsOneRefund"),
    FailureCase(
      "W7", "the key expires while the payment is open, or the retry comes a second after 24 h",
      "only answered claims expire; whatever the key, the intent refuses a second success",
      "IntentsServiceTests/WindowTests/window7AForgottenKeyPaysNothingTwice"),
    FailureCase(
      "W8", "state, ledger, event and answer are written one by one: a success without an event",
      "T4 is one transaction: state, history, capture, events, ledger command, stored answer",
      "IntentsServiceTests/WindowTests/window8StateEventLedgerAndAnswerCommitTogether"),
    FailureCase(
      "W9", "a key is shared by merchants: one reads the other's answer",
      "a key's scope is the certificate's merchant, and the method",
      "IntentsServiceTests/WindowTests/window9AKeyOfAnotherMerchantIsAnother"),
    FailureCase(
      "W10", "an outage's error is kept for the key: it can never succeed",
      "an error before anything was executed rolls the claim back with it",
      "IntentsServiceTests/WindowTests/window10AnOutageLeavesNoAnswer",
      "IntentsServiceTests/LifeTests/whatTheMethodIsIsAskedBeforeItDecides"),
    FailureCase(
      "W11", "the key is looked up at a replica that lags: not found, charged again",
      "a claim is a write: where only reading is possible it fails and never looks free",
      "IntentsServiceTests/WindowTests/window11AReadOnlyDatabaseClaimsNothing"),
    FailureCase(
      "W12", "one service repeats its call to another: the router charges twice",
      "every hop is idempotent by the ids it carries; keys derive from entity, kind and try",
      "GatewayServiceTests/ReplicaTests/replicasRacingOnOneOperationPayOnce",
      "GatewayCoreTests/ReferenceTests/referencesComeBack"),
    FailureCase(
      "W13", "a failover or a restore of the database loses claims",
      "the gateway's keys derive from rows that gateway-router keeps; what it knows and intents has "
        + "lost is told until somebody takes it: `unknown_operation` is no acknowledgement, and a "
        + "refund that a restore has lost gets its row back",
      "IntentsServiceTests/WindowTests/window13FactsOfALostIntentAreNotSwallowed",
      "IntentsServiceTests/RefundTests/aRefundThatARestoreHasLostIsTakenUp"),
    FailureCase(
      "W14", "the gateway forgets its key before we stop repeating: a replay is a new charge",
      "a replay only within the gateway's window, kept an hour below the published one; then reads",
      "GatewayCoreTests/ReversalTests/probesReplayOnlyTheSoleAttempt",
      "GatewayCoreTests/RefundTests/theKeysWindowEndsTheReplay"),
    FailureCase(
      "W15", "a request is repeated to learn its status after another gateway has won",
      "once a second attempt exists evidence is read-only",
      "GatewayServiceTests/InterleavingTests/"
        + "interleaving5NothingIsRepeatedOnceASecondAttemptExists"),
    FailureCase(
      "W16",
      "a set-up dies between the choice of its gateway and the request: it stays open for ever, or "
        + "is asked for at another gateway as well",
      "the choice is committed before a byte leaves and never changes; whoever finds it sends the "
        + "one request, under the key that derives from its id",
      "GatewayServiceTests/SetupRaceTests/aChoiceThatNobodySentIsSentByWhoeverFindsIt"),
    FailureCase(
      "W17",
      "a set-up dies between the gateway's answer and learning it: a second one is made, or it is "
        + "called failed",
      "it is `processing` until something is proven; the same request under its key hears the same "
        + "answer, and one set-up is at the gateway",
      "GatewayServiceTests/SetupRaceTests/anAnswerThatNobodyLearnedIsHeardAgain"),
    FailureCase(
      "W18",
      "a process dies while it hands over what a payer has brought back from their bank: it is handed "
        + "over again, or another gateway is asked while the first one may still authorise",
      "its number is committed before a byte leaves; whoever finds it committed only looks, and waits "
        + "for the notification; at give-up time the gateway's answer to the cancel decides",
      "GatewayServiceTests/ActionFlowTests/whatWasCommittedAndNotSentIsNeverSent",
      "GatewayServiceTests/ActionFlowTests/aLostAnswerIsNotAskedForAgain"),
  ]
}
