import IntentsCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// Ends what somebody left behind: claims whose holder died, and intents that have been processing
/// with nobody at work on them. Begins no new money movement: what never reached a gateway is
/// closed, what did is told by gateway-router's facts.
final class RecoveryWorker: Sendable {
  static let interval = Duration.seconds(1)
  /// Intents and refunds taken per look.
  static let batchMax: Int64 = 20
  /// Claims taken at once: worked off one by one, well before they count as hung.
  static let claimsMax: Int64 = 4
  /// An intent is looked at when nothing changed it for this long: longer than any live flow.
  static let stuckSeconds: Double = 15

  /// How long one piece of work may take: as long as that of a caller.
  static let limit = Duration.seconds(IntentFlow.limitSeconds)

  private let environment: ServiceEnvironment
  private let flow: IntentFlow
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment, flow: IntentFlow) {
    self.environment = environment
    self.flow = flow
    worker = WorkerLoop("recovery", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in try await look() }
  }

  func shutdown() async { await worker.shutdown() }

  /// One look; also called by tests.
  func look() async throws {
    var mostTaken = try await end("CreatePaymentIntent") {
      IntentsV1.CreatePaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
    }
    mostTaken = max(
      mostTaken,
      try await end("ConfirmPaymentIntent") {
        IntentsV1.ConfirmPaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
      })
    mostTaken = max(
      mostTaken,
      try await end("CapturePaymentIntent") {
        IntentsV1.CapturePaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
      })
    mostTaken = max(
      mostTaken,
      try await end("CancelPaymentIntent") {
        IntentsV1.CancelPaymentIntentResponse(paymentIntent: IntentsV1.PaymentIntent($0))
      })
    // What a payer brought back is kept nowhere: their merchant hands it over again.
    mostTaken = max(
      mostTaken,
      try await end("CompletePaymentAction", forgetsWaiting: true) {
        IntentsV1.CompletePaymentActionResponse(paymentIntent: IntentsV1.PaymentIntent($0))
      })
    mostTaken = max(mostTaken, try await refunds())
    let stuck = try await environment.database.query(
      IntentStatements.takeStuck(olderThanSeconds: Self.stuckSeconds, limit: Self.batchMax))
    for row in stuck {
      let (merchant, id) = try row.decode((MerchantID, PaymentIntentID).self)
      try await bounded { try await flow.settle(id, of: merchant) }
    }
    try await reportOverdue()
    // A process died with many: the next ones do not wait for the interval.
    if mostTaken >= Self.claimsMax { worker.wake() }
  }

  /// That its time is over proves nothing: an authorisation stays capturable until the gateway has
  /// said that it is not. Whoever never says so is for people.
  private func reportOverdue() async throws {
    let rows = try await environment.database.query(
      IntentStatements.takeOverdue(limit: Self.batchMax))
    for row in rows {
      let (merchant, id) = try row.decode((MerchantID, PaymentIntentID).self)
      _ = try await environment.database.query(
        flow.writer.overdueAlert(id, of: merchant, environment.stamp))
    }
  }

  /// Refunds go on: the same id and key make no second one, and the money is the payer's.
  /// - Returns: how many claims were taken over.
  private func refunds() async throws -> Int {
    let refunds = RefundFlow(flow: flow)
    let claims = try await environment.idempotency.takeAbandoned(
      method: "CreateRefund", limit: Self.claimsMax)
    for claim in claims {
      guard claim.subject.bits != 0 else {
        environment.idempotency.release(claim)
        continue
      }
      do {
        try await bounded {
          _ = try await refunds.finish(
            claim, RefundID(bits: claim.subject.bits),
            of: MerchantID(bits: claim.scope.merchant.bits))
        }
      } catch {
        report(error, of: claim)
      }
    }
    let stuck = try await environment.database.query(
      RefundStatements.takeUnknown(limit: Self.batchMax))
    for row in stuck {
      let (merchant, id) = try row.decode((MerchantID, RefundID).self)
      try await bounded { try await refunds.settle(id, of: merchant) }
    }
    return claims.count
  }

  /// - Returns: how many claims were taken over.
  private func end<Response: WireMessage>(
    _ method: String, forgetsWaiting: Bool = false,
    _ answer: @Sendable @escaping (IntentRow) -> Response
  ) async throws -> Int {
    let claims = try await environment.idempotency.takeAbandoned(
      method: method, limit: Self.claimsMax)
    for claim in claims {
      guard claim.subject.bits != 0 else {
        environment.idempotency.release(claim)
        continue
      }
      environment.logger.notice(
        "ending an abandoned claim",
        metadata: ["method": "\(method)", "intent": "\(PaymentIntentID(bits: claim.subject.bits))"])
      do {
        let (intent, merchant) = (
          PaymentIntentID(bits: claim.subject.bits), MerchantID(bits: claim.scope.merchant.bits)
        )
        if forgetsWaiting, try await flow.view(intent, of: merchant).intent.state == .requiresAction {
          try await environment.idempotency.forget(claim)
          environment.idempotency.release(claim)
          continue
        }
        try await bounded {
          _ = try await flow.finish(claim, intent, of: merchant, by: .worker, answer: answer)
        }
      } catch {
        report(error, of: claim)
      }
    }
    return claims.count
  }

  /// Nobody waits for it, so that nothing else would end a call that hangs.
  private func bounded(_ work: () async throws -> Void) async throws {
    try await Deadline.$current.withValue(.after(Self.limit)) { try await work() }
  }

  /// One claim that cannot be ended now holds up no other; its lease ends and it is taken again.
  private func report(_ error: any Error, of claim: Claim) {
    guard !(error is Idempotency.FenceLost) else { return }
    environment.logger.warning(
      "an abandoned claim was not ended",
      metadata: ["method": "\(claim.scope.method)", "error": "\(error)"])
  }
}
