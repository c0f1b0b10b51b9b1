import Wire

/// The breakers that keep payments away from gateways, by gateway-router's own metrics. Those of
/// captures and looks hold nothing back.
struct BreakerStates: Sendable {
  /// The kind of request that they are about.
  static let call = "authorize"
  static let family = "tender_gateway_breaker_state"

  let session: ServiceSession

  /// closed, half_open, open: whatever some account's breaker is.
  func read(within limit: Duration) async throws -> Set<String> {
    let answer = try await session.call(.gateway, as: .operator, within: limit) { client in
      try await CommonV1.Operations.Client(wrapping: client)
        .listMetrics(CommonV1.ListMetricsRequest())
    }
    let series = answer.families.filter { $0.name == Self.family }.flatMap(\.series)
    return Set(
      series.filter { one in
        one.value > 0 && one.labels.contains { $0.name == "call" && $0.value == Self.call }
      }
      .flatMap(\.labels).filter { $0.name == "state" }.map(\.value))
  }
}
