package import GRPCCore
package import Wire

/// grpc.health.v1.Health.
package struct HealthHandler: GRPCHealthV1.Health.SimpleServiceProtocol {
  private let state: HealthState

  package init(state: HealthState) {
    self.state = state
  }

  package func check(
    request: GRPCHealthV1.HealthCheckRequest, context: ServerContext
  ) async throws -> GRPCHealthV1.HealthCheckResponse {
    guard isKnown(request.service) else {
      throw RPCFailure.notFound("SERVICE_UNKNOWN", "This process does not serve that service.")
    }
    return GRPCHealthV1.HealthCheckResponse(status: state.isServing ? .serving : .notServing)
  }

  package func watch(
    request: GRPCHealthV1.HealthCheckRequest,
    response: RPCWriter<GRPCHealthV1.HealthCheckResponse>, context: ServerContext
  ) async throws {
    guard isKnown(request.service) else {
      try await response.write(GRPCHealthV1.HealthCheckResponse(status: .serviceUnknown))
      return
    }
    guard let changes = state.changes() else {
      throw RPCFailure(.resourceExhausted, "TOO_MANY_WATCHERS", "Too many health watchers.")
    }
    for await isServing in changes {
      try await response.write(
        GRPCHealthV1.HealthCheckResponse(status: isServing ? .serving : .notServing))
    }
  }

  /// The empty name asks for the process.
  private func isKnown(_ service: String) -> Bool {
    service.isEmpty || state.services.contains(service)
  }
}
