import LedgerCore
import Money
import Testing

/// When books and reports agree up to a day.
@Suite struct ReconSealRuleTests {
  static let day = CivilDate(daysSince1970: 20_000)

  /// A day that may be sealed, but for one thing.
  static func state(_ change: (inout ReconSealState) -> Void = { _ in }) -> ReconSealState {
    var state = ReconSealState(
      reportedThrough: day,
      totalsAgree: true,
      awaitedCount: 0,
      openBreakCount: 0
    )
    change(&state)
    return state
  }

  static let table: [(String, ReconSealRule.Refusal?, ReconSealState)] = [
    ("everything agrees", nil, state()),
    ("reports reach further", nil, state { $0.reportedThrough = CivilDate(daysSince1970: 20_001) }),
    ("no report", .reportsMissing(through: nil), state { $0.reportedThrough = nil }),
    (
      "the reports end earlier", .reportsMissing(through: CivilDate(daysSince1970: 19_999)),
      state { $0.reportedThrough = CivilDate(daysSince1970: 19_999) }
    ),
    ("totals deviate", .totalsDeviate, state { $0.totalsAgree = false }),
    ("a booking waits", .itemsAwaited(2), state { $0.awaitedCount = 2 }),
    ("a break is open", .breaksOpen(1), state { $0.openBreakCount = 1 }),
  ]

  @Test(arguments: table.indices)
  func whatStandsInTheWay(_ index: Int) {
    let (name, refusal, state) = Self.table[index]
    #expect(ReconSealRule.refusal(of: Self.day, state) == refusal, "\(name)")
  }

  /// One mends the first thing first.
  @Test func theFirstThingIsNamed() {
    var state = ReconSealState(
      reportedThrough: nil,
      totalsAgree: false,
      awaitedCount: 3,
      openBreakCount: 4
    )
    let mends: [(inout ReconSealState) -> Void] = [
      { $0.reportedThrough = Self.day }, { $0.totalsAgree = true }, { $0.awaitedCount = 0 },
      { $0.openBreakCount = 0 },
    ]
    var found: [ReconSealRule.Refusal?] = []
    for mend in mends {
      found.append(ReconSealRule.refusal(of: Self.day, state))
      mend(&state)
    }
    #expect(
      found == [.reportsMissing(through: nil), .totalsDeviate, .itemsAwaited(3), .breaksOpen(4)]
    )
    #expect(ReconSealRule.refusal(of: Self.day, state) == nil)
  }
}
