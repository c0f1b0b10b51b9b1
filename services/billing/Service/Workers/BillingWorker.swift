import BillingCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Does what nobody calls for: ends claims whose holders died, asks again about tries whose answer
/// is missing, renews subscriptions whose period is over, ends those that were never paid.
final class BillingWorker: Sendable {
  static let interval = Duration.seconds(1)
  /// Claims, tries and overdue subscriptions per look.
  static let batchMax: Int64 = 20

  private let environment: ServiceEnvironment
  private let subscribing: Subscribing
  private let clock: ClockAdvance
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment, _ subscribing: Subscribing, _ clock: ClockAdvance) {
    self.environment = environment
    self.subscribing = subscribing
    self.clock = clock
    worker = WorkerLoop("billing worker", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in await look() }
  }

  func shutdown() async { await worker.shutdown() }

  /// One look; also called by tests. The trouble of one step does not stop the others.
  func look() async {
    await step("claims of new subscriptions") { try await endSubscriptionClaims() }
    await step("claims of clocks") { try await endClockClaims() }
    await step("open tries") { try await makeOpenTries() }
    await step("renewals") { try await clock.renewals.renewDue() }
    await step("first payments") { try await endUnpaid() }
  }

  private func step(_ name: String, _ work: () async throws -> Void) async {
    do {
      try await Deadline.$current.withValue(.after(.seconds(InvoicePayment.limitSeconds * 5))) {
        try await work()
      }
    } catch is CancellationError {
      return
    } catch {
      environment.logger.warning("a step failed", metadata: ["step": "\(name)", "error": "\(error)"])
    }
  }

  private func endSubscriptionClaims() async throws {
    let claims = try await environment.idempotency.takeAbandoned(
      method: "CreateSubscription", limit: Self.batchMax)
    for claim in claims {
      defer { environment.idempotency.release(claim) }
      guard claim.subject.bits != 0 else { continue }
      environment.logger.notice(
        "ending an abandoned claim",
        metadata: ["subscription": "\(SubscriptionID(bits: claim.subject.bits))"])
      try await ignoringLostFence {
        _ = try await subscribing.finish(claim, of: MerchantID(bits: claim.scope.merchant.bits))
      }
    }
  }

  private func endClockClaims() async throws {
    let claims = try await environment.idempotency.takeAbandoned(
      method: "AdvanceClock", limit: Self.batchMax)
    for claim in claims {
      defer { environment.idempotency.release(claim) }
      guard claim.subject.bits != 0 else { continue }
      try await ignoringLostFence {
        _ = try await clock.finish(claim, of: MerchantID(bits: claim.scope.merchant.bits))
      }
    }
  }

  /// Somebody else ends the claim: good.
  private func ignoringLostFence(_ work: () async throws -> Void) async throws {
    do {
      try await work()
    } catch is Idempotency.FenceLost {
      return
    } catch is InvoicePayment.ClaimLost {
      return
    }
  }

  private func makeOpenTries() async throws {
    let tries = try await environment.database.query(
      InvoiceStatements.takeOpenTries(subscribing.payment.time, limit: Self.batchMax)
    ).map(PaymentTryRow.init(row:))
    // All at once: one that hangs until its deadline holds up no other.
    await withTaskGroup(of: Void.self) { group in
      for payment in tries { group.addTask { await self.drive(payment) } }
    }
  }

  private func drive(_ payment: PaymentTryRow) async {
    do {
      try await subscribing.payment.drive(payment.invoice, of: payment.merchant)
    } catch {
      environment.logger.warning(
        "a try is still open", metadata: ["invoice": "\(payment.invoice)", "error": "\(error)"])
    }
  }

  private func endUnpaid() async throws {
    let overdue = try await environment.database.query(
      SubscriptionStatements.firstPaymentOverdue(
        subscribing.payment.time, limit: Self.batchMax)
    ).decode((MerchantID, SubscriptionID).self)
    for (merchant, id) in overdue {
      do {
        _ = try await environment.database.transaction { [subscribing] transaction in
          try await subscribing.end(id, of: merchant, by: .firstPaymentOverdue, in: transaction)
        }
        subscribing.payment.wake()
      } catch is RPCFailure {
        // Paid or canceled in the meantime.
        continue
      }
    }
  }
}
