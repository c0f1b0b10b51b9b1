import BillingCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Bills the periods that have begun: inserts what is missing, one period of one subscription at a
/// time, and charges it. Running again changes nothing.
struct Renewals: Sendable {
  /// Subscriptions per look.
  static let batchMax: Int64 = 200
  /// Invoices that are charged at once.
  static let chargesMax = 8

  let payment: InvoicePayment

  private var environment: ServiceEnvironment { payment.environment }

  /// What is due at this moment, by each merchant's own clock. Answers how many periods were billed.
  @discardableResult
  func renewDue() async throws -> Int {
    try await renew(
      environment.database.query(
        SubscriptionStatements.due(payment.time, limit: Self.batchMax)))
  }

  /// What is due of one merchant up to a moment of its clock, period by period, until nothing is
  /// left or the time is over.
  func renewDue(
    of merchant: MerchantID, until moment: Timestamp, within limit: Duration
  ) async throws {
    let end = environment.loop.now.advanced(by: limit)
    while environment.loop.now < end {
      let due = try await environment.database.query(
        SubscriptionStatements.due(of: merchant, at: moment, limit: Self.batchMax))
      // Nothing is due, or what is due could not be billed: the worker goes on.
      guard !due.isEmpty, try await renew(due) > 0 else { return }
    }
  }

  private func renew(_ due: Rows) async throws -> Int {
    var ids = try due.decode((MerchantID, SubscriptionID).self)[...]
    var billed = 0
    while !ids.isEmpty {
      let chunk = ids.prefix(Self.chargesMax)
      ids = ids.dropFirst(Self.chargesMax)
      billed += await withTaskGroup(of: Bool.self) { group in
        for (merchant, id) in chunk {
          group.addTask { await renewLogged(id, of: merchant) }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
    }
    return billed
  }

  /// One subscription's trouble does not stop the others.
  private func renewLogged(_ id: SubscriptionID, of merchant: MerchantID) async -> Bool {
    do {
      guard let issue = try await bill(id, of: merchant) else { return false }
      payment.wake()
      if issue.payment != nil { try await payment.drive(issue.invoice.id, of: merchant) }
      return true
    } catch {
      environment.logger.warning(
        "a renewal failed", metadata: ["subscription": "\(id)", "error": "\(error)"])
      return false
    }
  }

  /// T1 of a renewal: the next period's invoice with its first try. Nil when it is not due.
  func bill(_ id: SubscriptionID, of merchant: MerchantID) async throws -> InvoiceIssue? {
    let now = environment.clock.now
    let stamp = environment.stamp
    let invoice = environment.identifiers.make(InvoiceID.self)
    return try await environment.database.transaction { [self] transaction in
      let found = try await transaction.batch([
        SubscriptionStatements.lock(id, of: merchant),
        SubscriptionStatements.now(of: merchant, payment.time),
      ])
      guard var subscription = try found[0].first.map(SubscriptionRow.init(row:)) else { return nil }
      let merchantNow = try found[1].single()[0, as: Timestamp.self]
      guard subscription.status.renews, subscription.currentPeriod.end <= merchantNow else {
        return nil
      }
      let bill = try Bill(of: subscription.contract, period: subscription.currentPeriod.index + 1)
      let rows = try await transaction.batch([
        InvoiceStatements.claimPeriod(bill.period.index, of: id, merchant, for: invoice),
        InvoiceStatements.nextNumber(of: merchant),
      ])
      // Rolls back, the number too.
      guard rows[0].count == 1 else { throw PeriodBilledBefore() }
      let issue = InvoiceIssue(
        bill, id: invoice,
        number: try StoredValue.known(InvoiceNumber(try rows[1].single()[0, as: Int64.self])),
        of: id, merchant, merchantNow: merchantNow,
        key: PaymentTryRow.key(of: id, period: bill.period.index, try: 1))
      subscription.currentPeriod = bill.period
      subscription.latestInvoice = invoice
      subscription.version += 1
      try await transaction.commit(
        with: [
          SubscriptionStatements.update(subscription, stamp),
          payment.writer.event("customer.subscription.updated", subscription, at: now, stamp),
        ] + issue.statements(payment.writer, at: now, stamp))
      return issue
    }
  }

  /// The subscription's row lags behind its invoices, which no transaction of ours leaves behind.
  struct PeriodBilledBefore: Error {}
}
