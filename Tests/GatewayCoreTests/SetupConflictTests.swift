import GatewayCore
import Money
import Testing

/// Who ends what contradicts a set-up.
struct SetupConflictTests {
  @Test func whatMayHoldMoney() {
    let (nothing, five) = (Amount(.eur, minor: 0), Amount(.eur, minor: 500))
    #expect(SetupConflict(.amount(asked: nothing, answered: five)) == .money)
    #expect(SetupConflict(.account(asked: "a", answered: "b")) == .money)
    #expect(SetupConflict(.reference(asked: "a", answered: "b")) == .answer)
  }

  @Test(arguments: [
    (.answer, [], .ended), (.answer, ["ann"], .ended),
    (.money, [], .said), (.money, ["ann"], .secondPersonRequired), (.money, ["bob"], .ended),
    (.money, ["ann", "bob"], .ended),
  ] as [(SetupConflict, [String], SetupReviewRule.Answer)])
  func twoPeopleWhereMoneyMayBeHeld(
    conflict: SetupConflict, people: [String], expected: SetupReviewRule.Answer
  ) {
    #expect(SetupReviewRule.answer(to: "ann", about: conflict, after: people) == expected)
  }
}
