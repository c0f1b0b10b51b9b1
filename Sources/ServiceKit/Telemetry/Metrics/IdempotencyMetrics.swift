import CoreMetrics

/// What became of keyed calls.
struct IdempotencyMetrics: Sendable {
  static let name = "tender_idempotency_total"

  /// The call took the key and ran.
  let executed: Counter
  /// It ran and was refused by a rule; the refusal is stored.
  let refused: Counter
  /// It got the stored answer.
  let replayed: Counter
  /// The key had been used with another payload.
  let reused: Counter
  /// The first call still ran when the wait was over.
  let inProgress: Counter
  /// A claim whose holder was gone was taken over.
  let takenOver: Counter

  init(_ registry: MetricRegistry) {
    registry.describe(
      Self.name,
      "Keyed calls: executed, refused (and stored), replayed, reused (other payload), in_progress, "
        + "taken_over (from a holder that was gone).")
    func counter(_ result: String) -> Counter {
      Counter(label: Self.name, dimensions: [("result", result)], factory: registry)
    }
    executed = counter("executed")
    refused = counter("refused")
    replayed = counter("replayed")
    reused = counter("reused")
    inProgress = counter("in_progress")
    takenOver = counter("taken_over")
  }
}
