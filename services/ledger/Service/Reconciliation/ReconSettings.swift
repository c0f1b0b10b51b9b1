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
/// - `recon.booksReports` (`yes` or `no`, default `yes`): whether a run books the fees, payouts,
///   reserves and adjustments that the reports prove.
/// - `recon.merchants` (string, default empty): whose an account's own fees, payouts, reserves and
///   adjustments are, such as `stripe acct_1 mt_…; stripe acct_1 ml_…`. Without it: the only merchant
///   that has something on the clearing account.
/// - `recon.writeOffLimits` (string, default empty): up to what amount two people may write off, such
///   as `EUR 5000; USD 5000` in minor units. In a currency that is not named: nothing.
/// - `recon.dailyAt` (string, default `06:00`): when each book is compared, in UTC; `never`: by no
///   clock and after no import.
package struct ReconSettings: Sendable {
  let fees: FeeSchedule
  let dueDays: Int
  let booksReports: Bool
  let merchants: ReconMerchants
  let writeOffLimits: WriteOffLimits
  /// nil: nobody runs by himself.
  let timetable: ReconTimetable?

  init(
    fees: FeeSchedule = FeeSchedule(),
    dueDays: Int = 3,
    booksReports: Bool = true,
    merchants: ReconMerchants = ReconMerchants(),
    writeOffLimits: WriteOffLimits = WriteOffLimits(),
    timetable: ReconTimetable? = ReconTimetable(dailyMinute: 360)
  ) {
    self.fees = fees
    self.dueDays = dueDays
    self.booksReports = booksReports
    self.merchants = merchants
    self.writeOffLimits = writeOffLimits
    self.timetable = timetable
  }

  package init(_ settings: ServiceSettings) throws(SettingsError) {
    let config = settings.config
    do throws(FeeSchedule.Mistake) {
      fees = try FeeSchedule(parsing: config.string(forKey: "recon.fees", default: ""))
    } catch {
      throw SettingsError(
        "The setting `recon.fees` has no fee in `\(error.part)`: write gateway, account, "
          + "currency, basis points, fixed part and tolerance in minor units, each pair once."
      )
    }
    dueDays = try ServiceSettings.integer(config, "recon.dueDays", default: 3, in: 0...60)
    switch config.string(forKey: "recon.booksReports", default: "yes") {
    case "yes": booksReports = true
    case "no": booksReports = false
    default: throw SettingsError("The setting `recon.booksReports` must be yes or no.")
    }
    do throws(ReconMerchants.Mistake) {
      merchants = try ReconMerchants(
        parsing: config.string(forKey: "recon.merchants", default: "")
      )
    } catch {
      throw SettingsError(
        "The setting `recon.merchants` names no merchant in `\(error.part)`: write gateway, account "
          + "and merchant, each account once for its live and once for its test books."
      )
    }
    do throws(WriteOffLimits.Mistake) {
      writeOffLimits = try WriteOffLimits(
        parsing: config.string(forKey: "recon.writeOffLimits", default: "")
      )
    } catch {
      throw SettingsError(
        "The setting `recon.writeOffLimits` has no limit in `\(error.part)`: write currency and "
          + "amount in minor units, each currency once."
      )
    }
    let time = config.string(forKey: "recon.dailyAt", default: "06:00")
    timetable = ReconTimetable(time)
    guard timetable != nil || time == "never" else {
      throw SettingsError("The setting `recon.dailyAt` must be a time such as 06:00, or never.")
    }
  }
}
