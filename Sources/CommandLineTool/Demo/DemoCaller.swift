import GRPCCore
import Wire

/// One of the impatient callers of a payment: asks with the payment's key, hangs up early, asks
/// again, until it has an answer that is final or says `processing`.
struct DemoCaller: Sendable {
  struct Result: Sendable {
    var intent = ""
    var status: IntentsV1.PaymentIntentStatus = .unspecified
    var gateway = ""
    var tries = 0
    /// Why it gave up; nil: it has an answer.
    var problem: String?
  }

  static let patienceMilliseconds: Int64 = 60_000
  static let firstTryMilliseconds = 150...2_500
  static let laterTryMilliseconds = 6_000
  static let pauseMilliseconds = 50...500
  /// A payment that failed before anything was sent is confirmed again, each time under a key of
  /// its own that all callers share.
  static let roundsMax = 6

  let session: ServiceSession
  let payment: DemoPlan.Payment
  let method: String
  var random: SeededRandom

  mutating func run() async -> Result {
    var result = Result()
    var round = 0
    let end = MonotonicClock.milliseconds + Self.patienceMilliseconds
    while MonotonicClock.milliseconds < end {
      result.tries += 1
      let isFirst = result.tries == 1
      let limit: Duration = .milliseconds(
        isFirst
          ? Int.random(in: Self.firstTryMilliseconds, using: &random) : Self.laterTryMilliseconds)
      do {
        let intent = try await ask(round, result.intent, within: limit)
        result.intent = intent.id
        result.status = intent.status
        result.gateway = intent.gateway
        guard intent.status == .failed, intent.failure?.kind == .retryable,
          round < Self.roundsMax
        else { return result }
        round += 1
      } catch let error as CallFailure where error.isWorthRepeating {
        // The same key again.
      } catch let error as CallFailure where round > 0 && error.code == .failedPrecondition {
        // Another caller's confirmation is ahead: the settling shows where it ended.
        result.status = .processing
        return result
      } catch {
        result.problem = "\(error)"
        return result
      }
      await pause()
    }
    result.problem = "no answer within \(Self.patienceMilliseconds / 1000) s"
    return result
  }

  private func ask(
    _ round: Int, _ intent: String, within limit: Duration
  ) async throws -> IntentsV1.PaymentIntent {
    if round > 0 {
      return try await PaymentCall.confirm(
        intent, key: "\(payment.key)-\(round)", within: limit, session
      ).message
    }
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: DemoPlan.currency, amountMinor: payment.amountMinor),
      captureMethod: .automatic, paymentMethodID: method, confirm: true,
      description: "demo payment \(payment.number)")
    return try await PaymentCall.create(request, key: payment.key, within: limit, session).message
  }

  private mutating func pause() async {
    let milliseconds = Int.random(in: Self.pauseMilliseconds, using: &random)
    do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return }
  }
}
