import Configuration
import GatewayCore
import ServiceKit

/// The waits of the service's jobs.
///
/// Settings:
/// - `recovery.timeScale` (number, above 0, at most 1, default 1): shortens every wait of this page
///   and of the reversals' schedule, so that test and proof runs see its end.
/// - `giveUp.payerPresentSeconds` (default 900), `giveUp.offSessionSeconds` (default 259200), whole
///   numbers from 1 to 2592000: after that an operation that is still open is closed and everything of it is given back.
struct RecoveryTimes: Sendable, Hashable {
  var scale = 1.0
  var giveUpPayerPresentSeconds = 900.0
  var giveUpOffSessionSeconds = 259_200.0

  private static let secondsMax = 30 * 86_400
  /// Looks at an unknown attempt: seconds, by the number of looks before.
  private static let looksSeconds: [Double] = [1, 2, 3, 5, 10, 30, 60, 300]

  static func read(_ config: ConfigReader) throws(SettingsError) -> RecoveryTimes {
    var times = RecoveryTimes()
    if let text = config.string(forKey: "recovery.timeScale") {
      guard let scale = Double(text), scale > 0, scale <= 1 else {
        throw SettingsError("`recovery.timeScale` must be a number above 0 and at most 1.")
      }
      times.scale = scale
    }
    times.giveUpPayerPresentSeconds = Double(
      try ServiceSettings.integer(
        config, "giveUp.payerPresentSeconds", default: 900, in: 1...secondsMax))
    times.giveUpOffSessionSeconds = Double(
      try ServiceSettings.integer(
        config, "giveUp.offSessionSeconds", default: 259_200, in: 1...secondsMax))
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
