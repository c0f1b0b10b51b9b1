import ArgumentParser
import Money
import Wire

/// What gateways will pay out, and how good that forecast has been.
struct ReconForecast: Command {
  static let configuration = CommandConfiguration(
    commandName: "forecast",
    abstract:
      "Show what gateways are expected to pay out, by day; with --errors how right that was.",
    discussion: """
      p10, p50 and p90: with a probability of nine in ten at least, half of the time, and at most \
      so much comes on that day. Days before today are awaited: paid perhaps, and not reported yet. \
      By payment method as well, as far as postings say it; p50 of all methods is the day's.
      """
  )
  static let daysDefault: UInt32 = 30
  static let errorDaysDefault: UInt32 = 90

  @OptionGroup var common: CommonOptions
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument?
  @Flag(help: "With --gateway: of its live books; without it of its test ones.") var live = false
  @Option(help: "Only this currency, such as EUR.") var currency: String?
  @Option(help: "How many days ahead (30, at most 120); with --errors how many back (90, 400).")
  var days: UInt32?
  @Flag(help: "How far the forecasts of days that are known were off.") var errors = false
  @Flag(help: "Print comma-separated values.") var csv = false

  func perform(_ output: Output) async throws -> ExitStatus {
    guard gateway != nil || !live else {
      throw Failure("--live names no account", next: "add --gateway", status: .usage)
    }
    let daysMax: UInt32 = errors ? 400 : 120
    guard (1...daysMax).contains(days ?? 1) else {
      throw Failure(
        "--days \(days ?? 0) is out of range",
        next: "name 1 to \(daysMax)",
        status: .usage
      )
    }
    if errors { return try await showErrors(output) }
    let request = LedgerV1.GetForecastRequest(
      gateway: gateway?.gateway ?? "",
      gatewayAccount: gateway?.account ?? "",
      livemode: live,
      currency: currency ?? "",
      days: days ?? Self.daysDefault
    )
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.Forecasts.Client(wrapping: client).getForecast(request)
      }
    }
    let answers = found.forecasts.map(ForecastAnswer.init)
    try output.result(answers) {
      if csv { return ForecastAnswer.csv(answers) }
      return answers.isEmpty
        ? [
          "no clearing account has moved yet, as far as the ledger looked: every 5 minutes"
        ]
        : answers.flatMap { $0.lines }
    }
    return .succeeded
  }

  private func showErrors(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.GetForecastErrorsRequest(
      gateway: gateway?.gateway ?? "",
      gatewayAccount: gateway?.account ?? "",
      livemode: live,
      currency: currency ?? "",
      days: days ?? Self.errorDaysDefault
    )
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.Forecasts.Client(wrapping: client).getForecastErrors(request)
      }
    }
    let rows = found.errors.map(ForecastErrorRow.init)
    try output.result(rows) {
      if csv { return LedgerText.csv(ForecastErrorRow.csvHead, rows.map(\.cells)) }
      return rows.isEmpty
        ? ["no forecast is scored yet: a day is known two business days after its end"]
        : ForecastErrorRow.table(rows)
    }
    return .succeeded
  }
}

/// An account's forecast in one currency as people see it. Amounts are in minor units.
struct ForecastAnswer: Encodable {
  struct Day: Encodable {
    let day: String
    let p10Minor: Int64
    let p50Minor: Int64
    let p90Minor: Int64

    init(_ found: LedgerV1.ForecastDay) {
      day = found.day
      (p10Minor, p50Minor, p90Minor) = (found.p10Minor, found.p50Minor, found.p90Minor)
    }
  }

  /// What is expected of the money of one payment method.
  struct Method: Encodable {
    let method: String
    let openMinor: Int64
    let feesMinor: Int64
    let overdueMinor: Int64
    let lagSource: String
    let observations: UInt32
    let lagP10Days: UInt32
    let lagP50Days: UInt32
    let lagP90Days: UInt32
    let days: [Day]

    init(_ found: LedgerV1.MethodForecast) {
      method = found.method
      openMinor = found.openMinor
      feesMinor = found.feesMinor
      overdueMinor = found.overdueMinor
      lagSource = WireText.word(found.lagSource, "FORECAST_LAG_SOURCE_")
      observations = found.observations
      (lagP10Days, lagP50Days) = (found.lagP10Days, found.lagP50Days)
      lagP90Days = found.lagP90Days
      days = found.days.map(Day.init)
    }

    var lag: String {
      lagSource == "observed"
        ? "\(lagP10Days) to \(lagP90Days), mostly \(lagP50Days) (\(observations) seen)"
        : "\(lagP50Days) by contract (\(observations) seen)"
    }
  }

  let account: String
  let mode: String
  let currency: String
  let openMinor: Int64
  let feesMinor: Int64
  let overdueMinor: Int64
  let lagSource: String
  let observations: UInt32
  let lagP10Days: UInt32
  let lagP50Days: UInt32
  let lagP90Days: UInt32
  let calendar: String
  let days: [Day]
  let methods: [Method]

  init(_ found: LedgerV1.CashForecast) {
    account = "\(found.gateway):\(found.gatewayAccount)"
    mode = LiveBooks.word(found.livemode)
    currency = found.currency
    openMinor = found.openMinor
    feesMinor = found.feesMinor
    overdueMinor = found.overdueMinor
    lagSource = WireText.word(found.lagSource, "FORECAST_LAG_SOURCE_")
    observations = found.observations
    (lagP10Days, lagP50Days) = (found.lagP10Days, found.lagP50Days)
    lagP90Days = found.lagP90Days
    calendar = found.calendar
    days = found.days.map(Day.init)
    methods = found.methods.map(Method.init)
  }

  private func amount(_ minor: Int64) -> String { LedgerText.amount(minor, currency) }

  var lines: [String] {
    let lag =
      lagSource == "observed"
      ? "\(lagP10Days) to \(lagP90Days), mostly \(lagP50Days) (\(observations) seen)"
      : "\(lagP50Days) by contract (\(observations) seen)"
    return [
      "\(account) \(mode)",
      "  open \(amount(openMinor)), of it fees \(amount(feesMinor)), "
        + "overdue \(amount(overdueMinor))",
      "  business days until payout: \(lag); calendar \(calendar)",
    ]
      + (days.isEmpty ? [] : Table.lines(["  day", "method", "p10", "p50", "p90"], rows))
      + methodLines
  }

  /// A row for each day and method; where there are several, the day's whole behind them.
  private var rows: [[String]] {
    func row(_ day: Day, _ method: String) -> [String] {
      ["  \(day.day)", method, amount(day.p10Minor), amount(day.p50Minor), amount(day.p90Minor)]
    }
    return days.flatMap { day in
      let parts = methods.flatMap { method in
        method.days.filter { $0.day == day.day }.map { row($0, method.method) }
      }
      return parts.count == 1 ? parts : parts + [row(day, "all")]
    }
  }

  private var methodLines: [String] {
    methods.count < 2
      ? []
      : Table.lines(
        ["  method", "open", "overdue", "business days until payout"],
        methods.map { ["  \($0.method)", amount($0.openMinor), amount($0.overdueMinor), $0.lag] })
  }

  static let csvHead = [
    "account", "mode", "currency", "method", "day", "p10", "p50", "p90", "open", "fees", "overdue",
    "lag_source",
  ]

  /// A line for each day, of all methods and of each; one without a day where nothing is expected.
  static func csv(_ answers: [ForecastAnswer]) -> [String] {
    LedgerText.csv(
      csvHead,
      answers.flatMap { answer in
        let whole = answer.rows(
          "all", answer.days, [answer.openMinor, answer.feesMinor, answer.overdueMinor],
          answer.lagSource)
        return whole
          + answer.methods.flatMap {
            answer.rows(
              $0.method, $0.days, [$0.openMinor, $0.feesMinor, $0.overdueMinor], $0.lagSource)
          }
      }
    )
  }

  private func rows(
    _ method: String, _ days: [Day], _ sums: [Int64], _ lagSource: String
  ) -> [[String]] {
    let cells =
      days.isEmpty
      ? [["", "", "", ""]]
      : days.map { [$0.day] + [$0.p10Minor, $0.p50Minor, $0.p90Minor].map(amount) }
    return cells.map {
      [account, mode, currency, method] + $0 + sums.map(amount) + [lagSource]
    }
  }
}

/// How good forecasts of one horizon were.
struct ForecastErrorRow: Encodable {
  let account: String
  let mode: String
  let currency: String
  let horizonDays: UInt32
  let scores: UInt32
  let mapePercent: Double?
  let coveragePercent: Double
  let biasPercent: Double?

  init(_ found: LedgerV1.ForecastError) {
    account = "\(found.gateway):\(found.gatewayAccount)"
    mode = LiveBooks.word(found.livemode)
    currency = found.currency
    horizonDays = found.horizonDays
    scores = found.scores
    mapePercent = found.mapePercent
    coveragePercent = found.coveragePercent
    biasPercent = found.biasPercent
  }

  /// With one digit behind the point; what there is nothing to measure by is "-".
  private static func percent(_ value: Double?) -> String {
    guard let value else { return "-" }
    let tenths = Int64((value * 10).rounded())
    return "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
  }

  static let csvHead = [
    "account", "mode", "currency", "horizon_days", "scores", "mape_percent", "coverage_percent",
    "bias_percent",
  ]
  var cells: [String] {
    [
      account, mode, currency, String(horizonDays), String(scores), Self.percent(mapePercent),
      Self.percent(coveragePercent), Self.percent(biasPercent),
    ]
  }

  static func table(_ rows: [ForecastErrorRow]) -> [String] {
    Dictionary(grouping: rows) { "\($0.account) \($0.mode) \($0.currency)" }
      .sorted { $0.key < $1.key }.flatMap { head, rows in
        [head]
          + Table.lines(
            ["  business days ahead", "days", "MAPE %", "coverage %", "bias %"],
            rows.map { row in ["  \(row.horizonDays)"] + row.cells.suffix(4) }
          )
      }
  }
}
