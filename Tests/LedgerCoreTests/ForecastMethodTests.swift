import LedgerCore
import Money
import Testing

/// What the forecast tells apart by payment method.
struct ForecastMethodTests {
  private static func day(_ text: String) -> CivilDate { BusinessCalendarTests.day(text) }

  /// Monday to Friday.
  private static let week = (2...6).map { day("2026-11-0\($0)") }

  private static func forecast(_ flows: [ClearingFlow], _ today: String) -> SettlementForecast {
    SettlementForecast(
      ClearingHistory(flows),
      terms: SettlementTerms(calendar: .target2, lagDays: 3),
      today: day(today)
    )
  }

  private static func parts(_ history: ClearingHistory) -> [String] {
    history.paid.map { "\($0.from) \($0.method.rawValue) \($0.on) \($0.amountMinor)" }
  }

  /// 300 of cards and 100 of debits on Monday, 100 of debits on Tuesday.
  private static let mixed = [
    ClearingFlow(week[0], .card, in: 300), ClearingFlow(week[0], .sepaDebit, in: 100),
    ClearingFlow(week[1], .sepaDebit, in: 100),
  ]

  @Test func aPayoutIsOfAllMethodsByWhatIsOpen() {
    #expect(
      Self.parts(ClearingHistory(Self.mixed + [ClearingFlow(Self.week[2], paid: 200)])) == [
        "2026-11-02 card 2026-11-04 150", "2026-11-02 sepa_debit 2026-11-04 50",
      ]
    )
    // One that says its method is of that, and of the others only what is left.
    #expect(
      Self.parts(
        ClearingHistory(Self.mixed + [ClearingFlow(Self.week[2], .sepaDebit, paid: 250)])
      ) == [
        "2026-11-02 sepa_debit 2026-11-04 100", "2026-11-03 sepa_debit 2026-11-04 100",
        "2026-11-02 card 2026-11-04 50",
      ]
    )
    // A refund of a card leaves debits as they are.
    let refunded = ClearingHistory(Self.mixed + [ClearingFlow(Self.week[2], .card, out: 120)])
    #expect(refunded.days.map(\.openMinor) == [180, 100, 100, 0])
    // A fee that says nothing is of the day's money.
    let fees = ClearingHistory(Self.mixed + [ClearingFlow(Self.week[0], fee: 8)])
    #expect(fees.days.map(\.feeMinor) == [6, 2, 0, 0])
    #expect(fees.openMinor == 492 && fees.deficitMinor == 0)
  }

  /// Cards after two business days, debits after four: each is expected when its kind comes.
  @Test func lagsAreObservedByMethod() {
    var flows: [ClearingFlow] = []
    var day = Self.day("2026-09-01")
    for _ in 0..<20 {
      for (method, lag) in [(PaidMethod.card, 2), (.sepaDebit, 4)] {
        flows.append(ClearingFlow(day, method, in: 1_000))
        flows.append(
          ClearingFlow(BusinessCalendar.target2.day(lag, after: day), method, paid: 1_000)
        )
      }
      day = BusinessCalendar.target2.day(1, after: day)
    }
    flows.append(ClearingFlow(Self.day("2026-11-02"), .card, in: 700))
    flows.append(ClearingFlow(Self.day("2026-11-02"), .sepaDebit, in: 50))
    let forecast = Self.forecast(Self.merged(flows), "2026-11-03")
    #expect(forecast.days.map(\.day.description) == ["2026-11-04", "2026-11-06"])
    #expect(forecast.days.map { [$0.p10Minor, $0.p90Minor] } == [[700, 700], [50, 50]])
    #expect(forecast.methods.map(\.method) == [.card, .sepaDebit])
    #expect(forecast.methods.map { $0.part.lags.quantile(0.5) } == [2, 4])
    #expect(forecast.methods.map { $0.part.days.map(\.p50Minor) } == [[700], [50]])
    // Of what nobody has seen paid yet, the account's.
    flows.append(ClearingFlow(Self.day("2026-11-02"), in: 9))
    let unknown = Self.forecast(Self.merged(flows), "2026-11-03").methods.last
    #expect(unknown?.method == .unknown && unknown?.part.lags.source == .observed)
    #expect(unknown?.part.lags.quantile(0.9) == 4)
  }

  /// One for each day and method.
  private static func merged(_ flows: [ClearingFlow]) -> [ClearingFlow] {
    Dictionary(grouping: flows) { "\($0.day) \($0.method)" }.values.map { flows in
      var sum = flows[0]
      for flow in flows.dropFirst() {
        sum.inMinor += flow.inMinor
        sum.paidMinor += flow.paidMinor
      }
      return sum
    }
  }

  /// Debits may take their time where cards are late.
  @Test func eachMethodIsOverdueByItself() {
    var flows: [ClearingFlow] = []
    var day = Self.day("2026-09-01")
    for _ in 0..<12 {
      for (method, lag) in [(PaidMethod.card, 1), (.sepaDebit, 8)] {
        flows.append(ClearingFlow(day, method, in: 1_000))
        flows.append(
          ClearingFlow(BusinessCalendar.target2.day(lag, after: day), method, paid: 1_000)
        )
      }
      day = BusinessCalendar.target2.day(1, after: day)
    }
    for method in [PaidMethod.card, .sepaDebit] {
      flows.append(ClearingFlow(Self.day("2026-11-02"), method, in: 500))
    }
    let forecast = Self.forecast(Self.merged(flows), "2026-11-09")
    #expect(forecast.overdue.map(\.method) == [.card])
    #expect(forecast.overdueMinor == 500 && forecast.openMinor == 1_000)
  }

  /// 1,000 on each of 40 business days, one in four paid a day later than the others, by payouts that
  /// name no method; then what is on its way.
  private static func split(_ shares: [(PaidMethod, Int64)], days: [String]) -> [ClearingFlow] {
    var paid: [CivilDate: Int64] = [:]
    var flows: [ClearingFlow] = []
    var day = day("2026-08-03")
    for number in 0..<40 {
      flows += shares.map { ClearingFlow(day, $0.0, in: $0.1) }
      paid[BusinessCalendar.target2.day(number % 4 == 3 ? 3 : 2, after: day), default: 0] += 1_000
      day = BusinessCalendar.target2.day(1, after: day)
    }
    for name in days { flows += shares.map { ClearingFlow(Self.day(name), $0.0, in: $0.1) } }
    for (day, amount) in paid { flows.append(ClearingFlow(day, paid: amount)) }
    return merged(flows)
  }

  /// That intents says how money was paid makes nobody surer of when it comes.
  @Test(arguments: [["2026-11-02"], ["2026-11-02", "2026-11-03"]])
  func methodsOfOneLagAreAsUncertainAsTheirSum(_ days: [String]) {
    let whole = Self.forecast(Self.split([(.unknown, 1_000)], days: days), "2026-11-03")
    let bands = whole.days.map { [$0.p10Minor, $0.p50Minor, $0.p90Minor] }
    #expect(
      bands == (days.count == 1
        ? [[0, 1_000, 1_000], [0, 0, 1_000]]
        : [[0, 1_000, 1_000], [0, 1_000, 2_000], [0, 0, 1_000]])
    )
    for shares: [(PaidMethod, Int64)] in [
      [(.card, 500), (.sepaDebit, 500)], [(.card, 700), (.sepaDebit, 200), (.unknown, 100)],
    ] {
      let forecast = Self.forecast(Self.split(shares, days: days), "2026-11-03")
      #expect(forecast.methods.count == shares.count)
      #expect(forecast.days == whole.days)
    }
  }

  /// Rows that nobody could have booked.
  @Test func sumsBeyondTheirTypeWrap() {
    let flows = [
      ClearingFlow(Self.week[0], .card, in: .max), ClearingFlow(Self.week[0], .sepaDebit, in: .max),
      ClearingFlow(Self.week[0], fee: 1), ClearingFlow(Self.week[1], paid: 2),
    ]
    #expect(ClearingHistory(flows).deficitMinor == 3)
    #expect(Self.forecast(flows, "2026-11-04").openMinor == -2)
  }
}
