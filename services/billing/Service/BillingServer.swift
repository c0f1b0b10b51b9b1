import BillingCore
package import GRPCCore
import Money
package import Postgres
package import ServiceKit

/// The service `billing`: products, prices, subscriptions, invoices.
package final class BillingServer: TenderService {
  package static let name = ServiceName.billing
  package static var migrations: [Migration] { BillingService.migrations }

  package let handlers: [any RegistrableRPCService]
  private let environment: ServiceEnvironment
  private let relay: ServiceRelay
  private let worker: BillingWorker
  private let partitions: PartitionKeeper

  package convenience init(_ environment: ServiceEnvironment) async throws {
    self.init(environment, port: ServicePort(peers: environment.peers))
  }

  init(_ environment: ServiceEnvironment, port: any PaymentPort) {
    let relay = WebhookRelay.make(environment)
    let payment = InvoicePayment(environment, port: port, wake: { relay.wake() })
    let subscribing = Subscribing(payment: payment)
    let clock = ClockAdvance(renewals: Renewals(payment: payment))
    self.environment = environment
    self.relay = relay
    worker = BillingWorker(environment, subscribing, clock)
    partitions = PartitionKeeper(environment)
    handlers = [
      BillingCalls(environment: environment, subscribing: subscribing, clock: clock),
      PaymentEventCalls(environment: environment, payment: payment),
    ]
  }

  package func start() async throws {
    partitions.start()
    relay.start()
    worker.start()
  }

  package func shutdown() async {
    await worker.shutdown()
    await partitions.shutdown()
    await relay.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    let row = try await environment.database.query(
      """
      select count(*), coalesce(extract(epoch from now() - min(created_at)), 0)::bigint
      from payment_try where state = 1
      """
    ).single()
    let (length, age) = try row.decode((Int64, Int64).self)
    return [
      QueueReport(name: "payment_tries", length: length, oldestAgeSeconds: max(0, age)),
      try await relay.report(),
    ]
  }
}
