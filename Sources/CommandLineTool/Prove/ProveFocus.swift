import ArgumentParser

/// What a seed dwells on: one kind of failure, far more often than chance would have it.
enum ProveFocus: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// The first gateway authorises and is not heard, its list cannot be read, the second gateway
  /// refuses: payments whose first attempt turns out the winner late.
  case suspects
  /// Authorisations that take their time, at payments that are captured later, while a process of
  /// intents stands still: claims whose holder wakes up long after another has ended them.
  case fences
  /// The request to the first gateway never arrives, the second one has its turn: whoever sends the first
  /// one again charges twice.
  case lost

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// Lists that fail, of all payments together: as many as a load asks for.
  static let unreadableLists = 60

  /// The service of which a process stands still; nil: whichever the seed draws.
  var stands: PlatformService? { self == .fences ? .intents : nil }

  /// What is broken then. The process that stands still was at work before, and finds its database
  /// where it was.
  func shaped(_ outages: [PlannedOutage]) -> [PlannedOutage] {
    guard self == .fences else { return outages }
    let kept = outages.filter { outage in
      let isLate = outage.atMilliseconds > OutageSchedule.ambushEndsBefore
      switch outage.kind {
      case .stopDatabase, .jump: return false
      case .kill(.intents), .kill(.gateway), .pause(.intents, _): return !isLate
      case .kill, .pause, .refuse, .loseLists: return true
      }
    }
    let pauses = Self.fencePauses.map {
      PlannedOutage(
        atMilliseconds: $0, kind: .pause(.intents, milliseconds: Self.fencePauseMilliseconds),
        extent: .first)
    }
    return (kept + pauses).sorted { $0.atMilliseconds < $1.atMilliseconds }
  }

  /// Longer than the lease of a claim (5 s), shorter than a holder may work on it (12 s).
  static let fencePauseMilliseconds: Int64 = 8_000
  static let fencePauses: [Int64] = [9_000, 18_000]

  /// What the payment becomes; the one whose payer leaves stays what it is.
  func shaped(_ payment: ProvePlan.Payment) -> ProvePlan.Payment {
    guard self == .fences, !payment.leaves else { return payment }
    return ProvePlan.Payment(
      number: payment.number, merchant: payment.merchant, key: payment.key,
      amountMinor: payment.amountMinor, capture: .manual,
      startMilliseconds: payment.startMilliseconds, callers: payment.callers,
      steps: [.capture(amountMinor: payment.amountMinor)])
  }

  /// The faults of one payment, in the order in which they strike.
  func faults(of payment: ProvePlan.Payment) -> [SimulatorControl.Fault] {
    switch self {
    case .suspects:
      [
        SimulatorControl.Fault("timeout_after", amountMinor: payment.amountMinor),
        SimulatorControl.Fault("unavailable", amountMinor: payment.amountMinor),
      ]
    case .fences:
      [SimulatorControl.Fault("slow", amountMinor: payment.amountMinor)]
    case .lost:
      [SimulatorControl.Fault("timeout_before", amountMinor: payment.amountMinor)]
    }
  }

  /// Those of everybody.
  var faults: [SimulatorControl.Fault] {
    switch self {
    case .suspects:
      [
        SimulatorControl.Fault(
          "bad_gateway", at: "stripe", operation: "list", count: Self.unreadableLists)
      ]
    case .fences, .lost: []
    }
  }
}
