import CProcess
package import GRPCCore
import Money
import Outbox
import Postgres
import Wire

/// tender.common.v1.Operations: what operators may ask every service.
package struct OperationsHandler<Service: TenderService>: CommonV1.Operations.SimpleServiceProtocol {
  /// Alerts listed at most.
  static var alertsMax: Int { 200 }

  private let service: Service
  private let environment: ServiceEnvironment
  private let startedAt: Timestamp

  package init(service: Service, environment: ServiceEnvironment) {
    self.service = service
    self.environment = environment
    startedAt = environment.clock.now
  }

  package func getStatus(
    request: CommonV1.GetStatusRequest, context: ServerContext
  ) async throws -> CommonV1.GetStatusResponse {
    let queues = try await service.queues()
    let statistics = await environment.database.statistics()
    return CommonV1.GetStatusResponse(
      service: Service.name.rawValue, version: TenderVersion.text,
      schemaVersion: UInt32(Service.migrations.last?.number ?? 0), startedAt: startedAt.wire,
      queues: queues.map {
        CommonV1.QueueStatus(
          name: $0.name, length: UInt64($0.length),
          oldestAgeSeconds: UInt64($0.oldestAgeSeconds))
      },
      residentBytes: UInt64(tender_resident_bytes()),
      cpuMicroseconds: UInt64(tender_cpu_microseconds()), commits: UInt64(statistics.commits))
  }

  package func listAlerts(
    request: CommonV1.ListAlertsRequest, context: ServerContext
  ) async throws -> CommonV1.ListAlertsResponse {
    let alerts = try await environment.alerts.open(limit: Self.alertsMax)
    return CommonV1.ListAlertsResponse(
      alerts: alerts.map { alert in
        CommonV1.Alert(
          id: alert.id.description, severity: alert.severity == .critical ? .critical : .warning,
          kind: alert.kind, subject: alert.subject, message: alert.message,
          firstSeenAt: alert.firstSeenAt.wire, lastSeenAt: alert.lastSeenAt.wire,
          occurrences: UInt64(alert.occurrences))
      })
  }
}
