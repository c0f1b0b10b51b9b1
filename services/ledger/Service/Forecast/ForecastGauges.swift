import LedgerCore
import Money
import Postgres
import ServiceKit

/// How good the forecasts of the last 30 days were, and what is overdue. Read when somebody asks.
struct ForecastGauges: Sendable {
  static let days = 30

  let database: PostgresClient

  func families() async throws -> [MetricFamily] {
    let rows = try await database.query(
      ForecastStore.scores(nil, isLive: true, nil, days: Self.days)
    )
    let errors = try ForecastStore.allErrors(rows)
    let overdue = try await database.query(
      """
      select count(*) from recon_break where class = 'missing_external'
        and state in ('opened', 'reopened', 'acknowledged')
      """
    ).single()[0, as: Int64.self]
    var families = [
      MetricFamily(
        "tender_forecast_scores",
        .gauge,
        "Scored days of the settlement forecast of live books, of the last 30 days.",
        Double(errors?.count ?? 0)
      ),
      MetricFamily(
        "tender_forecast_overdue_breaks",
        .gauge,
        "Open breaks of bookings that should have been reported or paid out.",
        Double(overdue)
      ),
    ]
    guard let errors else { return families }
    families.append(
      MetricFamily(
        "tender_forecast_coverage_ratio",
        .gauge,
        "Share of scored days between the forecast's 10th and 90th percentile; 0.8 is right.",
        errors.coveragePercent / 100
      )
    )
    if let mape = errors.mapePercent {
      families.append(
        MetricFamily(
          "tender_forecast_mape_ratio",
          .gauge,
          "Mean absolute error of the settlement forecast, as a share of what came.",
          mape / 100
        )
      )
    }
    if let bias = errors.biasPercent {
      families.append(
        MetricFamily(
          "tender_forecast_bias_ratio",
          .gauge,
          "What the settlement forecast promised too much, as a share of what came.",
          bias / 100
        )
      )
    }
    return families
  }
}
