import CoreMetrics
import IntentsCore
import ServiceKit

/// Counts payment intents that came to an end, once their commit is confirmed.
struct IntentMetrics: Sendable {
  static let name = "tender_payment_intents_total"

  private let ended: MetricTable<IntentStatus, Counter>

  init(_ registry: MetricRegistry) {
    registry.describe(
      Self.name,
      "Payment intents that came to an end: succeeded, failed (may be confirmed again), canceled.")
    ended = MetricTable { status in
      Counter(label: Self.name, dimensions: [("status", "\(status)")], factory: registry)
    }
  }

  /// What an application of facts has committed.
  func count(_ application: FactApplication) {
    for step in application.steps where step.arrived { count(step.intent.state) }
  }

  /// A state that was committed.
  func count(_ state: IntentState) {
    switch state.status {
    case .succeeded, .failed, .canceled: ended[state.status].increment()
    case .created, .requiresAction, .processing, .requiresCapture: break
    }
  }
}
