import Testing

@testable import CommandLineTool

/// Each check must fail on evidence in which its promise is broken: the sabotage of the checker.
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
    #expect(paths[.refundedInPart] == 1 && paths[.refundTooLargeRefused] == 1)
    #expect(paths[.misuseRefused] == MisuseRecord.Kind.allCases.count)
    let missing = paths.missing(seeds: 1)
    #expect(missing.contains(.leaseTakenOver) && missing.contains(.unknownResolved))
    #expect(!missing.contains(.answerReplayed) && !missing.contains(.fenceWon))
    #expect(paths.unproven(seeds: 1) == RarePaths.Path.allCases.filter(\.isByChance))
    // So many seeds leave nothing to chance.
    let all = paths.missing(seeds: RarePaths.seedsForAll)
    #expect(all.contains(.fenceWon) && paths.unproven(seeds: RarePaths.seedsForAll) == [])
  }

  @Test("a payment that was not sent in time is no abandoned claim; a departure was answered later")
  func lateAndDeparted() {
    var evidence = ProveEvidence.good
    evidence.intents[2].failureCode = "send_window_passed"
    (evidence.intents[2].operations[0].attempts, evidence.intents[2].operations[0].facts) = (
      [], ["not_executed"]
    )
    evidence.asked[0].departs = true
    let paths = RarePaths(evidence, notifications: SimulatorChaos.Counts())
    #expect(paths[.lateSendRefused] == 1 && paths[.abandonedClaimClosed] == 0)
    #expect(paths[.departedFinished] == 1)
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

  @Test("a fence is won where no job had to cancel; speculation is a start beside the unknown")
  func fences() {
    var evidence = ProveEvidence.good
    var second = evidence.intents[2].operations[0].attempts[0]
    (second.gateway, second.reference, second.createdAt) = ("adyen", "psp_1", 200)
    evidence.intents[2].operations[0].attempts[0].decidedAt = 100
    evidence.intents[2].operations[0].attempts.append(second)
    let none = SimulatorChaos.Counts()
    let won = RarePaths(evidence, notifications: none)
    #expect(won[.fenceWon] == 1 && won[.fenceLost] == 0 && won[.speculationUsed] == 0)
    evidence.intents[2].operations[0].attempts[0].hasReversal = true
    let lost = RarePaths(evidence, notifications: none)
    #expect(lost[.fenceWon] == 0 && lost[.fenceLost] == 1)
    for decided in [nil, 300] as [Int64?] {
      evidence.intents[2].operations[0].attempts[0].decidedAt = decided
      #expect(RarePaths(evidence, notifications: none)[.speculationUsed] == 1)
    }
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
    evidence.halfOpenSeen = 2
    evidence.refunds[0].milliseconds = 9_000
    let paths = RarePaths(evidence, notifications: SimulatorChaos.Counts())
    #expect(paths[.unknownResolved] == 1 && paths[.secondGatewayUsed] == 1)
    #expect(paths[.abandonedClaimClosed] == 1 && paths[.leaseTakenOver] == 3)
    #expect(paths[.breakerOpened] == 1 && paths[.breakerProbed] == 2)
    #expect(paths[.refundDrivenOn] == 1)
    var still = evidence
    still.intents[0].operations[0].facts = ["unknown"]
    #expect(
      RarePaths(still, notifications: SimulatorChaos.Counts())[.unknownResolved] == 0)
  }
}
