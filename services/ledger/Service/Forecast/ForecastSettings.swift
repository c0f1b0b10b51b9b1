import Configuration
import LedgerCore
package import ServiceKit

/// The settings of the settlement forecast.
///
/// - `forecast.contracts` (string, default empty): when gateways pay out by contract, such as
///   `stripe acct_1 USD federal 2 24:00; adyen * EUR target2 1 21:00`: gateway, account or `*`,
///   currency, calendar (`target2`, `federal`, `weekends`), business days and the cut-off in UTC.
///   Without it: Stripe's US dollars 2, all else 3 business days, the currency's calendar,
///   midnight. A cut-off that changes holds for what is booked from then on.
/// - `forecast.observationsMin` (int, default 10): how many payouts of days must have been seen
///   until they count instead of the contract.
/// - `forecast.graceDays` (int, default 2): business days after the 90th percentile of the lag
///   until money is overdue.
package struct ForecastSettings: Sendable {
  let contracts: SettlementContracts
  let observationsMin: Int
  let graceDays: Int

  init(
    contracts: SettlementContracts = SettlementContracts(),
    observationsMin: Int = LagDistribution.observationsMin,
    graceDays: Int = SettlementForecast.graceDays
  ) {
    self.contracts = contracts
    self.observationsMin = observationsMin
    self.graceDays = graceDays
  }

  package init(_ settings: ServiceSettings) throws(SettingsError) {
    let config = settings.config
    do throws(SettlementContracts.Mistake) {
      contracts = try SettlementContracts(
        parsing: config.string(forKey: "forecast.contracts", default: "")
      )
    } catch {
      throw SettingsError(
        "The setting `forecast.contracts` has no contract in `\(error.part)`: write gateway, "
          + "account or *, currency, target2, federal or weekends, business days up to "
          + "\(SettlementTerms.lagDaysMax) and the cut-off in UTC such as 21:00, each once."
      )
    }
    observationsMin = try ServiceSettings.integer(
      config,
      "forecast.observationsMin",
      default: LagDistribution.observationsMin,
      in: 1...1_000
    )
    graceDays = try ServiceSettings.integer(
      config,
      "forecast.graceDays",
      default: SettlementForecast.graceDays,
      in: 0...60
    )
  }
}
