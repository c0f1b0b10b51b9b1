import Wire

/// What gateways told, or did not tell: alerts of gateway-router's inbound side.
extension Doctor {
  /// Kinds of alerts, and what to do about each.
  static let inboundSteps = [
    "notification_parked": "see tender notifications, then tender notifications retry",
    "notification_forged": "compare the endpoint's secret at the gateway with the one in use here",
    "notifications_missing": "check the gateway's webhook, and the proxy in front of inbound.listen",
    "events_not_caught_up": "check the gateway's key and address in gateway-router's settings",
    "events_lost": "compare returns, disputes and late failures with the gateway's own records",
    "return_conflicts": "compare the return with the gateway's own records",
    "orphan_paid_back_twice":
      "the payer has it from us and from their bank: claim one of the two at the gateway",
  ]

  static func notificationFindings(_ alerts: [CommonV1.Alert]) -> [Finding] {
    let found = alerts.compactMap { alert in
      inboundSteps[alert.kind].map {
        Finding(
          check: "notifications of \(alert.subject)", isFine: false, detail: alert.message,
          nextStep: $0)
      }
    }
    guard found.isEmpty else { return found }
    return [
      Finding(check: "notifications", isFine: true, detail: "none is parked", nextStep: "")
    ]
  }
}
