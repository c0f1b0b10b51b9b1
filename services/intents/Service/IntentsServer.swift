package import GRPCCore
import IntentsCore
import Money
import Outbox
package import Postgres
import Seal
package import ServiceKit
import Wire

/// The intents service: it decides THAT money may move.
///
/// Settings besides those of every service:
/// - `intents.proofKeyFile` (path, required): 32 secret bytes as hex, mode 0600; the key of the
///   proofs that travel with operations and of page tokens.
package final class IntentsServer: TenderService {
  package static let name = ServiceName.intents
  package static var migrations: [Migration] { IntentsService.migrations }

  package let handlers: [any RegistrableRPCService]
  private let environment: ServiceEnvironment
  private let relays: IntentRelays
  private let recovery: RecoveryWorker
  private let partitions: PartitionKeeper
  private let watermark: WatermarkReporter

  package init(_ environment: ServiceEnvironment) async throws {
    self.environment = environment
    let relays = IntentRelays(environment)
    let flow = IntentFlow(environment, wake: { relays.wake() })
    let proof = KeyProof(secret: try Self.proofKey(environment.settings))
    self.relays = relays
    recovery = RecoveryWorker(environment, flow: flow)
    partitions = PartitionKeeper(environment)
    watermark = WatermarkReporter(environment, destination: IntentWriter.ledger)
    handlers = [
      PaymentIntentCalls(environment: environment, flow: flow, proof: proof),
      RefundCalls(environment: environment, flow: RefundFlow(flow: flow), proof: proof),
      FactCalls(environment: environment, flow: flow),
      RestoreCalls(environment: environment, payments: RestoredPayments(flow: flow)),
      CustomerCalls(environment: environment),
      MerchantCalls(environment: environment),
    ]
  }

  package func start() async throws {
    relays.start()
    recovery.start()
    partitions.start()
    watermark.start()
  }

  package func shutdown() async {
    await recovery.shutdown()
    await partitions.shutdown()
    await watermark.shutdown()
    await relays.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    try await relays.queues()
  }

  private static func proofKey(_ settings: ServiceSettings) throws(SettingsError) -> SecretBytes {
    let path = try ServiceSettings.required(
      settings.config, "intents.proofKeyFile", "the file with the key of operation proofs")
    guard let bytes = Hex.decode(try SettingsFile.secret(path)), bytes.count == 32 else {
      throw SettingsError("\(path) must hold 32 bytes as 64 hexadecimal digits.")
    }
    return SecretBytes(bytes)
  }
}
