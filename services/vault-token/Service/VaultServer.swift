package import GRPCCore
import Logging
import Money
package import Postgres
import Reactor
package import ServiceKit
import VaultCore

/// The service `vault-token`. Settings of its own:
///
/// - `vault.keyFile` (path, required): the key-encryption keys, 64 hexadecimal digits a line, the
///   first one wraps; refused if group or others have any right on it.
package final class VaultServer: TenderService {
  package static let name = ServiceName.vaultToken
  package static var migrations: [Migration] { VaultService.migrations }

  let reencryption: Reencryption
  private let environment: ServiceEnvironment
  private let ring: KeyRing
  private let alerts: VaultAlerts
  private let partitions: PartitionKeeper
  private let sealer: AccessSealer
  private let relay: ServiceRelay

  package init(_ environment: ServiceEnvironment) async throws {
    let path = try ServiceSettings.required(
      environment.settings.config,
      "vault.keyFile",
      "the file of key-encryption keys"
    )
    let keys = try await environment.workers.run { try KeyFileReader.read(path) }
    guard let ring = KeyRing(keys) else {
      throw SettingsError("`vault.keyFile` (\(path)): the key file holds no key.")
    }
    self.environment = environment
    self.ring = ring
    alerts = VaultAlerts(database: environment.database)
    reencryption = Reencryption(environment, ring: ring, alerts: alerts)
    partitions = PartitionKeeper(environment)
    sealer = AccessSealer(environment)
    relay = VaultEvents.relay(environment)
  }

  package var handlers: [any RegistrableRPCService] {
    [
      PaymentMethodsHandler(
        environment: environment,
        keys: MerchantKeys(ring: ring),
        audit: AccessAudit(clock: environment.clock),
        alerts: alerts,
        events: VaultEvents(identifiers: environment.identifiers, clock: environment.clock),
        wakeRelay: { [relay] in relay.wake() }
      ),
      KeysHandler(environment: environment, ring: ring, reencryption: reencryption),
    ]
  }

  package func start() async throws {
    partitions.start()
    reencryption.start()
    sealer.start()
    relay.start()
  }

  package func shutdown() async {
    await reencryption.shutdown()
    await sealer.shutdown()
    await partitions.shutdown()
    await relay.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    let rows = try await environment.database.query(
      """
      select count(*), coalesce(extract(epoch from \(environment.clock.now) - min(k.changed_at)),
        0)::bigint
      from merchant_key k join gateway_reference r on r.merchant_id = k.merchant_id
        and r.key_version = k.version
      where k.purpose = 'data' and k.state = 'retiring' and r.sealed is not null
      """
    )
    let (length, age) = try rows.single().decode((Int64, Int64).self)
    return [
      QueueReport(name: "reencryption", length: length, oldestAgeSeconds: max(0, age)),
      try await relay.report(),
    ]
  }
}
