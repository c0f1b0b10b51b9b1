import Money
import Testing

@testable import GatewayCore

/// A payer's bank takes back what a condemned attempt took: the payer has the money, and must not
/// get it from us as well.
struct OrphanReturnTests {
  private static let lost: [OperationEvent] = [
    Sample.start(Sample.first, .adyen, .charge),
    .outcome(Sample.first, .pending(Pending(reference: "psp1", kind: .bank))),
    .close(.gaveUp, onlyIfUnsent: false),
  ]
  private static let captured = lost + [
    .outcome(
      Sample.first,
      .succeeded(Settled(kind: .captured, reference: "psp1", amount: Sample.amount)))
  ]
  private static let back = OperationEvent.returned(Sample.first, Sample.bankReturn)
  private static let refunded = OperationEvent.outcome(Sample.first, Sample.settled(.refunded))

  private static func step(_ events: [OperationEvent]) -> ReversalStep {
    ReversalRule.step(
      about: Sample.first, in: Sample.operation(.automatic, events), isFresh: true, returnedMinor: 0)
  }

  private static func actions(
    _ event: OperationEvent, after events: [OperationEvent]
  ) -> [OperationAction] {
    let before = Sample.operation(.automatic, events)
    guard case .moved(_, let actions) = OperationMachine.next(before, event) else { return [] }
    return actions
  }

  private static func facts(_ actions: [OperationAction]) -> [Fact] {
    actions.compactMap { if case .writeFact(let fact) = $0 { fact } else { nil } }
  }

  @Test func theReturnEndsTheReversal() throws {
    #expect(Self.step(Self.captured) == .refund(reference: "psp1"))
    #expect(Self.step(Self.captured + [Self.back]) == .done)
    let actions = Self.actions(Self.back, after: Self.captured)
    #expect(actions.contains(.finishReversal(Sample.first)))
    #expect(actions.contains(.resolve(.orphanCaptured, Sample.first)))
    let facts = Self.facts(actions)
    #expect(facts.map(\.kind) == [.orphanReversed, .canceled])
    let reversed = try #require(facts.first)
    #expect(reversed.amount == Sample.amount && reversed.bankReturn == Sample.bankReturn)
  }

  /// Whether its capture was heard of or not: a return proves it.
  @Test func aReturnProvesTheCaptureThatNobodyToldOf() {
    let facts = Self.facts(Self.actions(Self.back, after: Self.lost))
    #expect(facts.map(\.kind) == [.orphanCaptured, .orphanReversed, .canceled])
    #expect(facts.first?.bankReturn == nil, "the capture is named by its attempt")
    #expect(Self.step(Self.lost + [Self.back]) == .done)
  }

  /// An older look, or one that does not know of the return, opens nothing again.
  @Test func nothingMakesItCapturedAgain() {
    let after = Self.captured + [Self.back]
    for kind in [Settled.Kind.captured, .authorized, .canceled] {
      #expect(Self.actions(.outcome(Sample.first, Sample.settled(kind)), after: after).isEmpty)
    }
  }

  /// The refund was under way when the bank acted: people claim one of the two back.
  @Test func bothWaysAreForPeople() {
    let alert = OperationAction.alert(.orphanPaidBackTwice, Sample.first)
    #expect(Self.actions(Self.refunded, after: Self.captured + [Self.back]) == [alert])
    #expect(Self.actions(Self.back, after: Self.captured + [Self.refunded]) == [alert])
    // A second movement; the first one told again is known by its row.
    #expect(Self.actions(Self.back, after: Self.captured + [Self.back]) == [alert])
  }

  /// A part of what was given back already came twice, like the whole: nobody is told to give back
  /// the rest.
  @Test func aPartBehindTheWholeIsBookedAndClaimed() throws {
    for given in [Self.refunded, Self.back] {
      let events = Self.captured + [given]
      let part = Sample.bankReturn.amount.minor - 1
      guard case .book(let back)? = try Self.verdict(minor: part, of: events) else {
        Issue.record("not booked after \(given)")
        continue
      }
      #expect(
        Self.actions(.returned(Sample.first, back), after: events)
          == [.alert(.orphanPaidBackTwice, Sample.first)])
    }
  }

  @Test func ofTheWinnerItIsNoOrphan() {
    let paid: [OperationEvent] = [
      Sample.start(Sample.first, .adyen, .charge),
      .outcome(Sample.first, Sample.settled(.captured)),
    ]
    let verdict = OperationMachine.next(Sample.operation(.automatic, paid), Self.back)
    #expect(verdict == .refused(.attemptUnknown))
  }

  // MARK: What a notice of it means

  private static func verdict(
    minor: Int64? = 4_999, account: String? = nil, returned: Int64 = 0,
    of events: [OperationEvent] = captured
  ) throws -> ReturnRule.Verdict? {
    let operation = Sample.operation(.automatic, events)
    var echo = Echo()
    echo.amount = minor.map { Amount(.eur, minor: $0) }
    echo.account = account
    return ReturnRule.verdict(
      NoticeRuleTests.notice(.returned(movement: "du_1", code: "MD06"), echo: echo),
      aboutCondemned: try #require(operation.condemned.first), taken: Sample.amount,
      returned: returned)
  }

  @Test func theWholeIsBookedAndAnythingElseStopsTheRefund() throws {
    #expect(try Self.verdict() == .book(Sample.bankReturn))
    let held: [ReturnRule.Verdict?] = [
      try Self.verdict(minor: 4_998), try Self.verdict(minor: 5_000), try Self.verdict(returned: 1),
    ]
    for verdict in held {
      guard case .hold? = verdict else {
        Issue.record("\(String(describing: verdict))")
        continue
      }
    }
    for verdict in [try Self.verdict(minor: nil), try Self.verdict(account: "another")] {
      guard case .alert("return_conflicts", _)? = verdict else {
        Issue.record("\(String(describing: verdict))")
        continue
      }
    }
  }

  @Test func aRefundThatFailsBehindTheReturnIsNoTrouble() throws {
    let returned = Sample.operation(.automatic, Self.captured + [Self.back])
    let failed = NoticeRuleTests.notice(.refund(.failed(code: "x")))
    guard case .ignore = try NoticeRuleTests.verdict(failed, returned) else {
      Issue.record("not ignored")
      return
    }
    guard
      case .alert("compensation_failed", _) = try NoticeRuleTests.verdict(
        failed, Sample.operation(.automatic, Self.captured))
    else {
      Issue.record("not an alert")
      return
    }
  }
}
