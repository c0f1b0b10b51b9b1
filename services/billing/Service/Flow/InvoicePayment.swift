import BillingCore
import Logging
import Money
import Postgres
import ServiceKit

/// The phases of an invoice's payment: T1 has committed the invoice with its try; this asks intents
/// (always with the try's own key) and commits what came of it. A crash in between leaves an open
/// try, and the worker does the same again.
final class InvoicePayment: Sendable {
  /// How long a flow may take after its caller has left; below `ClaimLease.heldMax`.
  static let limitSeconds: Int64 = 12

  let environment: ServiceEnvironment
  let port: any PaymentPort
  let writer: BillingWriter
  let time: BillingTime
  /// Wakes the relays when something was committed for them.
  let wake: @Sendable () -> Void

  init(
    _ environment: ServiceEnvironment, port: any PaymentPort, time: BillingTime = .database,
    wake: @escaping @Sendable () -> Void
  ) {
    self.environment = environment
    self.time = time
    self.port = port
    self.wake = wake
    writer = BillingWriter(identifiers: environment.identifiers, time: time)
  }

  /// An invoice and what belongs to it, after a change.
  struct Outcome: Sendable {
    var subscription: SubscriptionRow
    var invoice: InvoiceRow
    var lines: [BillLine]
    /// Whether the news counted.
    var applied: Bool
  }

  /// A claim and the answer to store for it in the same transaction.
  struct Answer: Sendable {
    var claim: Claim
    var response: @Sendable (Outcome) -> [UInt8]
  }

  /// Somebody took the claim over: nothing of this flow may commit.
  struct ClaimLost: Error {}

  /// Makes the invoice's open try, if it has one, and stores the claim's answer.
  @discardableResult
  func drive(
    _ invoice: InvoiceID, of merchant: MerchantID, answer: Answer? = nil
  ) async throws -> Outcome {
    var settled: (PaymentTryRow, ChargeAnswer)?
    if let (charge, payment) = try await openCharge(invoice, of: merchant) {
      let result = await port.charge(charge)
      settled = (payment, result)
      if case .unknown(let reason) = result {
        environment.logger.warning(
          "what became of a payment is not known yet",
          metadata: ["invoice": "\(invoice)", "reason": "\(reason)"])
      }
    }
    return try await commit(invoice, of: merchant, settled, news: nil, answer)
  }

  /// News that intents sends by itself. Nil: there is no such invoice.
  func hear(
    _ news: PaymentNews, about invoice: InvoiceID, of merchant: MerchantID
  ) async throws -> Outcome? {
    do {
      return try await commit(invoice, of: merchant, nil, news: news, nil)
    } catch let failure as RPCFailure where failure == BillingRefusal.invoiceNotFound {
      return nil
    }
  }

  private func openCharge(
    _ id: InvoiceID, of merchant: MerchantID
  ) async throws -> (Charge, PaymentTryRow)? {
    let rows = try await environment.database.query(InvoiceStatements.openTry(of: id, merchant))
    guard let row = rows.first else { return nil }
    let payment = try PaymentTryRow(row: row)
    guard
      let invoice = try await environment.database.query(
        InvoiceStatements.get(id, of: merchant)
      ).first.map(InvoiceRow.init(row:)),
      let subscription = try await environment.database.query(
        SubscriptionStatements.get(invoice.subscription, of: merchant)
      ).first.map(SubscriptionRow.init(row:))
    else { throw BillingRefusal.invoiceNotFound }
    let charge = Charge(
      merchant: merchant, invoice: id, number: invoice.number, amount: invoice.total,
      customer: subscription.customer, paymentMethod: subscription.paymentMethod,
      intent: payment.kind == .confirm ? invoice.intent : nil, key: payment.key)
    return (charge, payment)
  }

  /// One transaction: invoice, subscription, try, outbox, stored answer. Repeating it changes
  /// nothing. Locks claim, then subscription, in this order everywhere.
  private func commit(
    _ invoice: InvoiceID, of merchant: MerchantID, _ settled: (PaymentTryRow, ChargeAnswer)?,
    news: PaymentNews?, _ answer: Answer?
  ) async throws -> Outcome {
    let stamp = environment.stamp
    let now = environment.clock.now
    defer { wake() }
    return try await environment.database.transaction { [self] transaction in
      var (application, lines) = try await locked(
        invoice, of: merchant, claim: answer?.claim, in: transaction)
      var applied = false
      var statements: [Statement] = []
      if let news { applied = application.apply(news) }
      switch settled {
      case (let payment, .news(let news))?:
        application.closeTry()
        applied = application.apply(news)
        statements.append(InvoiceStatements.close(payment, as: .answered))
      case (let payment, .refused(let reason))?:
        application.closeTry()
        application.refuse(reason: reason)
        statements.append(InvoiceStatements.close(payment, as: .refused))
      case (let payment, .unclear(let reason))?:
        application.closeTry()
        application.leaveToPeople(reason: reason)
        statements.append(InvoiceStatements.close(payment, as: .refused))
      case (_, .unknown)?, nil:
        break
      }
      statements += writer.statements(application, lines, at: now, stamp)
      let outcome = Outcome(
        subscription: application.subscription, invoice: application.invoice, lines: lines,
        applied: applied)
      if let answer {
        statements.append(
          environment.idempotency.finishStatement(
            answer.claim, .response(answer.response(outcome))))
      }
      if !statements.isEmpty { try await transaction.commit(with: statements) }
      return outcome
    }
  }

  private func locked(
    _ id: InvoiceID, of merchant: MerchantID, claim: Claim?, in transaction: borrowing Transaction
  ) async throws -> (NewsApplication, [BillLine]) {
    var statements = [
      SubscriptionStatements.lock(owning: id, of: merchant),
      InvoiceStatements.get(id, of: merchant),
      InvoiceStatements.lines(of: [id], merchant),
      InvoiceStatements.otherOpenOnes(than: id, of: merchant),
      SubscriptionStatements.now(of: merchant, time),
    ]
    if let claim { statements.insert(environment.idempotency.lockStatement(claim), at: 0) }
    var results = try await transaction.batch(statements)
    if claim != nil, results.removeFirst().count != 1 { throw ClaimLost() }
    guard let owner = results[0].first, let row = results[1].first else {
      throw BillingRefusal.invoiceNotFound
    }
    let application = NewsApplication(
      try SubscriptionRow(row: owner), try InvoiceRow(row: row),
      otherOpenInvoices: try results[3].single()[0, as: Int64.self],
      merchantNow: try results[4].single()[0, as: Timestamp.self])
    return (application, try results[2].map { try InvoiceLineRow(row: $0).line })
  }
}
