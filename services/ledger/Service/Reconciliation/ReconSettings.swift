import Configuration
import LedgerCore
package import ServiceKit

/// The settings of reconciliation.
///
/// - `recon.fees` (string, default empty): the agreed fees of captured payments, such as
///   `stripe acct_1 EUR 100 25 0; adyen Main EUR 95 12 1`: gateway, account, currency, basis
///   points, fixed part and tolerance in minor units. Fees in other currencies are not checked.
/// - `recon.dueDays` (int, default 3): after so many days a booked movement should have been
///   reported.
package struct ReconSettings: Sendable {
  let fees: FeeSchedule
  let dueDays: Int

  init(fees: FeeSchedule = FeeSchedule(), dueDays: Int = 3) {
    self.fees = fees
    self.dueDays = dueDays
  }

  package init(_ settings: ServiceSettings) throws(SettingsError) {
    do throws(FeeSchedule.Mistake) {
      fees = try FeeSchedule(
        parsing: settings.config.string(forKey: "recon.fees", default: "")
      )
    } catch {
      throw SettingsError(
        "The setting `recon.fees` has no fee in `\(error.part)`: write gateway, account, "
          + "currency, basis points, fixed part and tolerance in minor units, each pair once."
      )
    }
    dueDays = try ServiceSettings.integer(
      settings.config,
      "recon.dueDays",
      default: 3,
      in: 0...60
    )
  }
}
