import Money
import Testing

@testable import GatewayCore

/// What two people may say about what nothing else proves, and what follows from it.
struct ResolutionTests {
  private static let day = ReversalSchedule.alertSeconds

  /// An operation that was given up with one attempt in this state.
  private static func givenUp(_ outcomes: [Outcome]) -> Operation {
    Sample.operation(
      .automatic,
      [Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer)]
        + [.close(.gaveUp, onlyIfUnsent: false)] + outcomes.map { .outcome(Sample.first, $0) })
  }

  private static func refusal(
    _ kind: Attestation.Kind, _ operation: Operation, age: Int64 = day
  ) -> ResolutionRule.Refusal? {
    do throws(ResolutionRule.Refusal) {
      try ResolutionRule.check(kind, about: Sample.first, in: operation, ageSeconds: age)
      return nil
    } catch { return error }
  }

  @Test func onePersonIsNotEnough() {
    #expect(Attestation(.neverExisted, proposedBy: "operator:a", approvedBy: "operator:a") == nil)
    #expect(Attestation(.neverExisted, proposedBy: "", approvedBy: "operator:a") == nil)
  }

  /// Rows: what is known; columns: canceled, refunded, never existed. `+` may be said, `!` contradicts
  /// what the gateway has shown, `-` nothing is unproven.
  @Test(arguments: [
    ([], "+++"), ([Sample.bankPending], "++!"), ([Sample.action], "++!"),
    ([Sample.settled(.authorized)], "++!"), ([Sample.settled(.captured)], "!+!"),
    ([Sample.declined(.never)], "+!!"), ([Sample.settled(.canceled)], "---"),
    ([Sample.settled(.captured), Sample.settled(.refunded)], "---"),
  ] as [([Outcome], String)])
  func theirWordNeverTakesBackWhatAGatewayHasShown(_ outcomes: [Outcome], _ expected: String) {
    let operation = Self.givenUp(outcomes)
    let found = Attestation.Kind.allCases.map { kind in
      switch Self.refusal(kind, operation) {
      case nil: "+"
      case .contradictsEvidence: "!"
      case .notUnproven: "-"
      case .tooEarly: "?"
      }
    }.joined()
    #expect(found == expected)
  }

  @Test func theJobsComeFirst() {
    #expect(Self.refusal(.neverExisted, Self.givenUp([]), age: Self.day - 1) == .tooEarly)
  }

  @Test func whatMayStillWinIsNotTheirs() {
    let open = Sample.operation(
      .automatic, [Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer)])
    let won = Sample.operation(
      .manual, [Sample.start(Sample.first), .outcome(Sample.first, Sample.settled(.authorized))])
    for operation in [open, won] {
      #expect(Self.refusal(.canceledAtGateway, operation) == .notUnproven)
    }
    guard case .moved(let releasing, _) = OperationMachine.next(won, .close(.canceled, onlyIfUnsent: false))
    else {
      Issue.record("not released")
      return
    }
    #expect(Self.refusal(.canceledAtGateway, releasing) == nil)
    #expect(Self.refusal(.refundedAtGateway, releasing) == .contradictsEvidence)
    #expect(Self.facts(.canceledAtGateway, releasing).1 == [.canceled])
  }

  private static func facts(
    _ kind: Attestation.Kind, _ operation: Operation
  ) -> (Operation, [Fact.Kind]) {
    guard
      case .moved(let next, let actions) = OperationMachine.next(
        operation, .attested(Sample.first, RefundTests.seen(kind)))
    else { return (operation, []) }
    #expect(actions.contains(.finishReversal(Sample.first)))
    return (
      next,
      actions.compactMap { if case .writeFact(let fact) = $0 { fact.kind } else { nil } }
    )
  }

  /// The last word about the operation follows, and money that was taken and given back is told.
  @Test func whatTheySayIsKnownFromThen() {
    let cases: [(Attestation.Kind, [Outcome], [Fact.Kind])] = [
      (.neverExisted, [], [.notExecuted]), (.canceledAtGateway, [], [.canceled]),
      (.refundedAtGateway, [], [.orphanCaptured, .orphanReversed, .canceled]),
      (.refundedAtGateway, [Sample.settled(.captured)], [.orphanReversed, .canceled]),
    ]
    for (kind, outcomes, expected) in cases {
      let (next, facts) = Self.facts(kind, Self.givenUp(outcomes))
      #expect(facts == expected && next.isFinal)
    }
  }

  // MARK: Refunds

  @Test(arguments: [
    (Refund.State.unknown, Int64(3_600), "++?"), (.unknown, 90_000, "+++"), (.sending, 3_599, "???"),
    (.accepted, 86_399, "???"), (.accepted, 86_400, "++!"), (.queued, 90_000, "---"),
    (.succeeded, 90_000, "---"), (.failed, 90_000, "---"),
  ])
  func whatMayBeSaidOfARefund(_ state: Refund.State, _ age: Int64, _ expected: String) {
    let found = Attestation.Kind.allCases.map { kind in
      do throws(ResolutionRule.Refusal) {
        try ResolutionRule.check(
          kind, about: RefundTests.refund(state), at: .stripe, ageSeconds: age)
        return "+"
      } catch {
        return switch error {
        case .contradictsEvidence: "!"
        case .notUnproven: "-"
        case .tooEarly: "?"
        }
      }
    }.joined()
    #expect(found == expected)
  }

  // MARK: Orphans

  /// What it took counts for both movements, also when it is less than the order.
  @Test func anOrphanIsGivenBackAsItWasTaken() {
    let part = Amount(.eur, minor: 1_200)
    let held = Self.givenUp([Sample.settled(.captured, part)])
    #expect(held.condemned.map(\.orphanMinor) == [1_200])
    #expect(held.amount(of: held.condemned[0]) == part)
    guard
      case .moved(_, let actions) = OperationMachine.next(
        held, .outcome(Sample.first, Sample.settled(.refunded)))
    else {
      Issue.record("nothing moved")
      return
    }
    let told = actions.compactMap { action -> Amount? in
      if case .writeFact(let fact) = action, fact.kind == .orphanReversed { fact.amount } else { nil }
    }
    #expect(told == [part])
  }

  /// Nothing moved: nothing is told that would be booked.
  @Test func aVoidedAuthorizationIsNoOrphan() {
    let held = Self.givenUp([Sample.settled(.authorized)])
    guard
      case .moved(_, let actions) = OperationMachine.next(
        held, .outcome(Sample.first, Sample.settled(.canceled)))
    else {
      Issue.record("nothing moved")
      return
    }
    let kinds = actions.compactMap { action -> Fact.Kind? in
      if case .writeFact(let fact) = action { fact.kind } else { nil }
    }
    #expect(kinds == [.canceled])
  }
}
