import Configuration
import GatewayCore
import ServiceKit

/// The waits of the service's jobs.
///
/// Settings:
/// - `recovery.timeScale` (number, above 0, at most 1, default 1): shortens every wait of this page
///   and of the reversals' schedule, so that test and proof runs see its end.
/// - `giveUp.payerPresentSeconds` (default 900), `giveUp.offSessionSeconds` (default 259200): after
///   that an operation that is still open is closed and everything of it is given back.
struct RecoveryTimes: Sendable, Hashable {
  var scale = 1.0
  var giveUpPayerPresentSeconds = 900.0
  var giveUpOffSessionSeconds = 259_200.0

  /// Looks at an unknown attempt: seconds, by the number of looks before.
  private static let looksSeconds: [Double] = [1, 2, 3, 5, 10, 30, 60, 300]

  static func read(_ config: ConfigReader) throws(SettingsError) -> RecoveryTimes {
    var times = RecoveryTimes()
    times.scale = config.double(forKey: "recovery.timeScale", default: times.scale)
    times.giveUpPayerPresentSeconds = config.double(
      forKey: "giveUp.payerPresentSeconds", default: times.giveUpPayerPresentSeconds)
    times.giveUpOffSessionSeconds = config.double(
      forKey: "giveUp.offSessionSeconds", default: times.giveUpOffSessionSeconds)
    guard times.scale > 0, times.scale <= 1 else {
      throw SettingsError("`recovery.timeScale` must be above 0 and at most 1.")
    }
    guard times.giveUpPayerPresentSeconds > 0, times.giveUpOffSessionSeconds > 0 else {
      throw SettingsError(
        "`giveUp.payerPresentSeconds` and `giveUp.offSessionSeconds` must be above 0.")
    }
    return times
  }

  func look(after looks: Int) -> Double {
    Self.looksSeconds[min(looks, Self.looksSeconds.count - 1)] * scale
  }

  var firstReversal: Double { Double(ReversalSchedule.offsetsSeconds[0]) * scale }

  func giveUp(offSession: Bool) -> Double {
    (offSession ? giveUpOffSessionSeconds : giveUpPayerPresentSeconds) * scale
  }

  /// Time that has passed, as the schedule counts it.
  func scheduled(_ seconds: Double) -> Int64 { Int64(seconds / scale) }
}
