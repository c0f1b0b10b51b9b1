package import GRPCCore
import GatewayCore
import Logging
import Money
import Outbox
package import Postgres
package import ServiceKit
import Wire

/// gateway-router: it decides WHERE money moves, and owns everything that names a gateway.
package final class GatewayServer: TenderService {
  package static let name = ServiceName.gatewayRouter
  package static var migrations: [Migration] { GatewayService.migrations }

  package let handlers: [any RegistrableRPCService]
  private let ports: GatewayPorts
  private let logger: Logger
  private let relay: ServiceRelay
  private let events: ServiceRelay
  private let recovery: RecoveryWorker
  private let setups: SetupWorker
  private let notifications: NotificationWorker
  private let catchUp: EventCatchUp
  private let inbound: InboundEndpoint?
  private let restore: RestoreWorker
  private let watermark: WatermarkReporter

  package init(_ environment: ServiceEnvironment) async throws {
    let ports = try GatewayPorts(environment)
    let relay = FactRelay.make(environment)
    let events = SetupEvents.relay(environment)
    let times = try RecoveryTimes.read(environment.settings.config)
    try times.check(against: ports.accounts.values)
    let flow = GatewayFlow(environment, ports: ports, times: times) {
      relay.wake()
      events.wake()
    }
    self.ports = ports
    let gauges = RecoveryGauges(database: environment.database, times: times)
    environment.metrics.add("recovery") { try await gauges.families() }
    environment.metrics.add("gateways") { ports.families() }
    logger = environment.logger
    self.relay = relay
    watermark = WatermarkReporter(environment, destination: OperationWriter.intents)
    self.events = events
    recovery = RecoveryWorker(environment, flow: flow)
    setups = SetupWorker(environment, flow: flow)
    let reports = ReportFlow(environment, ports: ports)
    let restores = RestoreFlow(environment, ports: ports)
    let restore = RestoreWorker(flow, restores)
    self.restore = restore
    let notifications = NotificationWorker(environment, flow: flow, reports: reports)
    self.notifications = notifications
    catchUp = EventCatchUp(environment, ports: ports) { notifications.wake() }
    inbound = try InboundSettings.read(environment.settings.config).map { settings in
      InboundEndpoint(environment, settings) { notifications.wake() }
    }
    handlers = [
      GatewayCalls(environment: environment, flow: flow), PolicyCalls(environment: environment),
      RecoveryCalls(environment: environment, flow: flow),
      RoutingCalls(environment: environment, ports: ports),
      NotificationCalls(environment: environment) { notifications.wake() },
      ReportCalls(environment: environment, flow: reports),
      SetupCalls(environment: environment, flow: SetupFlow(flow: flow)),
      RestoreCalls(environment: environment, flow: restores, payments: flow) { restore.wake() },
    ]
  }

  package func start() async throws {
    try await ports.routing.start()
    relay.start()
    events.start()
    recovery.start()
    setups.start()
    notifications.start()
    catchUp.start()
    restore.start()
    watermark.start()
    try inbound?.start()
  }

  package func shutdown() async {
    do {
      try await inbound?.shutdown()
    } catch {
      logger.warning("stopping the inbound listener", metadata: ["error": "\(error)"])
    }
    await watermark.shutdown()
    await restore.shutdown()
    await catchUp.shutdown()
    await notifications.shutdown()
    await setups.shutdown()
    await recovery.shutdown()
    await relay.shutdown()
    await events.shutdown()
    await ports.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    [try await relay.report(), try await events.report(), try await notifications.report()]
  }
}
