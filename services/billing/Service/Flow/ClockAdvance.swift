import BillingCore
import Money
import Postgres
import ServiceKit
import Wire

/// Moves a test merchant's clock, then bills what is due by then.
struct ClockAdvance: Sendable {
  /// How long a call bills before it answers; the worker does the rest.
  static let billingSeconds: Int64 = 9

  let renewals: Renewals

  private var environment: ServiceEnvironment { renewals.payment.environment }

  /// T1, in the claim's transaction.
  /// - Throws: LIVE_MERCHANT, CLOCK_BACKWARDS, CLOCK_STEP_TOO_LARGE.
  func start(
    _ merchant: MerchantID, to moment: Timestamp, in transaction: borrowing Transaction
  ) async throws {
    guard !merchant.isLive else { throw BillingRefusal.liveMerchant }
    let now = try await transaction.query(
      SubscriptionStatements.now(of: merchant, renewals.payment.time)
    ).single()[0, as: Timestamp.self]
    guard moment >= now else { throw BillingRefusal.clockBackwards(now) }
    guard moment <= now + .seconds(BillingLimits.clockStepDaysMax * 86_400) else {
      throw BillingRefusal.clockStepTooLarge
    }
    let rows = try await transaction.query(
      SubscriptionStatements.advanceClock(of: merchant, from: now, to: moment, environment.stamp))
    // Another call moved it further in between.
    guard rows.count == 1 else { throw BillingRefusal.clockBackwards(moment) }
  }

  func finish(_ claim: Claim, of merchant: MerchantID) async throws
    -> BillingV1.AdvanceClockResponse
  {
    defer { environment.idempotency.release(claim) }
    let rows = try await environment.database.query(SubscriptionStatements.clock(of: merchant))
    let (moment, from) = try rows.single().decode((Timestamp, Timestamp).self)
    try await renewals.renewDue(
      of: merchant, until: moment, within: .seconds(Self.billingSeconds))
    let created = try await environment.database.query(
      InvoiceStatements.renewals(of: merchant, after: from, until: moment)
    ).single()[0, as: Int64.self]
    let response = BillingV1.AdvanceClockResponse(
      now: moment.wire, invoicesCreated: UInt32(clamping: created))
    try await environment.database.transaction { [environment] transaction in
      try await environment.idempotency.finish(claim, .response(response.encode()), in: transaction)
    }
    return response
  }
}
