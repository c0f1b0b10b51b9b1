package import GRPCCore
import GatewayCore
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
  private let relay: ServiceRelay
  private let recovery: RecoveryWorker

  package init(_ environment: ServiceEnvironment) async throws {
    let ports = try GatewayPorts(environment)
    let relay = FactRelay.make(environment)
    let flow = GatewayFlow(environment, ports: ports, wake: { relay.wake() })
    self.ports = ports
    self.relay = relay
    recovery = RecoveryWorker(environment, flow: flow)
    handlers = [GatewayCalls(environment: environment, flow: flow)]
  }

  package func start() async throws {
    relay.start()
    recovery.start()
  }

  package func shutdown() async {
    await recovery.shutdown()
    await relay.shutdown()
    await ports.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    [try await relay.report()]
  }
}
