#if TENDER_FAULTS
/// What a process is told to break, from its settings. A build for release knows none of this.
package struct FaultOrders: Sendable, Equatable {
  package static let passagesMax = 1_000
  /// Leases and schedules must bear a clock that is an hour wrong; two leave room to show it.
  package static let clockShiftSecondsMax: Int64 = 7_200

  /// The passage at which each point ends the process, from 1.
  package var crashes: [CrashPoint: Int] = [:]
  package var sabotages: Set<Sabotage> = []
  package var clockShiftSeconds: Int64 = 0

  package struct Unreadable: Error, CustomStringConvertible {
    package let description: String
  }

  package init() {}

  /// - Parameters:
  ///   - crashAt: `point` or `point:passage`, by comma; without a passage the first.
  ///   - sabotage: switches, by comma.
  ///   - clockShift: whole seconds, at most `clockShiftSecondsMax` either way.
  package init(crashAt: String?, sabotage: String?, clockShift: String?) throws(Unreadable) {
    for text in Self.words(crashAt) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard let point = CrashPoint(rawValue: String(parts[0])), parts.count <= 2,
        let passage = parts.count == 2 ? Int(parts[1]) : 1, (1...Self.passagesMax).contains(passage)
      else {
        throw Unreadable(
          description: "`\(text)` is no crash point with a passage from 1 to \(Self.passagesMax); "
            + "points: \(CrashPoint.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      crashes[point] = passage
    }
    for text in Self.words(sabotage) {
      guard let one = Sabotage(rawValue: text) else {
        throw Unreadable(
          description: "`\(text)` is no sabotage; there are: "
            + Sabotage.allCases.map(\.rawValue).joined(separator: ", "))
      }
      sabotages.insert(one)
    }
    guard let clockShift else { return }
    guard let seconds = Int64(clockShift), abs(seconds) <= Self.clockShiftSecondsMax else {
      throw Unreadable(
        description: "a clock is shifted by whole seconds, at most \(Self.clockShiftSecondsMax)")
    }
    clockShiftSeconds = seconds
  }

  private static func words(_ text: String?) -> [String] {
    (text ?? "").split(separator: ",").map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty }
  }
}
#endif
