import Configuration
import Faults
import Logging
import Reactor

/// Settings that break a service on purpose. Only builds for debugging know what they mean:
///
/// - `crash.at` (`point:passage`, by comma): ends the process by SIGKILL of itself at this passage
///   of a named point; once, where there is a `faults.folder`.
/// - `sabotage` (names, by comma): guards to be taken away.
/// - `clock.shiftSeconds` (whole number): added to the wall clock.
/// - `faults.folder` (path): where crashes are armed and clocks are shifted while the service runs.
enum FaultSettings {
  static let crashAt = "crash.at"
  static let sabotage = "sabotage"
  static let clockShift = "clock.shiftSeconds"
  static let folder = "faults.folder"

  /// For a build for release: a service that was meant to break must not serve as if it were sound.
  static func refuse(_ config: ConfigReader) throws(SettingsError) {
    for key in [crashAt, sabotage, clockShift, folder]
    where config.string(forKey: ConfigKey(key)) != nil {
      throw SettingsError(
        "The setting `\(key)` (\(ServiceSettings.environmentName(key))) breaks a service on purpose; "
          + "this build is for release and has no such thing. Remove it, or use one for debugging.")
    }
  }

  #if TENDER_FAULTS
    /// How often the folder is looked at.
    static let interval = Duration.milliseconds(100)

    /// - Returns: the board to follow, where there is one.
    static func begin(
      _ config: ConfigReader, _ service: ServiceName
    ) throws(SettingsError) -> FaultBoard? {
      let orders: FaultOrders
      do {
        orders = try FaultOrders(
          crashAt: config.string(forKey: ConfigKey(crashAt)),
          sabotage: config.string(forKey: ConfigKey(sabotage)),
          clockShift: config.string(forKey: ConfigKey(clockShift)))
      } catch { throw SettingsError("Settings of faults: \(error).") }
      let board = config.string(forKey: ConfigKey(folder)).map {
        FaultBoard(root: $0, service: service.rawValue)
      }
      Faults.begin(orders, board: board)
      return board
    }

    /// Arms and shifts what the board says, until the worker is stopped. The clock of the settings
    /// counts until the board says another.
    static func follow(_ board: FaultBoard, _ environment: ServiceEnvironment) -> WorkerLoop {
      let worker = WorkerLoop("fault orders", environment, every: interval)
      let state = FollowedShift()
      worker.start {
        let (crashes, shift) = try await environment.workers.run {
          (board.crashes(), board.clockShiftSeconds())
        }
        Faults.follow(crashes)
        if shift != state.seconds { Faults.shiftClock(seconds: shift) }
        state.seconds = shift
      }
      return worker
    }
  #endif
}

#if TENDER_FAULTS
  /// Touched only by the worker's rounds, one at a time.
  private final class FollowedShift: @unchecked Sendable { var seconds: Int64 = 0 }
#endif
