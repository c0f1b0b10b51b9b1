import Wire

/// The breakers of gateway-router, by its own metrics.
struct BreakerStates: Sendable {
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
      series.filter { $0.value > 0 }.flatMap(\.labels).filter { $0.name == "state" }.map(\.value))
  }
}
