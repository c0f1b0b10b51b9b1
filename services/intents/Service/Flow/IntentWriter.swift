import IntentsCore
import LedgerCore
import Money
import Outbox
import Postgres
import Seal
import ServiceKit
import Wire

/// Turns steps into statements: the rows, the history, and one outbox row for everybody who must
/// hear of it. All of it commits together or not at all.
struct IntentWriter: Sendable {
  let identifiers: IdentifierSource
  let alerts: Alerts

  /// The destinations of the outbox.
  static let ledger = "ledger"
  static let webhooks = "webhooks"
  static let billing = "billing"

  func statements(_ application: FactApplication, _ stamp: Stamp) -> [Statement] {
    var statements: [Statement] = []
    for capture in application.captures {
      statements.append(
        OperationStatements.decideCapture(
          capture.id, of: application.intent, operation: capture.operation,
          amountMinor: capture.amountMinor, captured: capture.captured, stamp))
    }
    for step in application.steps {
      if step.moved { statements += moved(step.intent, cause: step.cause, stamp) }
      for notice in step.notices { statements += tell(notice, step.intent, step.fact, stamp) }
    }
    for operation in application.operations where application.touched.contains(operation.id) {
      statements.append(
        OperationStatements.applied(
          operation.id, of: application.intent.id, sequence: operation.appliedSequence,
          isOpen: operation.isOpen))
    }
    if !application.touched.isEmpty {
      statements.append(IntentStatements.update(application.intent, stamp))
    }
    return statements
  }

  /// History and, for intents that come from an invoice, the news for billing.
  func moved(_ intent: IntentRow, cause: String, _ stamp: Stamp) -> [Statement] {
    var statements = [IntentStatements.change(intent, cause: cause, stamp)]
    if intent.originType == "invoice", let news = paymentEvent(intent) {
      statements.append(
        OutboxWriter.insert(
          destination: Self.billing, distribution: intent.id.bits,
          id: identifiers.make(EventID.self).bits, merchant: intent.merchant,
          payload: news.encode()))
    }
    return statements
  }

  /// One event for the merchant's webhooks.
  func event(_ type: String, _ intent: IntentRow) -> Statement {
    let id = identifiers.make(EventID.self)
    let event = WebhooksV1.EventToPublish(
      id: id.description, merchantID: intent.merchant.description, type: type,
      objectID: intent.id.description, objectVersion: UInt64(intent.version),
      createdAt: intent.updatedAt.wire, objectJson: IntentJSON.text(intent))
    return OutboxWriter.insert(
      destination: Self.webhooks, distribution: intent.id.bits, id: id.bits,
      merchant: intent.merchant, payload: event.encode())
  }

  private func tell(
    _ notice: Notice, _ intent: IntentRow, _ fact: GatewayV1.Fact, _ stamp: Stamp
  ) -> [Statement] {
    switch notice {
    case .event(let type): [event(type, intent)]
    case .bookCapture: booking(intent, fact).map { [$0] } ?? []
    case .alert(let kind):
      [
        alerts.raiseStatement(
          severity: .critical, kind: kind, subject: intent.id.description,
          merchant: intent.merchant,
          message: "A \(fact.kind.shortName) fact of operation \(fact.operationID) at "
            + "\(fact.gateway) does not fit the intent's state. Compare with the gateway's books.")
      ]
    }
  }

  /// The capture as one balanced ledger transaction, named by the movement: whoever describes this
  /// movement again names the same transaction.
  private func booking(_ intent: IntentRow, _ fact: GatewayV1.Fact) -> Statement? {
    guard let money = fact.amount, let currency = Currency(money.currency) else { return nil }
    let account = GatewayAccount(gateway: fact.gateway, account: fact.gatewayAccount)
    let source = fact.captureID.isEmpty ? fact.operationID : fact.captureID
    let movement = Movement(account: account, kind: .capture, source: .operation(source))
    let amount = Amount(currency, minor: money.amountMinor)
    guard let entries = PostingTemplate.entries(.capture, amount, at: account) else { return nil }
    let digest = SHA256.hash(Array(movement.canonicalText.utf8))
    guard let id = LedgerTransactionID(bytes: digest.prefix(16)) else { return nil }
    let command = LedgerV1.PostingCommand(
      transactionID: id.description, merchantID: intent.merchant.description,
      kind: PostingKind.capture.rawValue,
      entries: entries.map(LedgerV1.Entry.init(posting:)),
      effectiveAt: fact.occurredAt ?? intent.updatedAt.wire, subject: intent.id.description,
      externalReference: fact.gatewayReference, recordsFact: true)
    return OutboxWriter.insert(
      destination: Self.ledger, distribution: intent.id.bits, id: id.bits,
      merchant: intent.merchant, payload: command.encode())
  }

  private func paymentEvent(_ intent: IntentRow) -> BillingV1.PaymentEvent? {
    guard let type = intent.originType, let id = intent.originID else { return nil }
    return BillingV1.PaymentEvent(
      merchantID: intent.merchant.description, paymentIntentID: intent.id.description,
      version: UInt64(intent.version), status: intent.state.wireStatus,
      failure: intent.lastFailure.map(IntentsV1.PaymentFailure.init(_:)),
      origin: CommonV1.Origin(type: type, id: id), occurredAt: intent.updatedAt.wire)
  }
}

extension LedgerV1.Entry {
  fileprivate init(posting entry: PostingEntry) {
    self.init(
      accountCode: entry.accountCode, side: entry.side == .debit ? .debit : .credit,
      amount: CommonV1.Money(currency: entry.currencyCode, amountMinor: entry.amountMinor))
  }
}
