import Logging
import Money
import Postgres
import Seal
import ServiceKit
import Synchronization
import VaultCore

/// In the background: seals rows of retiring keys anew under the active one, destroys retiring keys
/// that hold no row, and wraps keys anew when the file's first key has changed.
final class Reencryption: Sendable {
  /// Rows of one transaction.
  static let batchMax: Int64 = 100
  static let interval = Duration.seconds(5)
  static let actor = "service:vault-token/reencryption"
  /// Rows that cannot be opened are reported and passed over, at most so many.
  static let unreadableMax = 1_000

  private let environment: ServiceEnvironment
  private let ring: KeyRing
  private let alerts: VaultAlerts
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))
  private let unreadable = Mutex<Set<PaymentMethodID>>([])
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment, ring: KeyRing, alerts: VaultAlerts) {
    self.environment = environment
    self.ring = ring
    self.alerts = alerts
    worker = WorkerLoop("reencryption", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  /// There is work: do not wait for the interval.
  func wake() { worker.wake() }

  func shutdown() async { await worker.shutdown() }

  /// Does what there is to do; answers how many rows it changed.
  @discardableResult
  func work() async throws -> Int {
    guard
      let lease = try await WorkerLease.acquire(
        "reencryption",
        holder: holder,
        environment.database
      )
    else { return 0 }
    var changed = 0
    do {
      while !Task.isCancelled {
        let rewrapped = try await rewrap(lease)
        let resealed = try await reseal(lease)
        changed += rewrapped + resealed
        if rewrapped == 0 && resealed == 0 { break }
      }
      changed += try await destroyEmpty(lease)
    } catch is LeaseLost {
      // Somebody else goes on; what was committed stays.
      environment.logger.notice("re-encryption went to another holder")
    }
    return changed
  }

  private struct LeaseLost: Error {}

  private func renew(_ lease: WorkerLease, _ transaction: borrowing Transaction) async throws {
    let rows = try await transaction.query(lease.renewal())
    guard rows.affected == 1 else { throw LeaseLost() }
  }

  // MARK: Rows

  private func reseal(_ lease: WorkerLease) async throws -> Int {
    let passed = unreadable.withLock { Array($0) }
    let (changed, failed) = try await environment.database.transaction { transaction in
      try await renew(lease, transaction)
      let rows = try await transaction.query(Self.retiring(besides: passed))
      var batch = ResealedBatch()
      for row in rows {
        let old = try RetiringRow(row)
        if let sealed = try? old.resealed(ring) {
          batch.append(old, sealed: sealed)
        } else {
          batch.unreadable[old.method] = old.merchant
        }
      }
      if !batch.methods.isEmpty {
        _ = try await transaction.batch(batch.statements(at: environment.clock.now))
      }
      return (batch.methods.count, batch.unreadable)
    }
    for (method, merchant) in failed {
      environment.logger.error("a reference cannot be opened", metadata: ["method": "\(method)"])
      try await alerts.raiseUnreadable(method, of: merchant)
    }
    unreadable.withLock { known in
      if known.count + failed.count <= Self.unreadableMax { known.formUnion(failed.keys) }
    }
    return changed
  }

  private static func retiring(besides passed: [PaymentMethodID]) -> Statement {
    """
    select r.merchant_id, r.payment_method_id, r.gateway, r.key_version, r.sealed, k.wrapped_by,
      k.wrapped, a.version, a.wrapped_by, a.wrapped
    from merchant_key k
    join gateway_reference r on r.merchant_id = k.merchant_id and r.key_version = k.version
    join merchant_key a on a.merchant_id = k.merchant_id and a.purpose = 'data'
      and a.state = 'active'
    where k.purpose = 'data' and k.state = 'retiring' and r.sealed is not null
      and r.payment_method_id <> all(\(passed))
    limit \(batchMax) for update of r skip locked for share of a
    """
  }

  // MARK: Keys

  private func rewrap(_ lease: WorkerLease) async throws -> Int {
    let (ring, now) = (ring, environment.clock.now)
    return try await environment.database.transaction { transaction in
      try await renew(lease, transaction)
      let rows = try await transaction.query(
        """
        select merchant_id, purpose, version, wrapped_by, wrapped from merchant_key
        where state <> 'destroyed' and wrapped_by <> \(ring.wrapping.id)
          and wrapped_by = any(\(ring.otherIDs))
        limit \(Self.batchMax) for update skip locked
        """
      )
      var statements: [Statement] = []
      for row in rows {
        let (merchant, text, version, wrappedBy, wrapped) = try row.decode(
          (MerchantID, String, Int32, String, [UInt8]?).self
        )
        guard let purpose = KeyPurpose(rawValue: text) else { continue }
        let name = KeyName(merchant: merchant, purpose: purpose, version: version)
        guard let key = try? ring.key(name, wrappedBy: wrappedBy, wrapped: wrapped) else {
          environment.logger.error(
            "a merchant's key cannot be opened",
            metadata: ["merchant": "\(merchant)"]
          )
          continue
        }
        statements.append(
          """
          update merchant_key set wrapped_by = \(ring.wrapping.id),
            wrapped = \(try ring.wrap(key, as: name)), changed_at = \(now), actor = \(Self.actor)
          where merchant_id = \(merchant) and purpose = \(text) and version = \(version)
          """
        )
      }
      if !statements.isEmpty { _ = try await transaction.batch(statements) }
      return statements.count
    }
  }

  private func destroyEmpty(_ lease: WorkerLease) async throws -> Int {
    let now = environment.clock.now
    let names = try await environment.database.transaction { transaction in
      try await renew(lease, transaction)
      let rows = try await transaction.query(
        """
        update merchant_key k set state = 'destroyed', wrapped = null, changed_at = \(now),
          actor = \(Self.actor)
        where k.purpose = 'data' and k.state = 'retiring' and not exists (
          select from gateway_reference r where r.merchant_id = k.merchant_id
            and r.key_version = k.version and r.sealed is not null)
        returning merchant_id, version
        """
      )
      return try rows.decode((MerchantID, Int32).self)
    }
    for (merchant, version) in names {
      ring.forget(KeyName(merchant: merchant, purpose: .data, version: version))
    }
    return names.count
  }
}
