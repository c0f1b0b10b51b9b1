/// The life of a break. The raw values are those of contract, SQL and command line.
package enum BreakState: String, Sendable, Hashable, CaseIterable {
  case opened
  /// Somebody looks into it.
  case acknowledged
  /// Books and reports say the same by now.
  case resolved
  /// It stays as it is, with a note that says why.
  case accepted
  /// It was resolved, accepted or snoozed, and is there again or has changed.
  case reopened
  case snoozed
}

/// What people may do with a break.
package enum BreakAction: String, Sendable, Hashable, CaseIterable {
  case acknowledge, accept, snooze

  package var state: BreakState {
    switch self {
    case .acknowledge: .acknowledged
    case .accept: .accepted
    case .snooze: .snoozed
    }
  }
}

package enum BreakMachine {
  package static let snoozeDaysMax: Int64 = 31

  /// Every step there is; migration 0005's trigger has the same list.
  package static let steps: [BreakState: Set<BreakState>] = [
    .opened: [.acknowledged, .accepted, .snoozed, .resolved],
    .reopened: [.acknowledged, .accepted, .snoozed, .resolved],
    .acknowledged: [.accepted, .snoozed, .resolved, .reopened],
    .snoozed: [.acknowledged, .accepted, .resolved, .reopened],
    .accepted: [.resolved, .reopened],
    .resolved: [.reopened],
  ]

  package static func allows(_ action: BreakAction, in state: BreakState) -> Bool {
    steps[state]?.contains(action.state) ?? false
  }
}

/// How old a break is, in whole days since its movement: the steps at which it becomes more urgent.
package enum BreakAge: String, Sendable, Hashable, CaseIterable {
  case fresh = "t0"
  case day1 = "t1"
  case days2 = "t2"
  case days5 = "t5"

  package init(days: Int) {
    switch days {
    case ..<1: self = .fresh
    case 1: self = .day1
    case 2..<5: self = .days2
    default: self = .days5
    }
  }

  /// Past this age what concerns principal is critical.
  package static let criticalDays = 5
}

/// How urgent a break is: by what it may cost and by how long nobody has ended it.
package enum BreakSeverity: String, Sendable, Hashable, CaseIterable {
  case info, warning, critical

  package init(_ reconClass: ReconClass, age: BreakAge) {
    guard reconClass.isBreak else {
      self = .info
      return
    }
    switch age {
    case .fresh, .day1: self = reconClass.concernsPrincipal ? .warning : .info
    case .days2: self = .warning
    case .days5: self = reconClass.concernsPrincipal ? .critical : .warning
    }
  }
}
