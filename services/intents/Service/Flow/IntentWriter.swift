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

  /// The destinations of the outbox.
  static let ledger = "ledger"
  static let webhooks = "webhooks"
  static let billing = "billing"

  /// All that an application changes, for a transaction that holds the intent's lock.
  func statements(_ application: FactApplication, _ stamp: Stamp) -> [Statement] {
    guard !application.touched.isEmpty else { return news(application, stamp) }
    return [IntentStatements.update(application.intent, stamp)]
      + application.appliedFrom.compactMap { id, before in
        guard let operation = application.operations.first(where: { $0.id == id }) else {
          return nil
        }
        return OperationStatements.applied(operation, of: application.intent.id, from: before)
      } + news(application, stamp)
  }

  /// What is written beside the rows of intent and operations: captures, history, outbox, alerts.
  func news(_ application: FactApplication, _ stamp: Stamp) -> [Statement] {
    var statements: [Statement] = []
    var messages: [OutboxMessage] = []
    for capture in application.money.changedCaptures {
      statements.append(
        OperationStatements.decideCapture(capture, of: application.intent, stamp))
    }
    for row in application.money.taken {
      statements.append(ReturnStatements.insert(row, of: application.intent, stamp))
    }
    for step in application.steps {
      if step.arrived { statements += overdueResolved(step.intent, stamp) }
      if step.moved {
        statements.append(IntentStatements.change(step.intent, cause: step.cause, stamp))
        messages += news(step.intent, stamp)
      }
      for notice in step.notices {
        switch notice {
        case .event(let type): messages.append(event(type, step.intent, stamp))
        case .bookCapture: messages += booking(.capture, step.intent, step.fact, stamp)
        case .bookCaptureUndone: messages += booking(.reversal, step.intent, step.fact, stamp)
        case .bookReturn: messages += bookingOfReturn(step.intent, step.fact, stamp)
        case .bookOrphanCapture, .bookOrphanReversal:
          let kind: PostingKind =
            notice == .bookOrphanCapture ? .orphanCapture : .orphanReversal
          messages += booking(kind, orphan: step.fact, step.intent, stamp)
        case .alert(let kind): statements.append(alert(kind, step.intent, step.fact, stamp))
        }
      }
    }
    let refunds = news(of: application.refunds, stamp)
    statements += refunds.statements
    messages += refunds.messages
    if !messages.isEmpty { statements.append(OutboxWriter.insert(messages)) }
    return statements
  }

  /// What a step of a caller commits besides the intent's own row: history, events, news.
  func statements(
    _ intent: IntentRow, cause: String, events: [String], _ stamp: Stamp
  ) -> [Statement] {
    let messages = news(intent, stamp) + events.map { event($0, intent, stamp) }
    let change = IntentStatements.change(intent, cause: cause, stamp)
    return messages.isEmpty ? [change] : [change, OutboxWriter.insert(messages)]
  }

  // MARK: Messages

  func message(
    _ destination: String, _ id: UInt128, _ intent: IntentRow, _ payload: [UInt8], _ stamp: Stamp
  ) -> OutboxMessage {
    OutboxMessage(
      destination: destination, distributionKey: intent.id.bits, id: id, merchant: intent.merchant,
      payload: payload, actor: stamp.actor, traceID: stamp.traceID)
  }

  /// For intents that come from an invoice, the news for billing.
  private func news(_ intent: IntentRow, _ stamp: Stamp) -> [OutboxMessage] {
    guard let type = intent.originType, let id = intent.originID, type == "invoice" else {
      return []
    }
    let event = BillingV1.PaymentEvent(
      merchantID: intent.merchant.description, paymentIntentID: intent.id.description,
      version: UInt64(intent.version), status: intent.state.wireStatus,
      failure: intent.lastFailure.map(IntentsV1.PaymentFailure.init(_:)),
      origin: CommonV1.Origin(type: type, id: id), occurredAt: intent.updatedAt.wire,
      amountPaidMinor: intent.capturedMinor - intent.returnedMinor)
    let key = identifiers.make(EventID.self).bits
    return [message(Self.billing, key, intent, event.encode(), stamp)]
  }

  /// One event for the merchant's webhooks.
  private func event(_ type: String, _ intent: IntentRow, _ stamp: Stamp) -> OutboxMessage {
    let id = identifiers.make(EventID.self)
    let event = WebhooksV1.EventToPublish(
      id: id.description, merchantID: intent.merchant.description, type: type,
      objectID: intent.id.description, objectVersion: UInt64(intent.version),
      createdAt: intent.updatedAt.wire, objectJson: IntentJSON.text(intent))
    return message(Self.webhooks, id.bits, intent, event.encode(), stamp)
  }

  /// The capture as one balanced ledger transaction, named by the movement: whoever describes this
  /// movement again names the same transaction. `.reversal`: it did not happen after all.
  private func booking(
    _ kind: PostingKind, _ intent: IntentRow, _ fact: GatewayV1.Fact, _ stamp: Stamp
  ) -> [OutboxMessage] {
    guard let money = fact.amount, let currency = Currency(money.currency) else { return [] }
    let account = GatewayAccount(gateway: fact.gateway, account: fact.gatewayAccount)
    let source = fact.captureID.isEmpty ? fact.operationID : fact.captureID
    return booking(
      Movement(account: account, kind: kind, source: .operation(source)),
      Amount(currency, minor: money.amountMinor), intent, fact, stamp)
  }

  /// A return is named as the gateway names it, so that its report's line is the same movement.
  private func bookingOfReturn(
    _ intent: IntentRow, _ fact: GatewayV1.Fact, _ stamp: Stamp
  ) -> [OutboxMessage] {
    guard let money = fact.amount, let currency = Currency(money.currency) else { return [] }
    return booking(
      Movement(
        account: GatewayAccount(gateway: fact.gateway, account: fact.gatewayAccount),
        kind: .directDebitReturn,
        source: fact.movementID.isEmpty
          ? .operation(fact.operationID) : .gatewayMovement(fact.movementID)),
      Amount(currency, minor: money.amountMinor), intent, fact, stamp)
  }

  /// Named by the attempt that took the money: several of one operation may. Where the payer's bank
  /// took it back, by the gateway's movement, as its report names it.
  private func booking(
    _ kind: PostingKind, orphan fact: GatewayV1.Fact, _ intent: IntentRow, _ stamp: Stamp
  ) -> [OutboxMessage] {
    guard let money = fact.amount, let currency = Currency(money.currency) else { return [] }
    let account = GatewayAccount(gateway: fact.gateway, account: fact.gatewayAccount)
    return booking(
      Movement(
        account: account, kind: kind,
        source: fact.movementID.isEmpty
          ? .operation(fact.attemptID) : .gatewayMovement(fact.movementID)),
      Amount(currency, minor: money.amountMinor), intent, fact, stamp)
  }

  /// A movement of money that has happened, as one balanced ledger transaction.
  func booking(
    _ movement: Movement, _ amount: Amount, _ intent: IntentRow, _ fact: GatewayV1.Fact,
    _ stamp: Stamp
  ) -> [OutboxMessage] {
    let digest = SHA256.hash(movement.canonicalText)
    let entries =
      movement.kind == .reversal
      ? PostingTemplate.entries(.capture, amount, at: movement.account)
        .map(PostingTemplate.reversal(of:))
      : PostingTemplate.entries(movement.kind, amount, at: movement.account)
    guard let entries,
      let id = LedgerTransactionID(bytes: digest.prefix(16))
    else { return [] }
    let command = LedgerV1.PostingCommand(
      transactionID: id.description, merchantID: intent.merchant.description,
      kind: movement.kind.rawValue, entries: entries.map(LedgerV1.Entry.init(posting:)),
      effectiveAt: fact.occurredAt ?? intent.updatedAt.wire, subject: intent.id.description,
      externalReference: fact.gatewayReference, recordsFact: true,
      metadata: fact.paymentMethodType.isEmpty
        ? []
        : [
          CommonV1.MetadataEntry(
            key: TransactionMetadata.paymentMethodKey, value: fact.paymentMethodType)
        ])
    return [message(Self.ledger, id.bits, intent, command.encode(), stamp)]
  }

  private static let overdue = "authorization_overdue"

  func overdueAlert(
    _ id: PaymentIntentID, of merchant: MerchantID, _ stamp: Stamp
  ) -> Statement {
    Alerts.raise(
      Alert(
        .warning, kind: Self.overdue, subject: id.description,
        message: "The authorisation of \(id) should have ended at the gateway a day ago, which has "
          + "not said so. Look at the payment there, then capture or cancel it.",
        actor: stamp.actor, merchant: UUIDBits(merchant.bits)))
  }

  /// The gateway has said what became of it.
  private func overdueResolved(_ intent: IntentRow, _ stamp: Stamp) -> [Statement] {
    guard let end = intent.captureBefore, intent.updatedAt > end else { return [] }
    return [Alerts.resolve(dedupKeys: ["\(Self.overdue):\(intent.id)"], actor: stamp.actor)]
  }

  private func alert(
    _ kind: String, _ intent: IntentRow, _ fact: GatewayV1.Fact, _ stamp: Stamp
  ) -> Statement {
    Alerts.raise(
      Alert(
        .critical, kind: kind, subject: intent.id.description,
        message: "A \(fact.kind.shortName) fact of operation \(fact.operationID) at "
          + "\(fact.gateway) does not fit the intent's state. Compare with the gateway's books.",
        actor: stamp.actor, merchant: UUIDBits(intent.merchant.bits)))
  }
}

extension LedgerV1.Entry {
  fileprivate init(posting entry: PostingEntry) {
    self.init(
      accountCode: entry.accountCode, side: entry.side == .debit ? .debit : .credit,
      amount: CommonV1.Money(currency: entry.currencyCode, amountMinor: entry.amountMinor))
  }
}
