import Money
import Testing

@testable import GatewayCore

/// What holds a payment after a restore, and who ends it.
struct RestoreHoldTests {
  /// Of several rows the strictest counts: what is open before what is settled.
  @Test(arguments: [
    (false, false, false, RestoreHold.free), (false, false, true, .stands),
    (true, false, false, .pending), (true, false, true, .pending),
    (false, true, false, .forPeople), (false, true, true, .forPeople),
    (true, true, false, .forPeople), (true, true, true, .forPeople),
  ])
  func theStrictestCounts(
    _ pending: Bool, _ forPeople: Bool, _ stands: Bool, _ expected: RestoreHold
  ) {
    let hold = RestoreHold(pending: pending, forPeople: forPeople, stands: stands)
    #expect(hold == expected)
    #expect(hold.isUnresolved == (pending || forPeople))
  }

  /// A list that nobody has read holds nothing: people must hear which one it is.
  @Test func whatIsLeftIsSaid() {
    let list = "payments of stripe:main"
    let unread = RestoreRest(unread: ["refunds of stripe:b", list], isUnresolved: false)
    #expect(!unread.isOver && unread.words.contains("\(list), refunds of stripe:b."))
    #expect(!unread.words.contains("tender restore list"))
    let unresolved = RestoreRest(unread: [], isUnresolved: true)
    #expect(!unresolved.isOver && unresolved.words.contains("tender restore list"))
    #expect(RestoreRest(unread: [], isUnresolved: false).isOver)
    let both = RestoreRest(unread: [list], isUnresolved: true).words
    #expect(both.contains(list) && both.contains("tender restore list"))
  }

  private static func word(_ text: String) -> SettlementRule.Word {
    SettlementRule.Word(
      actor: String(text.prefix(1)), verdict: text.hasSuffix("+") ? .stands : .nothingLeft)
  }

  /// "a+": Ann says that it stands, "b-": Bob says that nothing is left.
  @Test(arguments: [
    ("", "a+", SettlementRule.Answer.said), ("a+", "a+", .secondPersonRequired),
    ("a+", "b+", .settled), ("a-", "b-", .settled), ("a+", "b-", .said), ("a+ b-", "a-", .settled),
    ("a+ b-", "a+", .said), ("a+ b-", "b-", .secondPersonRequired), ("a+ b-", "b+", .settled),
    ("a+ b-", "c+", .said), ("a+ b-", "c-", .settled), ("a+ a-", "b+", .said),
    ("a+ a-", "b-", .settled), ("a+", "a-", .said),
  ])
  func twoWhoSayTheSameSettle(
    _ before: String, _ now: String, _ expected: SettlementRule.Answer
  ) {
    let words = before.split(separator: " ").map { Self.word(String($0)) }
    #expect(SettlementRule.answer(to: Self.word(now), after: words) == expected)
  }

  /// Whatever was said, nobody settles alone, and nothing that nobody else has said.
  @Test func nobodySettlesAlone() {
    let all = ["a+", "a-", "b+", "b-", "c+", "c-"].map(Self.word)
    for first in all {
      for second in all {
        for last in all
        where SettlementRule.answer(to: last, after: [first, second]) == .settled {
          let others = [first, second].filter { $0.actor != last.actor }
          #expect(others.contains { $0.verdict == last.verdict }, "\(first) \(second) \(last)")
        }
      }
    }
  }

  @Test func aRefundThatWasSeenIsToldOnce() {
    let step = RefundMachine.seen(RefundID(bits: 1), Sample.amount, reference: "re_1")
    #expect(step.refund.state == .succeeded && step.refund.hasSucceeded)
    #expect(step.refund.reference == "re_1" && step.facts == [.refunded] && step.alerts == [])
    #expect(step.refund.reservedMinor == Sample.amount.minor)
  }
}
