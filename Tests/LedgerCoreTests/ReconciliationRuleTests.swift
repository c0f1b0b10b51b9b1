import LedgerCore
import Money
import Testing

/// Fees, ages, the life of a break, and the control total.
struct ReconciliationRuleTests {
  static let stripe = GatewayAccount(gateway: "stripe", account: "acct_1")

  /// 1 % and 0.25.
  @Test(
    arguments: [
      (4_999, 75, true), (4_999, 76, true), (4_999, 77, false), (4_999, 73, false), (0, 25, true),
      (50, 26, true), (49, 25, true), (-1, 25, false), (Int64.max, 25, false),
      (4_999, Int64.min, false),
    ] as [(Int64, Int64, Bool)]
  )
  func fees(gross: Int64, fee: Int64, isAgreed: Bool) throws {
    let schedule = try FeeSchedule(parsing: "stripe acct_1 EUR 100 25 1; adyen Main EUR 95 12 0;")
    let terms = try #require(schedule.terms(at: Self.stripe).first)
    #expect(schedule.terms.count == 2 && terms.currency == .eur)
    #expect(terms.allows(feeMinor: fee, ofGross: gross) == isAgreed)
  }

  @Test(arguments: [
    "stripe acct_1 EUR 100 25", "stripe acct_1 EURO 100 25 0", "stripe acct_1 EUR -1 25 0",
    "stripe acct_1 EUR 10001 25 0", "stripe acct_1 EUR 1.5 25 0",
    "stripe acct_1 EUR 1 1 0; stripe acct_1 EUR 2 1 0",
  ])
  func badSchedules(text: String) {
    #expect(throws: FeeSchedule.Mistake.self) { try FeeSchedule(parsing: text) }
  }

  @Test(arguments: [
    (-1, BreakAge.fresh), (0, .fresh), (1, .day1), (2, .days2), (4, .days2), (5, .days5),
    (400, .days5),
  ])
  func ages(days: Int, age: BreakAge) { #expect(BreakAge(days: days) == age) }

  @Test(arguments: [
    (ReconClass.missingInternal, 0, BreakSeverity.warning), (.missingInternal, 4, .warning),
    (.missingInternal, 5, .critical), (.feeMismatch, 0, .info), (.feeMismatch, 2, .warning),
    (.feeMismatch, 9, .warning), (.matched, 9, .info), (.timing, 9, .info),
  ])
  func severities(reconClass: ReconClass, days: Int, expected: BreakSeverity) {
    #expect(BreakSeverity(reconClass, age: BreakAge(days: days)) == expected)
  }

  /// Rows: the state. Columns: acknowledge, accept, snooze.
  @Test(arguments: [
    (BreakState.opened, [true, true, true]), (.reopened, [true, true, true]),
    (.acknowledged, [false, true, true]), (.snoozed, [true, true, false]),
    (.accepted, [false, false, false]), (.resolved, [false, false, false]),
  ])
  func whatPeopleMayDo(state: BreakState, allowed: [Bool]) {
    #expect(BreakAction.allCases.map { BreakMachine.allows($0, in: state) } == allowed)
  }

  @Test func aRunEndsAndReopensEverything() {
    for state in BreakState.allCases where state != .resolved {
      #expect(BreakMachine.steps[state]?.contains(.resolved) == true, "\(state)")
    }
    for state in [BreakState.resolved, .accepted, .snoozed, .acknowledged] {
      #expect(BreakMachine.steps[state]?.contains(.reopened) == true, "\(state)")
    }
  }

  /// Three captures of 49.99; two are reported with a fee of 0.75 each, and paid out.
  @Test func theClearingAccountComesToRest() {
    var total = ControlTotal(
      currency: .eur,
      clearingBalanceMinor: 14_997,
      openItemsMinor: 4_999,
      pairedItemsMinor: 9_998,
      pairedLinesMinor: 9_998,
      unbookedLinesMinor: -9_848,
      feesMinor: 150
    )
    #expect(total.deviationMinor == 0 && total.afterBookingMinor == total.openItemsMinor)
    // One more cent on the account than its items have.
    total.clearingBalanceMinor += 1
    #expect(total.deviationMinor == 1)
  }
}
