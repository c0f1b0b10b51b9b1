import LedgerCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Takes over what moved on clearing accounts, makes each day's forecast once, scores those whose
/// days are known, and opens breaks for what is overdue: at one replica by lease, account after
/// account. Times are the database's.
final class ForecastKeeper: Sendable {
  /// How often a replica looks.
  static let lookInterval = Duration.seconds(300)
  /// Pieces of the books that one look takes of an account.
  static let piecesMax = 500

  private let environment: ServiceEnvironment
  private let settings: ForecastSettings
  private let worker: WorkerLoop
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))

  init(_ environment: ServiceEnvironment, _ settings: ForecastSettings) {
    self.environment = environment
    self.settings = settings
    worker = WorkerLoop("forecast keeper", environment, every: Self.lookInterval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Answers how many forecasts were made.
  ///
  /// - Parameter day: for tests; the database's day without it.
  @discardableResult
  func work(on day: CivilDate? = nil) async throws -> Int {
    let now = try await environment.database.query(ForecastStore.now()).single()[
      0,
      as: Timestamp.self
    ]
    let today = day ?? now.date
    let found = try await environment.database.query(ClearingPages.accounts())
      .compactMap { try ClearingPages.decode($0) }
    let accounts = Dictionary(grouping: found, by: \.account)
    var made = 0
    for account in accounts.keys.sorted(by: { $0.path < $1.path }) where !Task.isCancelled {
      guard
        let lease = try await WorkerLease.acquire(
          "forecast \(account.path)",
          holder: holder,
          environment.database
        )
      else { continue }
      let currencies = (accounts[account] ?? []).map(\.currency)
      guard try await takeAll(account, currencies, lease) else { continue }
      made += try await forecast(account, today, lease)
    }
    return made
  }

  // MARK: Parts

  /// False when the lease was lost on the way, or the books are too far ahead for one look.
  private func takeAll(
    _ account: GatewayAccount,
    _ currencies: [Currency],
    _ lease: WorkerLease
  ) async throws -> Bool {
    let cutOffs = currencies.map { currency in
      (
        currency: currency,
        minute: settings.contracts.terms(of: account, currency).cutOffMinute
      )
    }
    for _ in 0..<Self.piecesMax {
      let isMore: Bool? = try await environment.database.transaction { transaction in
        let head = try await transaction.batch([
          lease.renewal(), HistoryStore.end(), ForecastStore.lastTaken(account),
        ])
        // Somebody else goes on when the lease is lost.
        guard head[0].affected == 1 else { return nil }
        let last = try head[2].single()[0, as: UUIDBits.self]
        let end = try await transaction.query(
          ClearingPages.end(
            account,
            after: last,
            through: try head[1].single()[0, as: UUIDBits.self]
          )
        )
        guard let place = try end.first?[0, as: UUIDBits.self] else { return false }
        _ = try await transaction.query(
          ForecastStore.take(account, after: last, through: place, cutOffs: cutOffs)
        )
        return true
      }
      guard let isMore else { return false }
      if !isMore { return true }
    }
    return false
  }

  /// What is overdue first: a day whose forecast is there has had its breaks.
  private func forecast(
    _ account: GatewayAccount,
    _ today: CivilDate,
    _ lease: WorkerLease
  ) async throws -> Int {
    let (rows, done) = try await read(account, today)
    let due = try ForecastStore.histories(rows).filter { !done.contains($0.key) }
    guard !due.isEmpty else { return 0 }
    let forecasts = due.map { key, history in
      (
        key,
        SettlementForecast(
          // As the day began: what comes on it is another day's forecast.
          history,
          terms: settings.contracts.terms(of: account, key.currency),
          today: today,
          graceDays: settings.graceDays,
          observationsMin: settings.observationsMin
        )
      )
    }
    let overdue = ForecastOverdue(environment: environment, settings: settings, lease: lease)
    for (book, itsForecasts) in Dictionary(grouping: forecasts, by: { $0.0.book })
      .sorted(by: { $0.key.text < $1.key.text })
    {
      let late: [ForecastOverdue.Late] = itsForecasts.flatMap { key, forecast in
        forecast.overdue.map { (currency: key.currency, overdue: $0) }
      }
      guard try await overdue.settle(book, late, today) else { return 0 }
    }
    return try await record(account, forecasts, today, lease)
  }

  private func read(
    _ account: GatewayAccount,
    _ today: CivilDate
  ) async throws -> (flows: Rows, done: Set<ForecastKey>) {
    let yesterday = CivilDate(daysSince1970: today.daysSince1970 - 1)
    let rows = try await environment.database.query(
      ForecastStore.flows(account, isLive: nil, nil, through: yesterday)
    )
    let done = try await environment.database.query(ForecastStore.made(account, on: today))
    return (rows, try ForecastStore.decodeKeys(done))
  }

  private func record(
    _ account: GatewayAccount,
    _ forecasts: [(ForecastKey, SettlementForecast)],
    _ today: CivilDate,
    _ lease: WorkerLease
  ) async throws -> Int {
    let (settings, stamp) = (settings, environment.stamp)
    return try await environment.database.transaction { transaction in
      guard try await transaction.query(lease.renewal()).affected == 1 else { return 0 }
      let earlier = try ForecastStore.decodeUnscored(
        try await transaction.query(ForecastStore.unscored(account, today: today))
      )
      // What came on later days too: those are not scored yet.
      let histories = try ForecastStore.histories(
        try await transaction.query(
          ForecastStore.flows(account, isLive: nil, nil, through: today)
        )
      )
      var statements = forecasts.flatMap { key, forecast in
        ForecastStore.insert(forecast, key, on: today, stamp)
      }
      for (key, history) in histories {
        let scores = (earlier[key] ?? [:]).sorted { $0.key < $1.key }.flatMap { madeOn, days in
          ForecastScore.scores(
            of: days,
            madeOn: madeOn,
            against: history,
            calendar: settings.contracts.terms(of: account, key.currency).calendar,
            today: today
          )
        }
        if !scores.isEmpty { statements.append(ForecastStore.insert(scores, key)) }
      }
      _ = try await transaction.batch(statements)
      return forecasts.count
    }
  }
}
