import Testing
import Wire

@testable import CommandLineTool

/// Forecasts as people see them.
struct ForecastTextTests {
  private static let forecast = LedgerV1.CashForecast(
    gateway: "stripe",
    gatewayAccount: "acct_1OaBcDeFgHiJkLmNo",
    currency: "EUR",
    openMinor: 123_456_789_012,
    feesMinor: 3_086_419_725,
    overdueMinor: 100,
    lagSource: .observed,
    observations: 1_234,
    lagP10Days: 2,
    lagP50Days: 2,
    lagP90Days: 3,
    calendar: "target2",
    days: [
      LedgerV1.ForecastDay(
        day: "2026-12-01",
        p10Minor: 0,
        p50Minor: 120_370_369_287,
        p90Minor: 120_370_369_287
      )
    ],
    methods: [("card", Int64(120_000_000_000)), ("sepa_debit", 370_369_287)].map { method, minor in
      LedgerV1.MethodForecast(
        method: method,
        openMinor: minor,
        lagSource: .observed,
        observations: 1_234,
        lagP10Days: 2,
        lagP50Days: 2,
        lagP90Days: 3,
        days: [LedgerV1.ForecastDay(day: "2026-12-01", p50Minor: minor, p90Minor: minor)]
      )
    }
  )

  @Test func tablesFitATerminal() {
    let lines = ForecastAnswer(Self.forecast).lines
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines.count == 10)
    #expect(lines[0].hasSuffix(" test") && lines[1].contains("1234567890.12 EUR"))
    #expect(lines[2].contains("2 to 3, mostly 2 (1234 seen)"))
    for (line, method) in zip(lines[4...6], ["card", "sepa_debit", "all"]) {
      #expect(line.hasPrefix("  2026-12-01  \(method)") && line.contains("0.00 EUR"))
    }
    #expect(lines[8].hasPrefix("  card") && lines[9].hasPrefix("  sepa_debit"))
    // Of one method there is one line a day.
    var one = Self.forecast
    one.methods = [one.methods[0]]
    #expect(ForecastAnswer(one).lines.count == 5)
  }

  @Test func everyDayIsALineOfValues() {
    var empty = Self.forecast
    empty.days = []
    empty.methods = []
    empty.lagSource = .contract
    let lines = ForecastAnswer.csv([Self.forecast, empty].map { ForecastAnswer($0) })
    #expect(lines.count == 5)
    let cells = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
    #expect(Set(cells) == [ForecastAnswer.csvHead.count])
    #expect(lines[1].contains(",EUR,all,2026") && lines[2].contains(",EUR,card,2026"))
    #expect(lines[4].hasSuffix(",contract"))
  }

  @Test func errorsHaveATableForEachAccount() {
    let row = ForecastErrorRow(
      LedgerV1.ForecastError(
        gateway: "stripe",
        gatewayAccount: "acct_1",
        livemode: true,
        currency: "EUR",
        horizonDays: 2,
        scores: 30,
        coveragePercent: 83.333,
        biasPercent: -0.26
      )
    )
    let lines = ForecastErrorRow.table([row])
    #expect(lines[0] == "stripe:acct_1 live EUR" && lines.count == 3)
    #expect(lines.allSatisfy { $0.count <= 100 })
    // Without anything that came there is no MAPE.
    #expect(row.cells.suffix(3) == ["-", "83.3", "-0.3"])
    #expect(row.cells.count == ForecastErrorRow.csvHead.count)
  }
}
