import GRPCCore
import Wire

/// What gateway-router has not found out or given back yet, by kind, and its alerts about it.
extension Doctor {
  /// Older than this, what recovery has before it needs people. Seconds.
  static let recoveryLimitsSeconds: [(kind: String, seconds: Double)] = [
    ("attempts_unknown", 3_600), ("attempts_pending", 14 * 86_400), ("captures_pending", 3_600),
    ("refunds_pending", 86_400), ("reversals_pending", 86_400), ("unproven", 0),
    ("notifications_parked", 0),
  ]
  /// The database was restored and no money moves until people open.
  static let restoreAlert = "restore_in_progress"
  /// Money moves again, and what a restore has lost holds its payments.
  static let unresolvedAlert = "restored_payments_unresolved"
  /// What a gateway answers contradicts what it was asked about a set-up.
  static let setupAlerts: Set = ["setup_answer_conflicts", "setup_money_conflicts"]
  static let itemsMetric = "tender_recovery_items"
  static let ageMetric = "tender_recovery_oldest_age_seconds"

  func recovery(_ checkout: Checkout) async throws -> [Finding] {
    do {
      let families = try await ServiceSession.with(checkout) { session in
        try await session.call(.gateway, as: .operator) { client in
          try await CommonV1.Operations.Client(wrapping: client)
            .listMetrics(CommonV1.ListMetricsRequest()).families
        }
      }
      return Self.recoveryFindings(families)
    } catch let error as CallFailure {
      return [
        Finding(
          check: "recovery", isFine: false, detail: error.message,
          nextStep: "see \(checkout.log("gateway-router"))")
      ]
    }
  }

  static func recoveryFindings(_ families: [CommonV1.MetricFamily]) -> [Finding] {
    func value(_ name: String, _ kind: String) -> Double {
      families.first { $0.name == name }?.series
        .first { $0.labels.contains { $0.name == "kind" && $0.value == kind } }?.value ?? 0
    }
    let kinds = recoveryLimitsSeconds.map { limit in
      (
        kind: limit.kind, count: value(itemsMetric, limit.kind),
        age: value(ageMetric, limit.kind), limit: limit.seconds
      )
    }
    let late = kinds.filter { $0.count > 0 && $0.age >= $0.limit }
    func words(_ kind: String, _ count: Double, _ age: Double) -> String {
      "\(Int(count)) \(kind.replacing("_", with: " ")), the oldest \(Int(age)) s"
    }
    guard !late.isEmpty else {
      let waiting = kinds.filter { $0.count > 0 }.map { words($0.kind, $0.count, $0.age) }
      return [
        Finding(
          check: "recovery", isFine: true,
          detail: waiting.isEmpty ? "nothing is open" : waiting.joined(separator: "; "),
          nextStep: "")
      ]
    }
    return late.map {
      Finding(
        check: "recovery", isFine: false, detail: words($0.kind, $0.count, $0.age),
        nextStep: $0.kind == "unproven" ? "see tender recovery list" : "see the alerts below")
    }
  }

  /// What is shown beside the gateways or the notifications is left out.
  static func recoveryFindings(_ alerts: [CommonV1.Alert]) -> [Finding] {
    alerts.filter { !gatewayAlerts.contains($0.kind) && inboundSteps[$0.kind] == nil }.map {
      Finding(
        check: $0.kind, isFine: $0.severity != .critical, detail: $0.message,
        nextStep: nextStep(of: $0.kind))
    }
  }

  private static func nextStep(of kind: String) -> String {
    switch kind {
    case restoreAlert: "see tender restore status"
    case unresolvedAlert: "see tender restore list"
    case _ where setupAlerts.contains(kind):
      "compare it with the gateway's own records, then tender setup resolve"
    default: "tender show tells what was done about the payment"
    }
  }
}
