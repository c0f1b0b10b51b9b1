package import GRPCCore
import LedgerCore
import Money
import Postgres
package import ServiceKit
package import Wire

/// tender.ledger.v1.Forecasts.
package struct ForecastHandler: LedgerV1.Forecasts.SimpleServiceProtocol {
  static let daysDefault = 30
  static let errorDaysDefault = 90

  private let environment: ServiceEnvironment
  private let settings: ForecastSettings

  package init(_ environment: ServiceEnvironment, _ settings: ForecastSettings) {
    self.environment = environment
    self.settings = settings
  }

  package func getForecast(
    request: LedgerV1.GetForecastRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetForecastResponse {
    let (account, currency) = try Self.scope(
      request.gateway,
      request.gatewayAccount,
      request.currency
    )
    let database = environment.database
    let now = try await database.query(ForecastStore.now()).single()[0, as: Timestamp.self]
    // A cut-off makes of today's money tomorrow's.
    let last = CivilDate(daysSince1970: now.date.daysSince1970 + 1)
    let rows = try await database.query(
      ForecastStore.flows(
        account,
        isLive: account.map { _ in request.livemode },
        currency,
        through: last
      )
    )
    let histories = try ForecastStore.histories(rows)
    guard histories.count <= ForecastStore.forecastsMax else {
      throw RPCFailure.failedPrecondition(
        "FORECAST_TOO_LARGE",
        "There are more than \(ForecastStore.forecastsMax) forecasts: name an account."
      )
    }
    let days = request.days == 0 ? Self.daysDefault : Int(request.days)
    let until = CivilDate(daysSince1970: now.date.daysSince1970 + days)
    return LedgerV1.GetForecastResponse(
      forecasts: histories.map { key, history in
        let terms = settings.contracts.terms(of: key.book.account, key.currency)
        let forecast = SettlementForecast(
          history,
          terms: terms,
          today: now.date,
          graceDays: settings.graceDays,
          observationsMin: settings.observationsMin
        )
        return LedgerV1.CashForecast(forecast, key, terms.calendar, through: until)
      },
      asOf: now.wire
    )
  }

  package func getForecastErrors(
    request: LedgerV1.GetForecastErrorsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetForecastErrorsResponse {
    let (account, currency) = try Self.scope(
      request.gateway,
      request.gatewayAccount,
      request.currency
    )
    let rows = try await environment.database.query(
      ForecastStore.scores(
        account,
        isLive: account.map { _ in request.livemode },
        currency,
        days: request.days == 0 ? Self.errorDaysDefault : Int(request.days)
      )
    )
    return LedgerV1.GetForecastErrorsResponse(
      errors: try ForecastStore.errors(rows).map { key, horizon, errors in
        LedgerV1.ForecastError(errors, key, horizonDays: horizon)
      }
    )
  }

  private static func scope(
    _ gateway: String,
    _ account: String,
    _ code: String
  ) throws(RPCFailure) -> (GatewayAccount?, Currency?) {
    guard gateway.isEmpty == account.isEmpty else {
      throw .invalid(
        "gateway_account",
        "GATEWAY_ACCOUNT_INVALID",
        "Name gateway and account, or neither."
      )
    }
    let currency = Currency(code)
    guard currency != nil || code.isEmpty else {
      throw .invalid("currency", "CURRENCY_UNKNOWN", "The currency is not known.")
    }
    return (
      gateway.isEmpty ? nil : GatewayAccount(gateway: gateway, account: account), currency
    )
  }
}

extension LedgerV1.CashForecast {
  init(
    _ forecast: SettlementForecast,
    _ key: ForecastKey,
    _ calendar: BusinessCalendar,
    through last: CivilDate
  ) {
    self.init(
      gateway: key.book.account.gateway,
      gatewayAccount: key.book.account.account,
      livemode: key.book.isLive,
      currency: key.currency.code,
      openMinor: forecast.openMinor,
      feesMinor: forecast.feesMinor,
      overdueMinor: forecast.overdueMinor,
      lagSource: forecast.lags.source == .observed ? .observed : .contract,
      observations: UInt32(clamping: forecast.lags.observations),
      lagP10Days: UInt32(clamping: forecast.lags.quantile(0.1)),
      lagP50Days: UInt32(clamping: forecast.lags.quantile(0.5)),
      lagP90Days: UInt32(clamping: forecast.lags.quantile(0.9)),
      calendar: calendar.rawValue,
      days: Self.days(of: forecast.whole, through: last),
      methods: forecast.methods.map { method, part in
        LedgerV1.MethodForecast(
          method: method.rawValue,
          openMinor: part.openMinor,
          feesMinor: part.feesMinor,
          overdueMinor: part.overdueMinor,
          lagSource: part.lags.source == .observed ? .observed : .contract,
          observations: UInt32(clamping: part.lags.observations),
          lagP10Days: UInt32(clamping: part.lags.quantile(0.1)),
          lagP50Days: UInt32(clamping: part.lags.quantile(0.5)),
          lagP90Days: UInt32(clamping: part.lags.quantile(0.9)),
          days: Self.days(of: part, through: last)
        )
      }
    )
  }

  private static func days(
    of part: SettlementForecast.Part,
    through last: CivilDate
  ) -> [LedgerV1.ForecastDay] {
    part.days.filter { $0.day <= last }.map {
      LedgerV1.ForecastDay(
        day: $0.day.description,
        p10Minor: $0.p10Minor,
        p50Minor: $0.p50Minor,
        p90Minor: $0.p90Minor
      )
    }
  }
}

extension LedgerV1.ForecastError {
  init(_ errors: ForecastErrors, _ key: ForecastKey, horizonDays: Int) {
    self.init(
      gateway: key.book.account.gateway,
      gatewayAccount: key.book.account.account,
      livemode: key.book.isLive,
      currency: key.currency.code,
      horizonDays: UInt32(clamping: horizonDays),
      scores: UInt32(clamping: errors.count),
      mapePercent: errors.mapePercent,
      coveragePercent: errors.coveragePercent,
      biasPercent: errors.biasPercent
    )
  }
}
