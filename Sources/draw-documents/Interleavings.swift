/// Orders of events that lose or double money (field notes on interleavings).
enum Interleavings {
  private static let gateway = "GatewayServiceTests/InterleavingTests/"

  static let all: [FailureCase] = [
    FailureCase(
      "1", "winner and reversals are decided in two services",
      "one row and one transaction, in gateway-router",
      gateway + "interleaving1WinnerAndReversalCommitTogether"),
    FailureCase(
      "2", "the reversal voids the winner",
      "only what is condemned may be reversed; winner and condemned exclude each other",
      gateway + "interleaving2AReversalNeverVoidsWhatMayWin"),
    FailureCase(
      "3", "the first gateway captures by itself, the second wins",
      "authorise-only wherever a second gateway is possible",
      gateway + "interleaving3TheFirstGatewayNeverCapturesByItself"),
    FailureCase(
      "4", "libcurl sends a POST again in silence",
      "a body that cannot be read twice; the request's size is the proof",
      gateway + "interleaving4ADeadConnectionIsNoProof",
      "OutboundTests/ResendTests/aMutationIsNotSentAgain"),
    FailureCase(
      "5", "a replay after another gateway has won", "read-only evidence from then on",
      gateway + "interleaving5NothingIsRepeatedOnceASecondAttemptExists"),
    FailureCase(
      "6", "a SEPA debit at two gateways", "never a second attempt beside an unknown one",
      gateway + "interleaving6ADebitIsNeverAskedForTwice"),
    FailureCase(
      "7", "a fence that is none; not found that proves nothing",
      "only `canceled` fences; a search that finds nothing is no evidence",
      gateway + "interleaving7NotFoundProvesNothing",
      "GatewayServiceTests/FailoverTests/adyenIsNeverFencedOnlyCondemned"),
    FailureCase(
      "8", "a cancel under its old key is answered from the gateway's memory",
      "cancels and reads use a new key per try",
      gateway + "interleaving8ACancelIsRepeatedUnderANewKey"),
    FailureCase(
      "9", "a completer charges people who have left",
      "recovery begins no charge: what never left ends as `abandoned_before_send`",
      "IntentsServiceTests/WindowTests/window4AnAbandonedClaimChargesNobody"),
    FailureCase(
      "10", "the client leaves between the gateway's answer and its commit",
      "from T1 on the work belongs to the process",
      "IntentsServiceTests/ShieldTests/aCallerWhoCancels",
      "IntentsServiceTests/ShieldTests/aCallerWhoseConnectionBreaks"),
    FailureCase(
      "11", "a client's key is too long for a gateway, or is reused after a day",
      "client keys never leave intents; gateways get references made of our ids",
      "GatewayCoreTests/ReferenceTests/referencesComeBack"),
    FailureCase(
      "12", "the same order with the same key, 25 hours later",
      "an origin is used once per merchant, for ever",
      "IntentsServiceTests/WindowTests/interleaving12AnOriginIsPaidOnce"),
    FailureCase(
      "13", "dunning begins a second attempt beside an unknown one",
      "one intent per invoice for life; an open try is asked for again, never replaced",
      "BillingServiceTests/PaymentTests/lostAnswerIsAskedForAgain",
      "IntentsServiceTests/WindowTests/interleaving12AnOriginIsPaidOnce"),
    FailureCase(
      "14", "a payer confirms a declined object in a forgotten browser tab",
      "the object is dead before the next gateway is asked",
      gateway + "interleaving14ADeclinedObjectCannotComeBack"),
    FailureCase(
      "15", "a success comes after the operation has closed",
      "it is given back; what was taken is an orphan with an alert",
      gateway + "interleaving15ALateSuccessIsGivenBack"),
    FailureCase(
      "16", "a refund of unknown outcome releases its amount; a return after a refund",
      "only a proven failure releases; what was returned is not refundable; a refund of a fresh debit "
        + "needs `accept_return_risk`",
      "IntentsServiceTests/RefundTests/aRefundWithoutAnAnswerIsDrivenOn",
      "Integration/refund_outcomes/test_what_is_not_found_releases_nothing",
      "IntentsServiceTests/LifeTests/aReturnTakesFromWhatIsRefundable",
      "IntentsServiceTests/LifeTests/aRefundOfAFreshDebitNeedsTheCallersWord",
      "Integration/debits/test_a_debit_waits_for_its_bank_and_is_refunded_at_ones_own_risk"),
    FailureCase(
      "17", "the ledger refuses a fact: money moved and is not booked",
      "what records a fact is never refused for the books' sake: unknown accounts go to suspense, a "
        + "sealed day's facts into the open one, and a posting that fails stays in the outbox with an "
        + "alert; a day is sealed once everything is told",
      "LedgerServiceTests/PostingTests/factsGoToSuspenseWithAnAlert",
      "LedgerServiceTests/SealedDayTests/factsAreBookedInTheOpenDayAndNothingElseTakesEffect",
      "LedgerServiceTests/DaySealTests/aDayIsSealedOnceEverythingIsTold",
      "Integration/seals/test_nothing_takes_effect_in_a_sealed_day",
      "IntentsServiceTests/LedgerRelayTests/aRefusedPostingHoldsUpNoOther"),
    FailureCase(
      "18", "one movement is told four times and booked four times",
      "the transaction's id derives from the movement; each fact counts once",
      "LedgerServiceTests/PostingTests/postsOnceAndTellsRepetitions",
      "IntentsServiceTests/FactRaceTests/theRepetitionComesAfterTheAnswer",
      "IntentsServiceTests/LifeTests/aReturnedDebitIsANewFact",
      "LedgerServiceTests/ReconciliationBookingTests/whatIsToldTwiceIsBookedOnce"),
    FailureCase(
      "19", "a relay remembers a number, and an earlier row commits later",
      "relays look for unsent rows, never for ids above the last",
      "OutboxTests/OutboxTests/lateRow"),
    FailureCase(
      "20", "a restore loses the claims; Adyen has no list to ask",
      "no money moves until people open; what the gateways' books prove is rebuilt, and a key that "
        + "has paid is answered, never charged; what is not proven holds its payment also afterwards, "
        + "until two people have settled it",
      "GatewayServiceTests/RestoreFlowTests/aLostPaymentIsRebuiltAndNothingMovesMeanwhile",
      "GatewayServiceTests/RestoreFlowTests/anAccountingReportNamesWhatIsLost",
      "GatewayServiceTests/RestoreSettlementTests/whatIsForPeopleHoldsItsIntentUntilTwoSettleIt",
      "GatewayServiceTests/RestoreSettlementTests/aLostRefundHoldsFurtherRefundsUntilTwoSettleIt",
      "IntentsServiceTests/RestoreTests/aKeyThatHasPaidBeforeARestoreIsAnsweredAndNeverChargedAgain",
      "IntentsServiceTests/WindowTests/window13FactsOfALostIntentAreNotSwallowed",
      "IntentsServiceTests/RefundTests/aRefundThatARestoreHasLostIsTakenUp"),
    FailureCase(
      "21", "two relays send one fact", "the receiver applies it once, in its operation's order",
      "OutboxTests/OutboxTests/expiredLease",
      "IntentsServiceTests/FactRaceTests/theRepetitionComesBeforeTheAnswer"),
    FailureCase(
      "22", "a pipelined statement waits for a lock whose holder waits behind it",
      "a short `lock_timeout`, then a connection of its own; a trap in transactions",
      "PostgresTests/ClientTests/lockUnderPipeline", "PostgresTests/ClientTests/trap"),
    FailureCase(
      "23", "an old client throws an answer with a new enum value away",
      "answers are read tolerantly: the number is kept as `.unrecognized`",
      "WireTests/StubTests/requestsAreStrictAndResponsesTolerant"),
  ]
}

enum FailureDocument {
  static func text(_ generated: String) -> String {
    """
    # What goes wrong elsewhere
    \(generated)

    Every row names the tests that show it; suite Documents looks for each of them in the sources.
    `Integration` runs a whole deployment (`Tests/Integration/run`), everything else is a Swift test.

    ## Failure windows

    The windows of a payment that is looked up, charged and stored in three steps; W16 and W17 are a
    set-up's, which moves no money, W18 is one of a payer who authenticates.

    \(table("window", FailureWindows.all))

    ## Interleavings

    Orders of events that lose or double money, found by reading the design against real gateways.

    \(table("no.", Interleavings.all))

    """
  }

  private static func table(_ name: String, _ cases: [FailureCase]) -> String {
    Markdown.table(
      [name, "what happens", "what the system does", "shown by"],
      cases.map {
        [$0.name, $0.happens, $0.answer, $0.tests.map(Markdown.code).joined(separator: " ")]
      })
  }
}
