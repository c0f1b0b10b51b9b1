#if TENDER_FAULTS
  import Faults
#endif

/// Which crash points seeds have armed, and which of them were come by.
struct CrashCounts: Sendable, Equatable {
  private(set) var fired: [String: Int] = [:]

  /// - Parameter seed: by point, whether it fired.
  mutating func add(_ seed: [String: Bool]) {
    for (point, hasFired) in seed { fired[point, default: 0] += hasFired ? 1 : 0 }
  }

  /// Armed, and not once come by: the run has proven nothing of them.
  var missing: [String] { fired.filter { $0.value == 0 }.keys.sorted() }

  /// What people should know of the run.
  var lines: [String] {
    #if TENDER_FAULTS
      let counted = fired.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      let left = CrashPlan.points.map(\.rawValue).filter { fired[$0] == nil }
      return ["crashes: \(counted.joined(separator: " · "))"]
        + (left.isEmpty
          ? []
          : [
            "not armed, so not proven: \(left.joined(separator: ", "));"
              + " \(CrashPlan.seedsForAll) seeds in a row arm all"
          ])
    #else
      return ["crash points and wrong clocks are left out: this is a build for release"]
    #endif
  }
}
