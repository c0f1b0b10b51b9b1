"""The guards, and the tests that must fail without each."""



def without_trigger(table, trigger, suite, tests):
    """A guard in the ledger's schema: the fresh database of a test loses it first."""
    begin = '      try await test.run(\n        """\n'
    rest = "        do $$ begin\n"
    disable = f"        alter table ledger.{table} disable trigger {trigger};\n"
    return ("Tests/LedgerServiceTests/Books.swift", [(begin + rest, begin + disable + rest)],
            suite, tests)


# name: (file, [(text, what stands there instead)], suite, tests that must fail)
GUARDS = {
    "client identity check": (
        "Sources/Transport/Connection/Connection.swift",
        [("if let expectedPeer, peer != expectedPeer {",
          "if let expectedPeer, peer != expectedPeer, peer == expectedPeer {")],
        "TransportTests.IdentityTests", ["clientClosesBeforeSendingToAnotherService"]),
    "arena cap": (
        "Sources/C/CWire/CWire.c",
        [("  arena->remaining = limit;", "  arena->remaining = SIZE_MAX / 4;\n  (void)limit;")],
        "WireTests.HostileTests", ["messagesThatUnfoldAreStoppedByTheArena"]),
    "window consumption": (
        "Sources/Transport/HTTP2/HTTP2Session.swift",
        [("    _ = nghttp2_session_consume_stream(handle, stream, bytes)",
          "    _ = (stream, bytes)")],
        "TransportTests.BackPressureTests", ["windowConsumptionFollowsTheReader"]),
    "commit shield": (
        "Sources/ServiceKit/Bootstrap/ServiceEnvironment.swift",
        [("    await task.value\n    return try result.get()",
          "    await withTaskCancellationHandler {\n      await task.value\n"
          "    } onCancel: {\n      task.cancel()\n    }\n    return try result.get()")],
        "IntentsServiceTests.ShieldTests",
        ["aCallerWhoCancels", "aCallerWhoseConnectionBreaks", "aCallerWhoseDeadlinePasses"]),
    "resend stop": (
        "Sources/Outbound/Transfer.swift",
        [("guard code == CURLE_OK, plan.settings.sabotage.contains(.replayableBody) else",
          "guard code == CURLE_OK else"),
         ("    if !plan.settings.sabotage.contains(.replayableBody) {",
          "    if plan.request.body.count < 0 {"),
         ("plan.request.method.isReadOnly || plan.settings.sabotage.contains(.repeatedRequest)",
          "plan.request.body.count >= 0")],
        "OutboundTests.ResendTests", ["aMutationIsNotSentAgain"]),
    "end of a call": (
        "Sources/Outbound/MultiDriver.swift",
        [("self.end(transfer, code: CURLE_OPERATION_TIMEDOUT)", "_ = (self, transfer)")],
        "OutboundTests.HTTPClientTests", ["noTimeOutIsForgotten"]),
    "look after a change": (
        "services/intents/Service/Flow/IntentFlow.swift",
        [("guard held.dropFirst().allSatisfy({ $0.affected == 1 }) else {",
          "guard held.dropFirst().allSatisfy({ $0.affected <= 1 }) else {")],
        "IntentsServiceTests.FactRaceTests", ["theRepetitionComesBeforeTheAnswer"]),
    "fence of a walk": (
        "services/gateway-router/Service/Inbound/EventStatements.swift",
        [("          and fence = \\(fence)\n        returning true",
          "          and fence >= \\(fence - fence)\n        returning true")],
        "GatewayServiceTests.EventCatchUpTests", ["oneReplicaWalksAndALostLeaseStoresNothing"]),
    "every item of a batch": (
        "services/gateway-router/Adapters/Adyen/AdyenNotices.swift",
        [("for item in items { try verify(item, keys) }",
          "for item in items.prefix(1) { try verify(item, keys) }")],
        "GatewayServiceTests.InboundEndpointTests",
        ["oneForgedItemRefusesItsBatchAndPeopleHearOfIt"]),
    "banks are closed at Easter": (
        "services/ledger/Core/Forecast/BusinessCalendar.swift",
        [("return fromEaster == -2 || fromEaster == 1", "return fromEaster == 0")],
        "LedgerCoreTests.BusinessCalendarTests", ["holidaysOfAYear"]),
    "grace before money is overdue": (
        "services/ledger/Core/Forecast/ForecastSum.swift",
        [("let isOverdue = calendar.day(graceDays, after: dueOn) < today",
          "let isOverdue = dueOn < today")],
        "LedgerCoreTests.SettlementForecastTests", ["whatIsOverdue"]),
    "percentiles in order": (
        "services/ledger/Core/Forecast/ForecastSum.swift",
        [("let p90 = max(p50, DayOutcomes(", "let p90 = max(0, DayOutcomes(")],
        "LedgerCoreTests.SettlementForecastTests", ["forecastsHoldTogether"]),
    "a forecast's own money": (
        "services/ledger/Core/Forecast/ForecastScore.swift",
        [("where part.from < madeOn && part.on >= madeOn", "where part.on >= madeOn")],
        "LedgerCoreTests.SettlementForecastTests", ["aForecastIsScoredByTheMoneyItWasAbout"]),
    "fence of the forecast": (
        "services/ledger/Service/Forecast/ForecastOverdue.swift",
        [("guard head[0].affected == 1 else { return false }",
          "guard head[0].affected <= 1 else { return false }"),
         ("guard turn[0].affected == 1 else { return false }",
          "guard turn[0].affected <= 1 else { return false }")],
        "LedgerServiceTests.ForecastTests", ["aLeaseOfSomebodyElseIsRespected"]),
    "runs alone resolve where reports come": (
        "services/ledger/Service/Forecast/ForecastOverdue.swift",
        [("and state <> 'resolved' and sequence <> all(\\(try sequences(items)))\n"
          "      and \\(raw: Self.noReport)",
          "and state <> 'resolved' and sequence <> all(\\(try sequences(items)))")],
        "LedgerServiceTests.ForecastTests", ["aRunOfReconciliationAgrees"]),
    "end of a walk": (
        "services/gateway-router/Core/Inbound/EventWalk.swift",
        [("let until = underWay?.until ?? max(listedUntil, newest ?? listedUntil)",
          "let until = max(listedUntil, newest ?? listedUntil)")],
        "GatewayCoreTests.EventWalkTests", ["aWalkGoesDownPageByPageAndKeepsWhatItSawFirst"]),
    "gate after a restore": (
        "services/gateway-router/Service/Gateways/RestoreWatch.swift",
        [("    guard try await gate().isClosed else { return }",
          "    guard try await gate().begunAt == Timestamp(microseconds: 0) else { return }")],
        "GatewayServiceTests.RestoreFlowTests",
        ["aLostPaymentIsRebuiltAndNothingMovesMeanwhile"]),
    "gate of new work": (
        "services/intents/Service/Calls/RestoreCalls.swift",
        [("        closed: request.closed, pointAt",
          "        closed: request.closed && request.pointAt != nil, pointAt")],
        "IntentsServiceTests.RestoreTests",
        ["aKeyThatHasPaidBeforeARestoreIsAnsweredAndNeverChargedAgain",
         "capturesAndRefundsAreHeldToo"]),
    "claim of a key that has paid": (
        "services/intents/Service/Flow/RestoredPayments.swift",
        [("      RestoredClaimStatements.insert(order, isRebuilt: true, .pending, stamp),\n    ] + flow",
          "    ] + flow")],
        "IntentsServiceTests.RestoreTests",
        ["aKeyThatHasPaidBeforeARestoreIsAnsweredAndNeverChargedAgain"]),
    "hold of a lost payment": (
        "services/gateway-router/Service/Restore/RestoreHolds.swift",
        [("    guard hold.isUnresolved else { return hold == .stands }",
          "    guard hold.isUnresolved, intent.bits == 0 else { return hold == .stands }")],
        "GatewayServiceTests.RestoreHoldTests",
        ["readingAndRebuildingGoOnAfterOpening", "aSecondRestoreKeepsWhatTheFirstHasLeft"]),
    "nothing ends beside a lost payment": (
        "services/gateway-router/Service/Flow/LookFlow.swift",
        [("    let mayEnd = try await mayEnd(record)", "    let mayEnd = !gate.isClosed")],
        "GatewayServiceTests.RestoreHoldTests", ["nothingEndsWhileALostPaymentIsUnresolved"]),
    "no word ends beside a lost payment": (
        "services/gateway-router/Service/Flow/NoticeFlow.swift",
        [("    let mayEnd = try await mayEnd(record)",
          "    let mayEnd = try await !ports.routing.restore.gate().isClosed")],
        "GatewayServiceTests.RestoreHoldTests", ["noNotificationEndsWhatIsHeld"]),
    "no other gateway beside a lost payment": (
        "services/gateway-router/Service/Flow/FailoverFlow.swift",
        [("      case 1: isHeld ? nil : Self.following", "      case 1: Self.following")],
        "GatewayServiceTests.RestoreHoldTests",
        ["aLiveCallTriesNoOtherGatewayBesideALostPayment"]),
    "nothing is given up beside a lost payment": (
        "services/gateway-router/Service/Flow/GiveUpFlow.swift",
        [("    guard isOverdue(record), try await mayEnd(record) else { return false }",
          "    guard isOverdue(record) else { return false }")],
        "GatewayServiceTests.RestoreHoldTests", ["nothingEndsWhileALostPaymentIsUnresolved"]),
    "no capture beside a lost payment": (
        "services/gateway-router/Service/Flow/LookFlow.swift",
        [("of: record.merchant) == .free\n    else", "of: record.merchant) != .stands\n    else")],
        "GatewayServiceTests.RestoreHoldTests", ["noCaptureGoesOutBesideALostPayment"]),
    "a payment that stands": (
        "services/gateway-router/Service/Flow/ExecuteFlow.swift",
        [("      if !beginning.isKnown, !isPaid,\n", "      if !beginning.isKnown,\n"),
         ("      if !beginning.isKnown, isPaid,\n",
          "      if !beginning.isKnown, isPaid, asked.id.bits == 0,\n")],
        "GatewayServiceTests.RestoreSettlementTests", ["aPaymentThatStandsIsNeverChargedAgain"]),
    "no refund beside a lost one": (
        "services/gateway-router/Service/Flow/RefundFlow.swift",
        [("        if mayHold {", "        if mayHold, refund.bits == 0 {")],
        "GatewayServiceTests.RestoreSettlementTests",
        ["aLostRefundHoldsFurtherRefundsUntilTwoSettleIt"]),
    "claims with their page": (
        "services/gateway-router/Service/Restore/RestoreWorker.swift",
        [("      if let claim = row.claim ?? row.identity?.claim {", "      if let claim = row.claim {")],
        "GatewayServiceTests.RestoreFlowTests", ["intentsDecidesWhatIsRebuilt"]),
    "two settle what was lost": (
        "services/gateway-router/Core/Restore/RestoreHold.swift",
        [("words.last(where: { $0.actor != word.actor })?.verdict == word.verdict",
          "words.last?.verdict == word.verdict")],
        "GatewayCoreTests.RestoreHoldTests", ["twoWhoSayTheSameSettle", "nobodySettlesAlone"]),
    "a key whose payment may still be rebuilt": (
        "services/intents/Service/Flow/RestoredPayments.swift",
        [("      guard try await !isClosed() else { throw Self.inProgress }\n", "")],
        "IntentsServiceTests.RestoreTests", ["aClaimAloneIsRefusedWithItsReference"]),
    "a refund stands at a payment that is known": (
        "services/gateway-router/Service/Restore/RestoreSettlement.swift",
        [("    else { throw Self.paymentUnknown(payment) }\n    let (intent",
          "    else { return [] }\n    let (intent")],
        "GatewayServiceTests.RestoreSettlementTests",
        ["aRefundStandsOnlyAtAPaymentThatIsKnown"]),
    "another operation may end": (
        "services/gateway-router/Service/Flow/CloseFlow.swift",
        [("operation: onlyIfUnsent ? id : nil)", "operation: nil)")],
        "GatewayServiceTests.RestoreHoldTests", ["anotherOperationOfTheIntentMayEnd"]),
    "what is held has its pause": (
        "services/intents/Service/Flow/RouterCalls.swift",
        [("Self.isHeld(error) { await self.putOff(putOff) }", "Self.isHeld(error) {}")],
        "IntentsServiceTests.RestoreTests", ["whatIsHeldIsAskedForOnceAMinute"]),
    "a key whose payment is pending": (
        "services/intents/Service/Flow/RestoredPayments.swift",
        [("      guard claim.state != .pending else {", "      guard claim.intent.bits != 0 else {")],
        "IntentsServiceTests.RestoreTests", ["aClaimAloneIsRefusedWithItsReference"]),
    "no cancel beside a lost payment": (
        "services/intents/Service/Flow/IntentSteps.swift",
        [("      with: [RestoredClaimStatements.checkCancelable(id, of: merchant)]\n        + written",
          "      with: written")],
        "IntentsServiceTests.RestoreTests", ["anIntentWithALostPaymentIsNotCanceled"]),
    "no capture beside a payment that stands": (
        "services/gateway-router/Service/Flow/LookFlow.swift",
        [("    guard hold != .stands else {", "    guard hold != .stands || record.id.bits != 0 else {")],
        "GatewayServiceTests.RestoreSettlementTests",
        ["whatIsAuthorisedBesideAPaymentThatStandsIsReleased"]),
    "what never arrived beside a payment that stands": (
        "services/gateway-router/Service/Flow/CloseFlow.swift",
        [("isPaid ? PaidBeforeRestore.decline : ", "isPaid && record.id.bits == 0 ? .unsent(\"\") : ")],
        "GatewayServiceTests.RestoreStandsTests", ["whatNeverArrivedHereEndsAsPaid"]),
    "what is known beside a payment that stands": (
        "services/gateway-router/Service/Flow/GatewayFlow.swift",
        [("      if hold == .stands { actions", "      if hold == .stands, actions.isEmpty { actions")],
        "GatewayServiceTests.RestoreStandsTests", ["whatIsKnownHereEndsAsPaid"]),
    "no repetition beside a lost payment": (
        "services/gateway-router/Service/Flow/LookFlow.swift",
        [("isInTime && isFree && gate", "isInTime && (isFree || id.bits != 0) && gate")],
        "GatewayServiceTests.RestoreReplayTests", ["recoveryOnlyReads"]),
    "no repetition of a call beside a lost payment": (
        "services/gateway-router/Service/Flow/FailoverFlow.swift",
        [("    if hold != .free {", "    if hold != .free, course.record.id.bits == 0 {")],
        "GatewayServiceTests.RestoreReplayTests", ["aLiveCallOnlyReads"]),
    "a refund that a restore found queued": (
        "services/gateway-router/Core/Refund/RefundRule.swift",
        [("      guard isOlderThanRestore else { return .send }",
          "      guard isOlderThanRestore, ageSeconds < 0 else { return .send }")],
        "GatewayServiceTests.RefundRecoveryTests",
        ["whatARestoreFoundQueuedIsSentOnlyWhereTheListHasItNot"]),
    "only what waits is withdrawn": (
        "services/gateway-router/Core/Operation/OperationCaptures.swift",
        [("    guard winner.captures[index].state == .queued else { return }\n", "")],
        "GatewayCoreTests.OperationTableTests", ["everyStateAndEvent"]),
    "intents hears before it is settled": (
        "services/gateway-router/Service/Calls/RestoreCalls.swift",
        [("    let isTold = try await payments.tellSettled(order)\n", "    let isTold = true\n")],
        "GatewayServiceTests.RestoreSettlementTests",
        ["whatIsForPeopleHoldsItsIntentUntilTwoSettleIt"]),
    "an earlier restore's lists": (
        "services/gateway-router/Service/Restore/RestoreWorker.swift",
        [("RestoreStatements.unread())", "RestoreStatements.newest())")],
        "GatewayServiceTests.RestoreHoldTests", ["anUnreadListIsReadOnAfterANewerRestore"]),
    "reports that come late": (
        "services/gateway-router/Service/Restore/RestoreStatements.swift",
        [("    where state = 1 or date '1970-01-01' +", "    where state = 1 or date '1950-01-01' +")],
        "GatewayServiceTests.RestoreFlowTests", ["anAccountingReportNamesWhatIsLost"]),
    "a period's key": (
        "services/billing/Service/Flow/Renewals.swift",
        [("PaymentTryRow.key(of: id, period: bill.period.index, try: 1)",
          "PaymentTryRow.key(of: SubscriptionID(bits: invoice.bits), period: 1, try: 1)")],
        "BillingServiceTests.PaymentTests", ["whatIsBilledAnewAfterARestoreIsNotChargedAgain"]),
    "a rebuilt payment's origin": (
        "services/intents/Service/Flow/RestoredPayments.swift",
        [("    if let origin, view.intent.originType == nil {",
          "    if let origin, view.intent.originType == origin.type {")],
        "IntentsServiceTests.RestoreTests", ["aRebuiltPaymentIsForWhatItsCallSays"]),
    "an unread list holds up nothing else": (
        "services/gateway-router/Service/Restore/RestoreStatements.swift",
        [("        and (exists (select 1 from restore where id = \\(id) and state = 2)\n          or not",
          "        and (false or not")],
        "GatewayServiceTests.RestoreHoldTests", ["whatIsPendingIsSettledOnceItIsOpen"]),
    "no repetition from before a restore": (
        "services/gateway-router/Core/Restore/RestoreGate.swift",
        [("    !isClosed && begunAt.map { sentAt > $0 } ?? true", "    true")],
        "GatewayServiceTests.RestoreFlowTests", ["recoveryMovesNothingWhileItIsClosed"]),
    "renewal of claims": (
        "Sources/ServiceKit/Idempotency/ClaimLeases.swift",
        [("    guard !due.isEmpty, !isRenewing else { return }",
          "    guard due.count < 0, !isRenewing else { return }")],
        "IntentsServiceTests.ClaimLeaseTests", ["aSlowHolderKeepsItsClaim"]),
    "fence of a claim": (
        "Sources/ServiceKit/Idempotency/ClaimStatements.swift",
        [("        and key = \\(claim.scope.key) and state = 0 and fence = \\(claim.fence)\n      returning",
          "        and key = \\(claim.scope.key) and state = 0\n      returning")],
        "IntentsServiceTests.ClaimLeaseTests", ["aDeadHoldersClaimIsTakenOverAndItsFenceIsLost"]),
    "sums after the lock": (
        "services/intents/Service/Flow/IntentFlow.swift",
        [("    for refund in refunds { locked.take(refund.state, refund.amount.minor) }",
          "    locked = try IntentRow(row: row)")],
        "IntentsServiceTests.RefundTests", ["twentyAtOnceNeverExceedTheCapture"]),
    "silence releases nothing": (
        "services/intents/Core/RefundState.swift",
        [("package var reserves: Bool { status != .failed }",
          "package var reserves: Bool { status == .succeeded }")],
        "IntentsServiceTests.RefundTests", ["aRefundWithoutAnAnswerIsDrivenOn"]),
    "a bank's return is the way back": (
        "services/gateway-router/Core/Operation/OperationCondemned.swift",
        [("      attempt.evidence = .returned\n      settle",
          "      attempt.evidence = .captured\n      settle")],
        "GatewayCoreTests.OrphanReturnTests", ["theReturnEndsTheReversal"]),
    "no refund beside a bank's return": (
        "services/gateway-router/Core/Operation/ReversalSchedule.swift",
        [("case .captured: return returnedMinor > 0 ? .wait",
          "case .captured: return returnedMinor < 0 ? .wait")],
        "GatewayCoreTests.ReversalTests", ["looksBeforeItActsAndNeverReplays"]),
    "returns are not refundable": (
        "services/gateway-router/Core/Refund/Refund.swift",
        [("    operation.capturedMinor - returnedMinor - refunds",
          "    operation.capturedMinor - refunds")],
        "GatewayCoreTests.RefundTests", ["theGuardCountsWhatTheBankTookBack"]),
    "captures end with their operation": (
        "services/intents/Service/Flow/FactApplication.swift",
        [("    if meaning.closesOperation { money.dropAsked(",
          "    if meaning.closesOperation, money.captures.isEmpty { money.dropAsked(")],
        "IntentsServiceTests.LifeTests", ["aCaptureBelongsToItsOperation"]),
    "one return per movement": (
        "services/intents/Service/Flow/MoneyRows.swift",
        [("    guard !returns.contains(where: { $0.movement == row.movement }) else { return false }\n",
          "")],
        "IntentsServiceTests.LifeTests", ["aReturnedDebitIsANewFact"]),
    "what was returned is not refundable": (
        "services/intents/Core/IntentAmounts.swift",
        [("capturedMinor - refundsReservedMinor - returnedMinor)",
          "capturedMinor - refundsReservedMinor)")],
        "IntentsServiceTests.LifeTests",
        ["aReturnedDebitIsANewFact", "aReturnTakesFromWhatIsRefundable"]),
    "word for a fresh debit": (
        "services/intents/Service/Flow/RefundFlow.swift",
        [("    if !order.acceptsReturnRisk {", "    if order.acceptsReturnRisk {")],
        "IntentsServiceTests.LifeTests", ["aRefundOfAFreshDebitNeedsTheCallersWord"]),
    "answer per posting": (
        "services/intents/Service/Workers/IntentRelays.swift",
        [("    return response.results.map { result in",
          "    guard !response.results.contains(where: { $0.status == .rejected }) else {\n"
          "      throw RPCFailure.internalError\n    }\n"
          "    return response.results.map { result in")],
        "IntentsServiceTests.LedgerRelayTests", ["aRefusedPostingHoldsUpNoOther"]),
    "second person of a routing version": (
        "services/gateway-router/Service/Calls/RoutingCalls.swift",
        [("guard version.proposedBy != call.actor else {",
          "guard version.proposedBy != call.actor || version.number > 0 else {")],
        "GatewayServiceTests.RoutingVersionTests", ["twoPeopleABacktestAndEveryReplica"]),
    "back-test of the active version": (
        "services/gateway-router/Service/Calls/RoutingCalls.swift",
        [("against: isDraft ? active : nil", "against: isDraft && active < 0 ? active : nil")],
        "GatewayServiceTests.RoutingVersionTests", ["theBacktestIsOfThisVersionAgainstTheActiveOne"]),
    "second person of an override": (
        "services/gateway-router/Service/Calls/OverrideCalls.swift",
        [("state: isLive ? .proposed : .active", "state: isLive && action == .forceClosed ? .proposed : .active")],
        "GatewayServiceTests.OverrideTests", ["oneForTestTwoForLive"]),
    "fence of a breaker": (
        "services/gateway-router/Service/Store/BreakerStatements.swift",
        [("        where b.fence = \\(fence)\n", "        where b.fence >= \\(fence)\n")],
        "GatewayServiceTests.SharedBreakerTests", ["probesAreFewOverAllReplicas"]),
    "retry budget": (
        "services/gateway-router/Core/Operation/FailoverRule.swift",
        [("    if mayRepeat, situation.allowsRetry,", "    if mayRepeat,")],
        "GatewayServiceTests.SharedBreakerTests", ["anEmptyBudgetAsksNothingAgain"]),
    "fence": (
        "services/gateway-router/Core/Operation/FailoverRule.swift",
        [("    guard !situation.isFenced, attempt", "    guard situation.replays < 0, attempt")],
        "GatewayServiceTests.FailoverTests",
        ["aFencedPaymentIsFollowedCleanly", "aDeclinedObjectIsCancelledBeforeTheNextGateway"]),
    "word of the fence": (
        "services/gateway-router/Service/Flow/FailoverFlow.swift",
        [("    note(&course)\n    if heard.isUnknown,",
          "    note(&course)\n    if course.situation.isFenced { course.situation.allowsSpeculation = true }\n"
          "    if heard.isUnknown, !course.situation.isFenced,")],
        "GatewayServiceTests.FailoverTests", ["anUnansweredFenceDoesNotLeadOnWithoutAPolicy"]),
    "condemnation before a reversal": (
        "services/gateway-router/Core/Operation/ReversalSchedule.swift",
        [("    if let condemned = operation.condemned.first(where: { $0.id == id }) {",
          "    if let condemned = operation.attempts.map(\\.attempt).first(where: { $0.id == id }) {")],
        "GatewayServiceTests.InterleavingTests",
        ["interleaving2AReversalNeverVoidsWhatMayWin"]),
    "end of replays": (
        "services/gateway-router/Core/Operation/FailoverRule.swift",
        [("    return live.count == 1 && live[0].id == id\n"
          "      && condemned.allSatisfy { $0.evidence == .notExecuted }",
          "    return live.contains { $0.id == id } && condemned.count >= 0")],
        "GatewayServiceTests.InterleavingTests",
        ["interleaving5NothingIsRepeatedOnceASecondAttemptExists"]),
    "request size as proof": (
        "services/gateway-router/Core/Outcome/Proof.swift",
        [("    guard facts.requestSize == 0, facts.stage < .sending, facts.status == nil else",
          "    guard facts.stage < .sending, facts.status == nil else")],
        "GatewayCoreTests.OutcomeTests", ["onlyWhatNeverWroteAByteIsNotExecuted"]),
    "separate capture": (
        "services/gateway-router/Core/Routing/Routing.swift",
        [("    return method == .manual || allowsSecond || !confirms ?",
          "    return method == .manual || confirms && candidates.isEmpty ?")],
        "GatewayServiceTests.InterleavingTests",
        ["interleaving3TheFirstGatewayNeverCapturesByItself"]),
    "compare and set of the operation": (
        "services/gateway-router/Service/Store/OperationStatements.swift",
        [("version = \\(record.version + 1)", "version = version + 1")],
        "GatewayServiceTests.ReplicaTests", ["aFactThatAnotherReplicaWroteIsAnswered"]),
    "policy of a second authorisation": (
        "services/gateway-router/Service/Flow/FailoverFlow.swift",
        [("    return record.offSession ? policy.speculatesOffSession : policy.speculatesWithPayer",
          "    return record.offSession || policy.speculatesOffSession || policy.speculatesWithPayer")],
        "GatewayServiceTests.FailoverTests",
        ["withoutThePayerNothingIsAuthorizedTwice", "aMerchantsPolicyDecides"]),
    "evidence of absence": (
        "services/gateway-router/Core/Outcome/Proof.swift",
        [("    guard seconds >= ReversalSchedule.absenceSeconds else { return nil }",
          "    guard seconds >= 0 else { return nil }")],
        "GatewayServiceTests.GiveUpTests", ["a500WithoutEffectEndsByTheGatewaysList"]),
    "last look": (
        "services/gateway-router/Service/Flow/GiveUpFlow.swift",
        [("    guard limit > .zero, record.operation.state == .open else { return record }",
          "    guard limit < .zero, record.operation.state == .open else { return record }")],
        "GatewayServiceTests.GiveUpTests",
        ["theLastLookComesBeforeTheEnd", "aPayerWhoHasActedIsNotGivenUp"]),
    "looks at what the bank has": (
        "services/gateway-router/Service/Store/AttemptStatements.swift",
        [("      attempt.evidence.isWaiting\n", "      attempt.evidence == .requiresAction\n")],
        "GatewayServiceTests.PendingTests", ["aLostNotificationIsMadeUpForByALook"]),
    "memory of refused refunds": (
        "services/gateway-router/Service/Flow/RefundFlow.swift",
        [("          try await transaction.commit(with: refuse(failed, of: record, because: reason, stamp))",
          "          _ = refuse(failed, of: record, because: reason, stamp)")],
        "GatewayServiceTests.RefundRecoveryTests",
        ["aRefundThatIsTooLargeIsRememberedAsFailed", "aRefundBeforeTheWinnerStaysFailed"]),
    "window of a refund's absence": (
        "services/gateway-router/Core/Refund/RefundMachine.swift",
        [("    guard seconds >= RefundSchedule.absenceSeconds(at: gateway) else { return nil }",
          "    guard seconds >= 0 else { return nil }")],
        "GatewayServiceTests.RefundRecoveryTests",
        ["aRefundThatLeftNoTraceEndsByTheList"]),
    "looks by the database's clock": (
        "services/gateway-router/Service/Store/AttemptStatements.swift",
        [("now() + make_interval(secs => \\(pause)::float8)",
          "\\(now)::timestamptz + make_interval(secs => \\(pause)::float8)")],
        "GatewayServiceTests.WrongClockTests", ["itPutsNothingOff"]),
    "nothing sent late by the database's clock": (
        "services/gateway-router/Service/Flow/LookFlow.swift",
        [("now < record.sendBefore && recordNow < record.sendsUntil", "now < record.sendBefore")],
        "GatewayServiceTests.WrongClockTests", ["nothingIsSentLate"]),
    "challenges by the database's clock": (
        "services/webhooks/Service/Workers/ChallengeWorker.swift",
        [("challenge_due_at <= now()", "challenge_due_at <= \\(now)")],
        "WebhooksServiceTests.EndpointTests", ["aWrongClockPutsNoChallengeOff"]),
    "billing by the database's clock": (
        "services/billing/Service/Flow/Renewals.swift",
        [("SubscriptionStatements.due(payment.time, limit",
          "SubscriptionStatements.due(BillingTime(clock: environment.clock), limit")],
        "BillingServiceTests.WrongClockTests", ["nothingIsBilledEarlyOrLate"]),
    "age of a refund by the database's clock": (
        "services/gateway-router/Service/Flow/RefundFlow.swift",
        [("    let now = record.now(environment.clock)\n    let sentFor",
          "    let now = environment.clock.now\n    let sentFor")],
        "GatewayServiceTests.RefundRecoveryTests", ["aRefundThatLeftNoTraceEndsByTheList"]),
    "giving up by the database's clock": (
        "services/gateway-router/Service/Store/OperationRecord.swift",
        [("{ readAt ?? clock.now }", "{ clock.now }")],
        "GatewayServiceTests.WrongClockTests", ["nothingIsGivenUpEarlyOrLate"]),
    "a start's walk by the database's clock": (
        "services/gateway-router/Service/Inbound/EventCatchUp.swift",
        [("try await environment.database.query(\"select now()\").single()[0, as: Timestamp.self]",
          "environment.clock.now")],
        "GatewayServiceTests.EventCatchUpTests", ["aStartOwesOneWalk"]),
    "second person": (
        "services/gateway-router/Core/Recovery/Attestation.swift",
        [("!approvedBy.isEmpty, proposedBy != approvedBy else", "!approvedBy.isEmpty else")],
        "GatewayCoreTests.ResolutionTests", ["onePersonIsNotEnough"]),
    "one orphan for one capture": (
        "services/gateway-router/Core/Operation/OperationCondemned.swift",
        [("      isNews && attempt.orphanMinor == nil\n", "      isNews\n")],
        "GatewayServiceTests.InterleavingTests", ["interleaving15ALateSuccessIsGivenBack"]),
    "leaf of a transaction": (
        "services/ledger/Core/Proof/BooksProof.swift",
        [("found.difference(from: leaf, batch.format) {",
          "found.difference(from: leaf, batch.format), leaf.isEmpty {")],
        "LedgerServiceTests.ProofTests",
        ["isFoundAndNamed", "pagesGoThroughEverything", "whatOnlySomeOfABatchCreatedIsIntact"]),
    "what a fact has ended": (
        "services/ledger/Core/RecordedTransaction.swift",
        [("      canonical.append(UInt8(ends ? 1 : 0))\n", "")],
        "LedgerServiceTests.HeldProofTests", ["isFoundAndNamed"]),
    "metadata in the leaf": (
        "services/ledger/Core/RecordedTransaction.swift",
        [("        canonical.append(entry.value)\n", "")],
        "LedgerServiceTests.MetadataTests", ["isFoundAndNamed"]),
    "payment methods in the forecast": (
        "services/ledger/Core/Forecast/ClearingFlow.swift",
        [("for isOfAll in method == .unknown ? [true] : [false, true] {", "for isOfAll in [true] {")],
        "LedgerCoreTests.ForecastMethodTests",
        ["aPayoutIsOfAllMethodsByWhatIsOpen", "lagsAreObservedByMethod"]),
    "breaks of the method that is late": (
        "services/ledger/Service/Forecast/ForecastOverdue.swift",
        [("end = l.method\n", "end <> ''\n")],
        "LedgerServiceTests.ForecastMethodTests", ["breaksAreOfTheMethodThatIsLate"]),
    "breaks of what the release before took over": (
        "services/ledger/Service/Forecast/ForecastOverdue.swift",
        [("and f.through = p.through and f.method = t.method)", "and f.through = p.through)")],
        "LedgerServiceTests.ForecastMethodTests", ["breaksAreOfWhatTheReleaseBeforeTookOver"]),
    "a day's money of all methods is one": (
        "services/ledger/Core/Forecast/DayOutcomes.swift",
        [("    for steps in Self.largestFirst(uncertain) {",
          "    for steps in Self.largestFirst(uncertain).flatMap({ day in day.map { [$0] } }) {"),
         ("last.probability - part.probability < sameProbability",
          "last.probability - part.probability < 0")],
        "LedgerCoreTests.ForecastMethodTests", ["methodsOfOneLagAreAsUncertainAsTheirSum"]),
    "metadata in the comparison": (
        "services/ledger/Core/PostingDifference.swift",
        [("return stored.metadata == submitted.metadata ? nil :",
          "return stored.metadata == submitted.metadata || submitted.metadata != nil ? nil :")],
        "LedgerServiceTests.MetadataTests", ["isPartOfWhatATransactionIs"]),
    "write-offs by one operator": (
        "services/ledger/Service/Calls/CheckedPostings.swift",
        [("if isOperator, PostingTable", "if isOperator, command.recordsFact, PostingTable")],
        "LedgerServiceTests.ChainTests", ["noOperatorWritesOffAlone"]),
    "time-outs in the list of what is held": (
        "services/ledger/Core/Proof/ProofTransaction.swift",
        [("      if !relations.isListedAsHeld {", "      if !relations.isListedAsHeld, entries.isEmpty {")],
        "LedgerServiceTests.HeldProofTests", ["isFoundAndNamed"]),
    "deadlock of a migration": (
        "Sources/Postgres/Migration/Migrator.swift",
        [(" || error.sqlState == .deadlockDetected", "")],
        "PostgresTests.MigratorTests", ["aMigrationThatADeadlockEndsIsTriedAgain"]),
    "an id twice in a chain": (
        "services/ledger/Core/Decision/BatchDecision.swift",
        [("    case .refuse, .refusedBefore, .differs: true",
          "    case .refuse, .refusedBefore: true\n    case .differs: false")],
        "LedgerServiceTests.ChainTests", ["anIDTwiceInAChainFailsNobodyElse"]),
    "holds of one batch": (
        "services/ledger/Core/Decision/AccountState.swift",
        [("    heldInBatch[side] = try Self.sum(heldInBatch[side], amountMinor)\n", "")],
        "LedgerServiceTests.PendingTests", ["whatABatchHoldsFitsAtAnyTime"]),
    "facts and holds of other merchants": (
        "services/ledger/Core/Decision/BatchDecision+Rules.swift",
        [("$0.merchant == posting.merchant && $0.ending == nil", "$0.ending == nil")],
        "LedgerCoreTests.PendingDecisionTests", ["factsEndOnlyTheirOwnMerchants"]),
    "facts and what other merchants have booked": (
        "services/ledger/Core/Decision/BatchDecision+Rules.swift",
        [("$0.merchant == posting.merchant && !$0.isReversed", "!$0.isReversed")],
        "LedgerCoreTests.PendingDecisionTests", ["factsEndOnlyTheirOwnMerchants"]),
    "heads that earlier checks saw": (
        "services/ledger/Service/Store/ProofStore.swift",
        [("    where r.kind = 'chain' and r.head_batch > 0 and",
          "    where r.kind = 'chain' and r.head_batch < 0 and")],
        "LedgerServiceTests.ProofTests", ["anEarlierHeadIsMissed"]),
    "limits count what is held": (
        "services/ledger/Core/Decision/AccountState.swift",
        [("{ balanceMinor - Int128(pending[normalSide.opposite]) }", "{ balanceMinor }")],
        "LedgerCoreTests.AccountLimitTests", ["limits"]),
    "facts and limits": (
        "services/ledger/Core/Decision/BatchDecision.swift",
        [("    guard !posting.command.recordsFact else { return changes }\n", "")],
        "LedgerCoreTests.AccountLimitTests", ["limits"]),
    "alert for accounts beyond a limit": (
        "services/ledger/Core/Decision/AccountState.swift",
        [("lowestMinor < Int128(minimum) { return .minimum }",
          "balanceMinor < Int128(minimum) { return .minimum }")],
        "LedgerCoreTests.AccountLimitTests", ["whatIsPassed"]),
    "a closed account": (
        "services/ledger/Core/Decision/BatchDecision+Rules.swift",
        [("posting.entries.contains(where: { isClosed(account($0, posting.merchant)) })",
          "posting.entries.allSatisfy({ isClosed(account($0, posting.merchant)) })")],
        "LedgerCoreTests.ClosedAccountDecisionTests", ["what"]),
    "alert for closed accounts that moved": (
        "services/ledger/Service/Workers/ClosingAlerts.swift",
        [("b.closed and b.entries > c.entries as has_moved",
          "b.closed and b.entries < c.entries as has_moved")],
        "LedgerServiceTests.ClosedAccountTests", ["factsAreBookedAndTold"]),
    "a chain falls as a whole": (
        "services/ledger/Core/Decision/BatchDecision.swift",
        [("      for step in (undo ?? []).reversed() { step(&state) }\n", "")],
        "LedgerCoreTests.ChainDecisionTests", ["allOrNone"]),
    "time-outs by the ledger's time": (
        "services/ledger/Core/Decision/BatchDecision+Rules.swift",
        [("      return pending.expiresAtMicroseconds <= state.nowMicroseconds ? .pendingExpired : nil",
          "      return nil")],
        "LedgerCoreTests.PendingDecisionTests", ["endings"]),
    "holds are decided on": (
        "services/ledger/Service/Workers/BatchWriter.swift",
        [("    var decides = items.contains { $0.needsDecision }",
          "    var decides = items.contains { $0.isLinked }")],
        "LedgerServiceTests.PendingTests", ["whatIsHeldHasNotMovedAndCounts"]),
    "sealed days": (
        "services/ledger/Core/Decision/BatchDecision+Rules.swift",
        [("posting.effectiveAtMicroseconds < sealed {",
          "posting.effectiveAtMicroseconds < min(sealed, 0) {")],
        "LedgerCoreTests.SealedDayDecisionTests", ["effects"]),
    "producers in the order of facts": (
        "services/ledger/Core/Seals/DaySealRule.swift",
        [("      wanted = max(wanted, passedAt)\n", "      wanted = max(wanted, min(wanted, passedAt))\n")],
        "LedgerCoreTests.DaySealTests", ["behind"]),
    "fence of a seal": (
        "services/ledger/Service/Seals/DaySealer.swift",
        [("transaction.query(lease.renewal()).affected == 1 else",
          "transaction.query(lease.renewal()).affected <= 1 else")],
        "LedgerServiceTests.DaySealTests", ["whoLostTheLeaseSealsNothing"]),
    "files of seals stay": (
        "services/ledger/Service/Seals/SealFiles.swift",
        [("    guard bytes == Array(document.utf8) else {",
          "    guard bytes == Array(document.utf8) || !path.isEmpty else {")],
        "LedgerServiceTests.DaySealTests",
        ["aFileThatSaysSomethingElseStaysAndStopsTheSeal", "aRowWithoutAFileGetsItBack"]),
    "files without somebody": (
        "services/ledger/Service/Seals/DaySealer.swift",
        [("      if mayGoOn, let there", "      if mayGoOn, seal.number < 0, let there")],
        "LedgerServiceTests.DaySealTests", ["aFileWithoutSomebodyIsTakenUp"]),
    "writers before a seal": (
        "services/ledger/Service/Seals/DaySealer.swift",
        [("try await self.look(behindWriters: true)", "try await self.look()")],
        "LedgerServiceTests.DaySealTests", ["whatIsBeingRecordedIsWaitedFor"]),
    "what was read is sealed": (
        "services/ledger/Service/Seals/DaySealer.swift",
        [("[0, as: Bool.self] == false", "[0, as: Bool.self].description.isEmpty == false")],
        "LedgerServiceTests.DaySealTests", ["whatWasReadIsWhatIsSealed"]),
    "books against their seals": (
        "services/ledger/Service/Proof/BooksVerifier.swift",
        [("        if let finding = SealProof.finding(seal, recomputed: books) {",
          "        if let finding = SealProof.finding(seal, recomputed: books), batches < 0 {")],
        "LedgerServiceTests.SealProofTests", ["isFoundAndNamed"]),
    "transactions under way in a watermark": (
        "Sources/ServiceKit/Relays/WatermarkReporter.swift",
        [("select least(now(), min(xact_start)) from", "select least(now(), max(now())) from")],
        "LedgerServiceTests.WatermarkTests", ["whatWaitsAndWhatMayStillComeCount"]),
    "refusals within a batch": (
        "services/ledger/Service/Store/PostingBatch.swift",
        [("command.recordsFact ? nil : refused[command.id] ?? posting",
          "command.recordsFact ? nil : posting")],
        "LedgerServiceTests.PostingTests", ["aRetryInTheSameBatchStaysRefused"]),
    "hash of a report": (
        "services/ledger/Core/Reconciliation/ReportReader.swift",
        [("    guard finished(&digest) == terms.sha256 else {",
          "    guard finished(&digest).count == terms.sha256.count else {")],
        "LedgerCoreTests.ReportFileTests", ["termsAreKept"]),
    "one item for one line": (
        "services/ledger/Service/Reconciliation/ReconClimb.swift",
        [("on \\(meets) and b.n = a.n \\(isOther)", "on \\(meets) \\(isOther)")],
        "LedgerServiceTests.ReconciliationModelTests", ["theDatabaseClimbsAsTheRulesSay"]),
    "what was reported before": (
        "services/ledger/Service/Reconciliation/ReconSteps.swift",
        [("when e.file_id = o.file_id then e.line < o.line", "when e.file_id = o.file_id then false")],
        "LedgerServiceTests.ReconciliationTests", ["everyLineGetsItsClass"]),
    "late word of an authorisation": (
        "services/gateway-router/Core/Operation/NoticeRule.swift",
        [("    return settled.kind == .authorized\n", "    return settled.kind == .canceled\n")],
        "GatewayCoreTests.NoticeRuleTests",
        ["anAuthorisationThatIsToldLateSaysNothingOfTheCapture"]),
    "captured winner is not released": (
        "services/gateway-router/Core/Operation/ReversalSchedule.swift",
        [("    guard winner.attempt.evidence != .captured else { return .done }\n", "")],
        "GatewayCoreTests.ReversalTests", ["aCapturedWinnerIsNotReleased"]),
    "alert of what is forced": (
        "services/gateway-router/Service/Store/OverrideStatements.swift",
        [("        where o.state = 2 and o.expires_at > now() and", "        where o.state = 9 and")],
        "GatewayServiceTests.OverrideTests",
        ["aProposalThatExpiresLeavesTheAlertOfWhatIsForced"]),
    "kind of an answer": (
        "services/gateway-router/Core/Outcome/OutcomeRule.swift",
        [("    guard answer.fits(request.purpose) else { return .unknown(.unreadable) }\n",
          "    _ = answer.fits(request.purpose)\n")],
        "GatewayCoreTests.BadAnswerTests", ["answersOfAnotherKind"]),
    "networks' limits": (
        "services/gateway-router/Service/Flow/ExecuteFlow.swift",
        [("    if method.kind == .card,\n", "    if method.kind == .card, declines.count > 1_000,\n")],
        "GatewayServiceTests.CeilingTests",
        ["aCardIsNotTriedMoreOftenThanItsNetworkAllows", "aForbiddenCardIsNeverSentAgain"]),
    "first reading of a report": (
        "services/gateway-router/Service/Reports/ReportFlow.swift",
        [("    if report.state == .fetched, report.sha256 != reading.sha256 {",
          "    if report.state == .fetched, report.sha256 != reading.sha256, reading.bytes < 0 {")],
        "GatewayServiceTests.ReportFetchTests", ["aFileThatChangesIsAnAlert"]),
    "limit of a report's amount": (
        "Sources/ReportFormats/ReportParser.swift",
        [("guard amount.minor <= ReportParser.amountMinorMax else", "guard amount.minor >= 0 else")],
        "LedgerCoreTests.ReportFileTests", ["anAmountHasALimit"]),
    "card numbers in refused reports": (
        "Sources/ReportFormats/ReportError.swift",
        [('CardNumberDetector.contains(text) ? "withheld"', 'text.isEmpty ? "withheld"')],
        "LedgerCoreTests.ReportFileTests", ["whatIsRefusedIsNotSaidInFull"]),
    "files of their own books": (
        "services/ledger/Service/Reconciliation/ReconImport.swift",
        [("select id from recon_file\n    where gateway = \\(terms.account.gateway)"
          " and account = \\(terms.account.account)\n      and livemode",
          "select id from recon_file\n    where livemode")],
        "LedgerServiceTests.ReconciliationTests",
        ["aFileForMistypedBooksIsStillTakenForTheRightOnes"]),
    "sum of a settled batch": (
        "Sources/ReportFormats/ReportParser.swift",
        [("where sum != 0 {", "where sum == .min {")],
        "GatewayCoreTests.ReportParserTests", ["adyensBadSettlements"]),
    "test and live books": (
        "services/ledger/Service/Reconciliation/ReconClimb.swift",
        [("      where i.gateway = $1 and i.account = $2 and i.livemode = $3\n"
          "        and i.external_reference = l.key",
          "      where i.gateway = $1 and i.account = $2 and $3 is not null\n"
          "        and i.external_reference = l.key"),
         ("    i.gateway = $1 and i.account = $2 and i.livemode = $3 and not exists (",
          "    i.gateway = $1 and i.account = $2 and $3 is not null and not exists (")],
        "LedgerServiceTests.ReconciliationTests", ["aTestLineNeverMeetsALiveItem"]),
    "a step for each key": (
        "services/ledger/Service/Reconciliation/ReconClimb.swift",
        [("k.rung = $5 and k.place = $6 and", "k.rung = $5 and k.place >= $6 and")],
        "LedgerServiceTests.ReconciliationModelTests", ["theDatabaseClimbsAsTheRulesSay"]),
    "end of the last break's alert": (
        "services/ledger/Service/Calls/ReconciliationHandler.swift",
        [("      if action != .acknowledge {", "      if action == .acknowledge {")],
        "LedgerServiceTests.ReconciliationTests", ["whoEndsTheLastBreakEndsTheAlert"]),
    "breaks are counted in turn": (
        "services/ledger/Service/Calls/ReconciliationHandler.swift",
        [("action == .acknowledge ? [] : [ReconAlerts.lock(book)]",
          "action == .acknowledge ? [ReconAlerts.lock(book)] : []")],
        "LedgerServiceTests.ReconciliationTests", ["whoComesSecondCountsWhatTheFirstHasLeft"]),
    "silence of a set-up": (
        "services/gateway-router/Core/Setup/SetupIntent.swift",
        [("case .givenUp: end(&next, .canceled, .outcomeUnknown)",
          "case .givenUp: end(&next, .failed, .outcomeUnknown)")],
        "GatewayCoreTests.SetupMachineTests", ["whatEventsDo"]),
    "key's window of a set-up": (
        "services/gateway-router/Core/Setup/SetupIntent.swift",
        [("return ageSeconds < gateway.traits.replayWindowSeconds ? .replay : .giveUp",
          "return ageSeconds < Int64.max ? .replay : .giveUp")],
        "GatewayCoreTests.SetupMachineTests", ["steps"]),
    "one gateway of a set-up": (
        "services/gateway-router/Service/Store/SetupStatements.swift",
        [("where merchant_id = \\(merchant) and id = \\(id) and gateway is null",
          "where merchant_id = \\(merchant) and id = \\(id)")],
        "GatewayServiceTests.SetupTests", ["twoWhoFindItUnsentAskOnce"]),
    "refusal beside a sent set-up": (
        "services/gateway-router/Service/Flow/SetupFlow.swift",
        [("if case .refused = event, known.account != nil { return false }", "")],
        "GatewayServiceTests.SetupRaceTests", ["whoComesLateNeitherSendsNorCallsItUnsent"]),
    "proof beside a repeated set-up": (
        "services/gateway-router/Core/Setup/SetupIntent.swift",
        [("case .notExecuted where setup.wasRepeated: break", "")],
        "GatewayCoreTests.SetupMachineTests", ["whatWasRepeatedIsNotProvenByOneSending"]),
    "look-ups of the proof": (
        "services/ledger/Service/Store/ProofStore.swift",
        [("set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true)",
          "set_config('enable_seqscan', 'on', true), set_config('enable_hashjoin', 'on', true)")],
        "LedgerServiceTests.ProofPlanTests", ["looksUpByKey"]),
    "second person about a set-up": (
        "services/gateway-router/Core/Setup/SetupConflict.swift",
        [("people.contains(where: { $0 != actor })", "!people.isEmpty")],
        "GatewayCoreTests.SetupConflictTests", ["twoPeopleWhereMoneyMayBeHeld"]),
    "what was seen last of a set-up": (
        "services/gateway-router/Service/Store/SetupReviewStatements.swift",
        [("        and r.alert_count = a.count\n", "")],
        "GatewayServiceTests.SetupReviewTests", ["twoPeopleEndWhatMayHoldMoney"]),
    "choice of a set-up that nobody sent": (
        "services/gateway-router/Core/Setup/SetupIntent.swift",
        [("guard let gateway else { return isLate ? .refuse : .begin }",
          "guard let gateway, tries > 0 else { return isLate ? .refuse : .begin }")],
        "GatewayServiceTests.SetupRaceTests",
        ["aChoiceThatNobodySentIsSentByWhoeverFindsIt"]),
    "trigger: what has matched is open no longer": without_trigger(
        "recon_match", "closed", "LedgerServiceTests.ReconciliationTests", ["theDatabaseRefusesAPairOfTwoBooks"]),
    "trigger: no class of the other books": without_trigger(
        "recon_match", "own_books", "LedgerServiceTests.ReconciliationTests", ["noClassIsLeftAtALineOfTheOtherBooks"]),
    "trigger: what a run takes is open": without_trigger(
        "recon_item", "opened", "LedgerServiceTests.ReconciliationTests", ["everythingAddsUpAfterEachRun"]),
    "trigger: a run has classified every line": without_trigger(
        "recon_run", "everything_classified", "LedgerServiceTests.ReconciliationGuardTests", ["aRunThatForgetsALineIsRefused"]),
    "trigger: a fee that is booked is open no longer": without_trigger(
        "recon_booking", "booked", "LedgerServiceTests.ReconciliationBookingTests", ["aRunBooksWhatTheReportProves"]),
    "trigger: two people for a write-off": without_trigger(
        "recon_write_off_approval", "two_people", "LedgerServiceTests.SettlementTests", ["theDatabaseWantsTwoPeople"]),
    "trigger: no write-off without an agreement": without_trigger(
        "recon_settlement", "approved", "LedgerServiceTests.SettlementTests", ["theDatabaseWantsTwoPeople"]),
    "books of what was reported before": (
        "services/ledger/Service/Reconciliation/ReconSteps.swift",
        [("where e.gateway || '' = $1 and e.account || '' = $2 and e.livemode = $3",
          "where e.gateway || '' = $1 and e.account || '' = $2 and $3 is not null")],
        "LedgerServiceTests.ReconciliationTests", ["batchesAndDuplicatesBelongToTheirBooks"]),
    "a reversal that nobody knows": (
        "services/ledger/Service/Reconciliation/ReconSteps.swift",
        [("then 'orphan_reversal' else 'missing_internal' end",
          "then 'missing_internal' else 'missing_internal' end")],
        "LedgerServiceTests.ReconciliationTests", ["everyLineGetsItsClass"]),
    "a payout is the sum of its lines": (
        "services/ledger/Service/Reconciliation/ReconBreaks.swift",
        [("left join recon_batch n on i.kind = 'payout' and",
          "left join recon_batch n on i.kind = 'none' and")],
        "LedgerServiceTests.ReconciliationTests", ["aPayoutOfItsLinesIsNoBreak"]),
    "control total from the books' own sums": (
        "services/ledger/Service/Reconciliation/ReconBreaks.swift",
        [("coalesce(b.balance, 0)::bigint, coalesce(i.open, 0)::bigint,",
          "coalesce(i.open + i.paired, 0)::bigint + 1, coalesce(i.open, 0)::bigint,")],
        "LedgerServiceTests.ReconciliationTests", ["theControlTotalHolds"]),
    "the wrong books": (
        "services/ledger/Service/Reconciliation/ReconImporter.swift",
        [("if let row = found[1].first, try row[0, as: Bool.self] { throw",
          "if let row = found[1].first, try row[0, as: Bool.self], found.isEmpty { throw")],
        "LedgerServiceTests.ReconciliationTests", ["aReportForTheWrongBooksIsRefused"]),
    "limit of write-offs": (
        "services/ledger/Service/Calls/SettlementHandler.swift",
        [("guard settings.writeOffLimits.allows(amount) else {",
          "guard settings.writeOffLimits.allows(.zero(amount.currency)) else {")],
        "LedgerServiceTests.SettlementTests", ["onlyTheNewestProposalWithinTheLimit"]),
    "what people settle is no fact": (
        "services/ledger/Core/Reconciliation/ReconCommands.swift",
        [("      isFact: false\n", "      isFact: true\n")],
        "LedgerServiceTests.SettlementTests", ["anAccountsLimitRefusesASettlement"]),
    "two people for a write-off": (
        "services/ledger/Core/Reconciliation/BreakSettlement.swift",
        [("!approvedBy.isEmpty, proposedBy != approvedBy else", "!approvedBy.isEmpty else")],
        "LedgerServiceTests.SettlementTests", ["twoPeopleWriteOff"]),
    "only the newest proposal": (
        "services/ledger/Service/Calls/SettlementHandler.swift",
        [("guard try rows[1].single()[0, as: WriteOffID.self] == id else {",
          "guard try rows[1].single()[0, as: WriteOffID.self] != WriteOffID(bits: 0) else {")],
        "LedgerServiceTests.SettlementTests", ["onlyTheNewestProposalWithinTheLimit"]),
    "what settles a break asks for no line": (
        "services/ledger/Service/Reconciliation/ReconBreaks.swift",
        [("          where s.transaction_id = f.transaction_id)",
          "          where s.transaction_id = f.file_id)")],
        "LedgerServiceTests.SettlementTests", ["aDifferenceIsAdjusted"]),
    "one replica compares": (
        "services/ledger/Service/Workers/ReconKeeper.swift",
        [("      guard lease != nil else { continue }", "      _ = lease")],
        "LedgerServiceTests.ReconScheduleTests", ["twoReplicasShareTheWork"]),
    "whoever meets a run": (
        "services/ledger/Service/Reconciliation/ReconTurn.swift",
        [("error.sqlState == .lockNotAvailable ?", "error.sqlState == .raisedException ?")],
        "LedgerServiceTests.ReconScheduleTests", ["whoeverMeetsARunHearsIt"]),
    "what people have decided is not booked": (
        "services/ledger/Service/Reconciliation/ReconBookings.swift",
        [("        where m.class = 'missing_internal' and not \\(raw: Self.isDecided(\"u\"))\n",
          "        where m.class = 'missing_internal'\n"),
         ("        and not \\(raw: Self.isDecided(\"o\"))\n", "")],
        "LedgerServiceTests.ReconciliationBookingTests", ["anAcceptedLineIsNeverBooked"]),
    "each settlement's fee has a name": (
        "Sources/ReportFormats/ReportLayout.swift",
        [("    ownReferences: .batch)", "    ownReferences: .gateway)")],
        "LedgerServiceTests.ReconciliationBookingTests", ["theFeeOfEachSettlementIsBooked"]),
    "files are in the order of their imports": (
        "services/ledger/Service/Reconciliation/ReconSteps.swift",
        [("(select number from recon_file where id = e.file_id)\n"
          "                    < (select number from recon_file where id = o.file_id) end)",
          "e.file_id < o.file_id end)")],
        "LedgerServiceTests.ReconciliationTests", ["filesAreInTheOrderOfTheirImports"]),
    "one item for one line that agrees": (
        "services/ledger/Service/Reconciliation/ReconClimb+Exact.swift",
        [("on \\(meets) and b.n = a.n\n", "on \\(meets) and b.n <= a.n\n")],
        "LedgerServiceTests.ReconciliationModelTests", ["theDatabaseClimbsAsTheRulesSay"]),
    "a payout's own day": (
        "services/ledger/Core/Reconciliation/ReportReader.swift",
        [("lastDays.merging(paidDays) { $1 }", "lastDays.merging(paidDays) { day, _ in day }")],
        "LedgerServiceTests.ReconciliationBookingTests", ["aNamedPayoutIsOfItsOwnDay"]),
    "a fee that the books have otherwise": (
        "services/ledger/Service/Reconciliation/ReconBreaks.swift",
        [("left join contradicted c on i.kind = 'fee' and", "left join contradicted c on i.kind = 'none' and")],
        "LedgerServiceTests.ReconciliationBookingTests", ["whatTheBooksSayOtherwiseIsLeft"]),
    "a named payout that nobody owns": (
        "services/ledger/Service/Reconciliation/ReconRun.swift",
        [("settings.booksReports ? payouts : 0", "settings.booksReports ? 0 : payouts")],
        "LedgerServiceTests.ReconciliationBookingTests", ["aNamedPayoutThatNobodyOwnsIsAnAlert"]),
    "one key for the parts of a file": (
        "Sources/CommandLineTool/Commands/Recon/ReconImport.swift",
        [("    return digest.finish()", "    return try RandomBytes.make(count: 32)")],
        "CommandLineToolTests.ReconTextTests", ["thePartsOfAFileHaveOneKey"]),
    "a payout that came back is no other status": (
        "services/ledger/Core/Reconciliation/ReconPairing.swift",
        [("{ self != .payout }", "{ true }")],
        "LedgerServiceTests.ReconciliationBookingTests", ["aPayoutThatComesBackIsBooked"]),
    "one person adjusts in our favour": (
        "services/ledger/Core/Reconciliation/BreakSettlement.swift",
        [("differenceMinor > 0,", "differenceMinor != 0,")],
        "LedgerServiceTests.SettlementTests", ["aSettlementThatIsOvertakenShows"]),
    "what came twice was paid out once": (
        "services/ledger/Service/Reconciliation/ReconBookings.swift",
        [("n.net_minor - coalesce(w.net, 0) = p.net_minor", "n.net_minor = p.net_minor")],
        "LedgerServiceTests.ReconciliationBookingTests",
        ["aNamedPayoutWhoseLinesCameTwiceIsBooked"]),
    "lags that end on one day": (
        "services/ledger/Core/Forecast/ForecastSum.swift",
        [("      var dates = Dictionary(\n        lags.weights.map { (calendar.day($0.lag, after: "
          "part.day), $0.weight) },\n        uniquingKeysWith: +\n      ).map { ($0.key, $0.value) }",
          "      var dates = lags.weights.map { (calendar.day($0.lag, after: part.day), $0.weight) }")],
        "LedgerCoreTests.SettlementForecastTests", ["lagsThatEndOnOneDayAreOne"]),
    "what is settled is not overdue": (
        "services/ledger/Service/Forecast/ForecastOverdue.swift",
        [("            and not exists (\n              select from recon_break d join recon_settlement s",
          "            and true or exists (\n              select from recon_break d join recon_settlement s")],
        "LedgerServiceTests.ForecastTests", ["whatIsWrittenOffIsNoBreakAgain"]),
    "a fee that the report does not prove": (
        "services/ledger/Service/Generated/Migrations.swift",
        [("where l.fee_minor <> 0 and l.adds and", "where l.fee_minor <> 0 and")],
        "LedgerServiceTests.ReconciliationBookingTests", ["aFeeThatDoesNotAddIsNotBooked"]),
    "one handing over of a payer's result": (
        "services/gateway-router/Core/Operation/OperationActions.swift",
        [("live[index].evidence == .requiresAction\n", "live[index].evidence.isWithPayer\n"),
         ("$0.evidence == .requiresAction && $0.gateway", "$0.evidence.isWithPayer && $0.gateway")],
        "GatewayServiceTests.ActionFlowTests",
        ["aLostAnswerIsNotAskedForAgain", "whatWasCommittedAndNotSentIsNeverSent"]),
    "time of a payer's result": (
        "services/gateway-router/Core/Operation/OperationActions.swift",
        [("if let asking, hasResult, maySubmit {", "if let asking, hasResult {")],
        "GatewayServiceTests.ActionFlowTests", ["afterGivingUpNothingIsHandedOver"]),
    "what a payer has brought before a restore": (
        "services/gateway-router/Service/Flow/ActionFlow.swift",
        [("gate.mayRepeat(sentAt: record.sentAt($0))", "gate.mayRepeat(sentAt: record.sentAt($0)) || true")],
        "GatewayServiceTests.ActionFlowTests", ["whatARestoreHasPutBackIsNotHandedOver"]),
    "no kept answer to a payer's return after a restore": (
        "services/intents/Service/Flow/IntentSteps.swift",
        [("    try await RestoredPayments.requireResolved(id, of: merchant, in: transaction)\n", "")],
        "IntentsServiceTests.ActionTests", ["aRestoreKeepsNoAnswerForAPayersReturn"]),
    "no failover of an authentication": (
        "services/gateway-router/Core/Operation/OperationMachine.swift",
        [("    case .sent, .pending, .requiresAction, .actionSubmitted, .authorized, .captured:\n"
          "      throw .attemptUnderway",
          "    case .actionSubmitted: return\n"
          "    case .sent, .pending, .requiresAction, .authorized, .captured:\n"
          "      throw .attemptUnderway")],
        "GatewayCoreTests.ActionTests", ["nothingIsFailedOver"]),
    "whose a payer's result is": (
        "services/gateway-router/Core/Outcome/OutcomeRule.swift",
        [("guard payment.isBound(to: request) else", "guard payment.isBound(to: request) || true else")],
        "GatewayCoreTests.ActionTests", ["anAnswerThatNamesNoPaymentDecidesNothing"]),
    "late answer beside a capture": (
        "services/gateway-router/Core/Operation/OperationActions.swift",
        [("outcome.isAboutPayment, !isOldWord(outcome, of: id) else", "outcome.isAboutPayment else")],
        "GatewayCoreTests.ActionTests", ["aLateAnswerRepeatsNoCapture"]),
    "row of a payer's result that the release before can read": (
        "services/gateway-router/Service/Store/AttemptStatements.swift",
        [("isSubmitted ? Evidence.requiresAction.name : attempt.evidence.name",
          "attempt.evidence.name")],
        "GatewayServiceTests.ActionFlowTests", ["theReleaseBeforeMayGoOnWithIt"]),
    "end of a submission that the release before has decided": (
        "services/gateway-router/Service/Generated/Migrations.swift",
        [("    new.action_submitted := false;", "    null;")],
        "GatewayServiceTests.ActionFlowTests", ["theReleaseBeforeMayGoOnWithIt"]),
    "silence about a payer's address": (
        "services/gateway-router/Core/Outcome/PayerAction.swift",
        [('  package var description: String { redirectURL == nil ? "no address" : "an address" }',
          '  package var description: String { redirectURL ?? "no address" }')],
        "GatewayCoreTests.ActionTests", ["nothingOfThemIsPrinted"]),
    "facts without addresses": (
        "services/gateway-router/Service/Store/OperationWriter.swift",
        [("facts.map { $0.withoutNextAction.encode() }", "facts.map { $0.encode() }")],
        "GatewayServiceTests.ActionFlowTests", ["addressesAreForgotten"]),
    "end of a payer's address": (
        "services/intents/Service/Store/IntentRow.swift",
        [("    didSet { if state != .requiresAction { nextAction = nil } }",
          "    didSet { if state == .created { nextAction = nil } }")],
        "IntentsServiceTests.ActionTests", ["thePayerIsToldWhereToGoUntilItIsOver"]),
    "result that a payer must bring": (
        "services/intents/Service/Flow/IntentSteps.swift",
        [("!parameter.isEmpty, !hasResult {", "parameter.isEmpty, !hasResult {")],
        "IntentsServiceTests.ActionTests", ["whatIsMissingOrMalformedIsRefused"]),
    "the clock of what is due": (
        "services/ledger/Service/Store/BooksStateStore.swift",
        [("from c join pending_open d",
          "from (select greatest(c.now, clock_timestamp()) as now from c) c join pending_open d")],
        "LedgerServiceTests.PendingTests", ["eachIsDueOnceByTheDatabasesClock"]),
    "no seal of reconciled days over an open break": (
        "services/ledger/Service/Generated/Migrations.swift",
        [("          and least(b.occurred_on, i.effective_on) <= new.day)", "          and false)")],
        "LedgerServiceTests.ReconSealTests", ["theTableWantsProofs"]),
    "what is snoozed keeps a day open": (
        "services/ledger/Service/Reconciliation/ReconSealStore.swift",
        [("\"b.state not in ('resolved', 'accepted')\"",
          "\"b.state not in ('resolved', 'accepted', 'snoozed')\"")],
        "LedgerServiceTests.ReconSealTests", ["whatIsOpenKeepsADayOpen"]),
    "what waits for its report keeps a day open": (
        "services/ledger/Core/Reconciliation/ReconSealRule.swift",
        [("    guard state.awaitedCount == 0 else { return .itemsAwaited(state.awaitedCount) }\n", "")],
        "LedgerCoreTests.ReconSealRuleTests", ["whatStandsInTheWay", "theFirstThingIsNamed"]),
    "what asks for no line keeps no day open": (
        "services/ledger/Service/Reconciliation/ReconSealStore.swift",
        [(" and not \\(ReconSteps.asksForNoLine)", "")],
        "LedgerServiceTests.ReconSealTests", ["whatAsksForNoLineKeepsNoDayOpen"]),
    "a break is of its booking's day": (
        "services/ledger/Service/Reconciliation/ReconSealStore.swift",
        [("\"least(b.occurred_on, i.effective_on)\"", "\"b.occurred_on\"")],
        "LedgerServiceTests.ReconSealTests", ["aLineOfTheNextDayKeepsItsBookingsDayOpen"]),
    "a late report reopens its days": (
        "services/ledger/Service/Reconciliation/ReconSealStore.swift",
        [("and f.number > s.last_file", "and f.number < s.last_file")],
        "LedgerServiceTests.ReconSealTests", ["whatComesLateReopensItsDays"]),
    "a late booking reopens its days": (
        "services/ledger/Service/Reconciliation/ReconSealStore.swift",
        [("and i.effective_on <= s.day\n        and", "and i.effective_on <= s.day and false\n        and")],
        "LedgerServiceTests.ReconSealTests", ["whatIsBookedLateReopensItsDaysWhileItWaits"]),
}
