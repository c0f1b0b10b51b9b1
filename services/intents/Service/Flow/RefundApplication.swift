import IntentsCore
import LedgerCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// Applies facts about refunds to their rows in memory. The order of facts, and that each counts
/// once, is their operation's (`FactApplication`).
struct RefundApplication {
  /// A step to be written and told.
  struct Step {
    var refund: RefundRow
    /// The intent after the step.
    var intent: IntentRow
    var cause: String
    var notices: [RefundNotice]
    var fact: GatewayV1.Fact
  }

  private(set) var rows: [RefundRow]
  private(set) var steps: [Step] = []
  private let now: Timestamp

  init(_ rows: [RefundRow], now: Timestamp) {
    self.rows = rows
    self.now = now
  }

  func row(_ id: RefundID) -> RefundRow? { rows.first { $0.id == id } }

  /// - Returns: false when the fact is about no refund.
  mutating func apply(
    _ fact: GatewayV1.Fact, of operation: OperationID, to intent: inout IntentRow
  ) -> Bool {
    guard let meaning = RefundFact(fact), let id = RefundID(fact.refundID),
      let index = index(of: id, fact, operation, intent)
    else { return false }
    var refund = rows[index]
    // One that was refused before anything was sent names no gateway.
    if !fact.gateway.isEmpty {
      refund.gateway = fact.gateway
      refund.gatewayAccount = fact.gatewayAccount
    }
    if !fact.gatewayReference.isEmpty { refund.gatewayReference = fact.gatewayReference }
    guard let step = RefundMachine.next(refund.state, meaning) else { return true }
    intent.take(refund.state, -refund.amount.minor)
    intent.take(step.state, refund.amount.minor)
    intent.version += 1
    intent.updatedAt = now
    refund.state = step.state
    refund.version += 1
    refund.updatedAt = now
    refund.nextCheckAt = nil
    rows[index] = refund
    steps.append(
      Step(
        refund: refund, intent: intent, cause: "fact:\(fact.kind.shortName)",
        notices: step.notices, fact: fact))
    return true
  }

  /// After a restore gateway-router may know refunds that are not here: they get their rows.
  private mutating func index(
    of id: RefundID, _ fact: GatewayV1.Fact, _ operation: OperationID, _ intent: IntentRow
  ) -> Int? {
    if let known = rows.firstIndex(where: { $0.id == id }) { return known }
    guard let money = fact.amount, let currency = Currency(money.currency), money.amountMinor > 0
    else { return nil }
    rows.append(
      RefundRow(
        merchant: intent.merchant, intent: intent.id, id: id, operation: operation,
        amount: Amount(currency, minor: money.amountMinor), reason: .unspecified,
        state: .pending(.outcomeUnknown), gateway: "", gatewayAccount: "", gatewayReference: "",
        metadataKeys: [], metadataValues: [], nextCheckAt: nil, version: 0, createdAt: now,
        updatedAt: now))
    return rows.count - 1
  }
}

extension RefundFact {
  /// Nil for facts about other things.
  init?(_ wire: GatewayV1.Fact) {
    switch wire.kind {
    case .refundPending: self = .pending
    case .refunded: self = .refunded
    case .refundFailed:
      self = .failed(
        RefundFailure(
          code: wire.decline?.code ?? "refund_failed", gatewayCode: wire.decline?.gatewayCode ?? ""
        ))
    case .authorized, .captured, .declined, .notExecuted, .unknown, .pending, .canceled,
      .requiresAction, .captureFailed, .conflicted, .expired, .returned, .orphanCaptured,
      .orphanReversed, .unspecified, .unrecognized:
      return nil
    }
  }
}

extension IntentRow {
  /// Keeps the sums of refunds as the rows will have them.
  mutating func take(_ state: RefundState, _ minor: Int64) {
    if state.reserves { refundsReservedMinor += minor }
    if state == .succeeded { refundedMinor += minor }
  }
}

extension IntentWriter {
  /// What steps of refunds write: rows, the intent's history, and one outbox row for everybody who
  /// must hear of it.
  func news(
    of refunds: RefundApplication, _ stamp: Stamp
  ) -> (statements: [Statement], messages: [OutboxMessage]) {
    var statements: [Statement] = []
    var messages: [OutboxMessage] = []
    for step in refunds.steps {
      statements.append(RefundStatements.write(step.refund, stamp))
      statements.append(IntentStatements.change(step.intent, cause: step.cause, stamp))
      statements += resolved(step.refund, stamp)
      for notice in step.notices {
        switch notice {
        case .event(let type): messages.append(event(type, step.refund, step.intent, stamp))
        case .bookRefund: messages += booking(.refund, step, stamp)
        case .bookReturn: messages += booking(.refundFailed, step, stamp)
        case .alert(let kind): statements.append(alert(kind, step.refund, stamp))
        }
      }
    }
    return (statements, messages)
  }

  /// One event about a refund for the merchant's webhooks.
  func event(
    _ type: String, _ refund: RefundRow, _ intent: IntentRow, _ stamp: Stamp
  ) -> OutboxMessage {
    let id = identifiers.make(EventID.self)
    let event = WebhooksV1.EventToPublish(
      id: id.description, merchantID: refund.merchant.description, type: type,
      objectID: refund.id.description, objectVersion: UInt64(refund.version),
      createdAt: refund.updatedAt.wire, objectJson: RefundJSON.text(refund))
    return message(Self.webhooks, id.bits, intent, event.encode(), stamp)
  }

  /// Both kinds are named by our refund: a failure names the refund it takes back.
  private func booking(
    _ kind: PostingKind, _ step: RefundApplication.Step, _ stamp: Stamp
  ) -> [OutboxMessage] {
    let account = GatewayAccount(
      gateway: step.fact.gateway, account: step.fact.gatewayAccount)
    return booking(
      Movement(account: account, kind: kind, source: .operation(step.refund.id.description)),
      step.refund.amount, step.intent, step.fact, stamp)
  }

  /// What was unknown for long enough to raise an alert is known now.
  private func resolved(_ refund: RefundRow, _ stamp: Stamp) -> [Statement] {
    let age = refund.updatedAt.seconds - refund.createdAt.seconds
    guard age > RefundStatements.alertSeconds else { return [] }
    return [
      Alerts.resolve(
        dedupKeys: ["refund_outcome_unknown:\(refund.id)", "refund_refused:\(refund.id)"],
        actor: stamp.actor)
    ]
  }

  func alert(_ kind: String, _ refund: RefundRow, _ stamp: Stamp) -> Statement {
    Alerts.raise(
      Alert(
        .critical, kind: kind, subject: refund.id.description,
        message: "Refund \(refund.id) of \(refund.intent) at \(refund.gateway): compare it with the "
          + "gateway's own records.",
        actor: stamp.actor, merchant: UUIDBits(refund.merchant.bits)))
  }
}
