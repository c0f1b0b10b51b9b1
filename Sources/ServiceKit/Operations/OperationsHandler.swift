import CProcess
package import GRPCCore
import Money
import Outbox
import Postgres
package import Wire

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
    let rows = try await environment.database.query(Alerts.open(limit: Self.alertsMax))
    return CommonV1.ListAlertsResponse(
      alerts: try rows.map { row in
        let (severity, kind, subject, message, first, last, count, id) = try row.decode(
          (String, String, String, String, Timestamp, Timestamp, Int64, String).self)
        return CommonV1.Alert(
          id: id, severity: severity == "critical" ? .critical : .warning, kind: kind,
          subject: subject, message: message, firstSeenAt: first.wire, lastSeenAt: last.wire,
          occurrences: UInt64(clamping: count))
      })
  }
}
