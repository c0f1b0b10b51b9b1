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
    ProcessMetrics.add(environment, service, startedAt: startedAt)
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

  package func listMetrics(
    request: CommonV1.ListMetricsRequest, context: ServerContext
  ) async throws -> CommonV1.ListMetricsResponse {
    let families = await environment.metrics.families(environment.logger)
    return CommonV1.ListMetricsResponse(families: families.map(\.wire))
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

extension MetricFamily {
  fileprivate var wire: CommonV1.MetricFamily {
    CommonV1.MetricFamily(name: name, help: help, type: kind.wire, series: series.map(\.wire))
  }
}

extension MetricFamily.Kind {
  fileprivate var wire: CommonV1.MetricType {
    switch self {
    case .counter: .counter
    case .gauge: .gauge
    case .histogram: .histogram
    }
  }
}

extension MetricSeries {
  fileprivate var wire: CommonV1.MetricSeries {
    var wire = CommonV1.MetricSeries(
      labels: labels.map { CommonV1.MetricLabel(name: $0.name, value: $0.value) })
    switch value {
    case .number(let number): wire.value = number
    case .histogram(let histogram):
      wire.sum = histogram.sum
      wire.buckets = histogram.buckets.map {
        CommonV1.MetricBucket(upperBound: $0.upperBound, count: $0.count)
      }
    }
    return wire
  }
}
