import Money
import Testing

@testable import GatewayCore

/// What a live call does next, for what it knows and the time it has left.
struct FailoverRuleTests {
  private static func step(
    _ outcomes: [Outcome], at elapsed: Int64 = 100, _ gateway: GatewayName = .stripe,
    mode: Attempt.Mode = .authorizeOnly, _ change: (inout FailoverSituation) -> Void = { _ in }
  ) -> FailoverStep {
    let operation = Sample.operation(
      .automatic,
      [Sample.start(Sample.first, gateway, mode)] + outcomes.map { .outcome(Sample.first, $0) })
    var situation = FailoverSituation(hasNext: true)
    situation.elapsedMilliseconds = elapsed
    change(&situation)
    return FailoverRule.step(about: Sample.first, in: operation, situation)
  }

  private static let undecided = Outcome.unknown(.undecided(reference: "pi_1"))

  @Test func provenNotExecutedLeadsOnWhileThereIsTime() {
    #expect(Self.step([Sample.unsent]) == .start(speculative: false))
    #expect(Self.step([Sample.unsent], at: 3_300) == .start(speculative: false))
    #expect(Self.step([Sample.unsent], at: 3_301) == .exhaust)
    #expect(Self.step([Sample.unsent]) { $0.hasNext = false } == .exhaust)
  }

  @Test func aDeclineLeadsOnOnlyByItsClassAndAfterItsObjectIsDead() {
    let other = Sample.declined(.otherGateway)
    #expect(Self.step([other]) == .fence(reference: "pi_1"))
    #expect(Self.step([other]) { $0.isFenced = true } == .start(speculative: false))
    #expect(Self.step([other], mode: .charge) { $0.isFenced = true } == .exhaust)
    #expect(Self.step([other, Sample.settled(.canceled)]) == .start(speculative: false))
    #expect(Self.step([other]) { $0.hasNext = false } == .exhaust)
    for group in DeclineClass.allCases where group != .otherGateway {
      #expect(Self.step([Sample.declined(group)]) == .exhaust)
    }
  }

  /// Replay, look, fence, speculation: each in its time.
  @Test func anUnknownOutcomeIsFoundOutInOrder() {
    var done = FailoverSituation(hasNext: true)
    func next(_ outcome: Outcome, at elapsed: Int64) -> FailoverStep {
      Self.step([outcome], at: elapsed) { situation in
        situation = done
        situation.elapsedMilliseconds = elapsed
        situation.allowsSpeculation = true
      }
    }
    #expect(next(Sample.noAnswer, at: 1_750) == .replay)
    #expect(next(Sample.noAnswer, at: 1_751) == .find)
    done.replays = 1
    #expect(next(Sample.noAnswer, at: 300) == .find)
    #expect(next(Self.undecided, at: 300) == .get(reference: "pi_1"))
    #expect(next(Sample.noAnswer, at: 2_551) == .start(speculative: true))
    done.isLooked = true
    #expect(next(Self.undecided, at: 2_550) == .fence(reference: "pi_1"))
    #expect(next(Self.undecided, at: 2_551) == .start(speculative: true))
    #expect(next(Sample.noAnswer, at: 300) == .start(speculative: true))
    done.isFenced = true
    #expect(next(Self.undecided, at: 300) == .start(speculative: true))
    #expect(next(Self.undecided, at: 3_300) == .start(speculative: true))
    #expect(next(Self.undecided, at: 3_301) == .answer)
  }

  @Test func speculationNeedsThePolicyASeparateCaptureAndNoContradiction() {
    func last(
      _ outcome: Outcome, _ mode: Attempt.Mode = .authorizeOnly, allows: Bool = true
    ) -> FailoverStep {
      Self.step([outcome], at: 2_600, mode: mode) {
        ($0.replays, $0.isLooked, $0.isFenced, $0.allowsSpeculation) = (1, true, true, allows)
      }
    }
    #expect(last(Sample.noAnswer) == .start(speculative: true))
    #expect(last(Sample.noAnswer, allows: false) == .answer)
    #expect(last(Sample.noAnswer, .charge) == .answer)
    #expect(last(Sample.conflict) == .answer)
  }

  /// Interleavings 7: Adyen answers `received`, which fences nothing.
  @Test func adyenIsNotFenced() {
    func adyen(_ change: (inout FailoverSituation) -> Void) -> FailoverStep {
      Self.step([Self.undecided], .adyen, change)
    }
    #expect(adyen { _ in } == .replay)
    #expect(adyen { $0.replays = 1 } == .answer)
    #expect(
      adyen { ($0.replays, $0.allowsSpeculation) = (1, true) } == .start(speculative: true))
  }

  /// With one gateway all the time is for finding out.
  @Test func theOnlyGatewayIsAskedUntilTheTimeIsOver() {
    func only(_ replays: Int, _ looked: Bool, at elapsed: Int64) -> FailoverStep {
      Self.step([Sample.noAnswer], at: elapsed) {
        ($0.hasNext, $0.replays, $0.isLooked) = (false, replays, looked)
      }
    }
    #expect(only(0, false, at: 100) == .replay)
    #expect(only(1, false, at: 300) == .find)
    #expect(only(1, true, at: 400) == .replay)
    #expect(only(9, true, at: 4_250) == .replay)
    #expect(only(9, true, at: 4_251) == .answer)
  }

  /// Interleavings 5.
  @Test func nothingIsRepeatedBesideASecondAttempt() {
    let operation = Sample.operation(
      .automatic,
      [
        Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer),
        Sample.start(Sample.second, .adyen, speculative: true),
        .outcome(Sample.second, Sample.noAnswer),
      ])
    for id in [Sample.first, Sample.second] {
      let step = FailoverRule.step(about: id, in: operation, FailoverSituation(hasNext: false))
      #expect(step == (id == Sample.first ? .find : .answer))
    }
  }

  @Test func absenceProvesOnlyAfterTheScheduleAndOnlyWhatIsUnknown() throws {
    #expect(Proof(absentFromListAfter: 86_399) == nil)
    let absent = Outcome.notExecuted(try #require(Proof(absentFromListAfter: 86_400)))
    let given = [
      Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer),
      .close(.gaveUp, onlyIfUnsent: false),
    ]
    let ended = Sample.operation(.automatic, given + [.outcome(Sample.first, absent)])
    #expect(ended.condemned.map(\.evidence) == [.notExecuted] && ended.isFinal)
    let held = Sample.operation(
      .automatic,
      given + [.outcome(Sample.first, Sample.settled(.authorized)), .outcome(Sample.first, absent)])
    #expect(held.condemned.map(\.evidence) == [.authorized] && !held.isFinal)
    // Money that shows up all the same is given back.
    guard
      case .moved(let late, let actions) = OperationMachine.next(
        ended, .outcome(Sample.first, Sample.settled(.captured)))
    else { throw OperationRefusal.attemptUnknown }
    #expect(late.condemned.map(\.evidence) == [.captured])
    #expect(actions.contains(.alert(.orphanCaptured, Sample.first)))
    #expect(actions.contains(.ensureReversal(Sample.first)))
  }

  /// Interleavings 2: a job gives back only what the operation has condemned, or releases.
  @Test func onlyWhatIsCondemnedIsReversed() {
    let open = [Sample.start(Sample.first), .outcome(Sample.first, Self.undecided)]
    let won = [Sample.start(Sample.first), .outcome(Sample.first, Sample.settled(.authorized))]
    func step(_ method: Operation.CaptureMethod, _ events: [OperationEvent]) -> ReversalStep {
      ReversalRule.step(
        about: Sample.first, in: Sample.operation(method, events), isFresh: true, returnedMinor: 0)
    }
    #expect(step(.automatic, open) == .wait)
    #expect(step(.manual, won) == .wait)
    #expect(
      step(.manual, won + [.close(.canceled, onlyIfUnsent: false)]) == .cancel(reference: "pi_1"))
  }
}
