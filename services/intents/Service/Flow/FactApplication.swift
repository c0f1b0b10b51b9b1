import IntentsCore
import Money
import ServiceKit
import Wire

/// Applies facts to an intent's rows in memory: what comes out is written in one transaction.
/// Each fact counts once, in its operation's order.
struct FactApplication {
  enum Result: String, Sendable {
    case applied
    case duplicate
    case notYet = "not_yet"
    /// No such operation here: the router knows more than we do.
    case unknownOperation = "unknown_operation"
  }

  /// A step that the machine made, to be written to the history and told to others.
  struct Step {
    /// The intent after the step.
    var intent: IntentRow
    var cause: String
    /// A version of its own in the intent's history.
    var moved: Bool
    /// It has reached another status.
    var arrived: Bool
    var notices: [Notice]
    var fact: GatewayV1.Fact
  }

  private(set) var intent: IntentRow
  private(set) var refunds: RefundApplication
  private(set) var operations: [OperationRow]
  private(set) var steps: [Step] = []
  private(set) var money: MoneyRows
  /// The operations that facts were applied to, with the last fact applied before.
  private(set) var appliedFrom: [OperationID: Int32] = [:]
  var touched: some Collection<OperationID> { appliedFrom.keys }
  private let now: Timestamp

  init(
    intent: IntentRow, operations: [OperationRow], refunds: [RefundRow] = [],
    money: MoneyRows = MoneyRows(), now: Timestamp
  ) {
    self.intent = intent
    self.money = money
    self.intent.capturedMinor = money.capturedMinor
    self.intent.returnedMinor = money.returnedMinor
    self.refunds = RefundApplication(refunds, now: now)
    self.operations = operations
    self.now = now
  }

  /// The facts of one answer, in their order.
  mutating func apply(_ facts: [GatewayV1.Fact]) {
    for fact in facts.sorted(by: { $0.sequence < $1.sequence }) { _ = apply(fact) }
  }

  mutating func apply(_ fact: GatewayV1.Fact) -> Result {
    guard let id = OperationID(fact.operationID),
      let index = operations.firstIndex(where: { $0.id == id })
    else { return .unknownOperation }
    let sequence = Int32(clamping: fact.sequence)
    guard sequence > operations[index].appliedSequence else { return .duplicate }
    guard sequence == operations[index].appliedSequence + 1 else { return .notYet }
    if appliedFrom[id] == nil { appliedFrom[id] = operations[index].appliedSequence }
    operations[index].appliedSequence = sequence
    if refunds.apply(fact, of: id, to: &intent) { return .applied }
    if let orphan = OrphanFact(fact.kind) {
      record(fact, moved: false, orphan.notices)
      return .applied
    }
    let isCurrent = intent.currentOperation == id
    guard var meaning = FactMeaning(fact) else {
      record(fact, moved: false, [.alert(kind: "fact_not_understood")])
      return .applied
    }
    if case .captureFailed(let code) = meaning.fact,
      money.isCaptured(meaning.capture ?? CaptureID(bits: id.bits))
    {
      meaning.fact = .captureUndone(code: code)
    }
    guard note(fact, meaning, operation: id, isCurrent: isCurrent && operations[index].isOpen)
    else { return .applied }
    if meaning.closesOperation { operations[index].isOpen = false }
    // A fact of an operation that is not the current one never changes the intent.
    let state = isCurrent ? intent.state : .canceled
    switch IntentMachine.next(state, .fact(meaning.fact), capture: intent.captureMethod) {
    case .moved(let next, let notices):
      let arrived = next.status != intent.state.status
      intent.state = next
      if next == .requiresAction { intent.nextAction = Self.nextAction(of: fact) }
      intent.version += 1
      intent.updatedAt = now
      if case .failed(let failure) = next { intent.lastFailure = failure }
      record(fact, moved: true, arrived: arrived, notices)
    case .unchanged(let notices):
      record(fact, moved: false, notices)
    case .refused:
      record(fact, moved: false, [.alert(kind: "fact_refused")])
    }
    return .applied
  }

  /// None where the gateway gave no address that can be used.
  private static func nextAction(of fact: GatewayV1.Fact) -> GatewayV1.NextAction? {
    guard !fact.nextAction.isEmpty else { return nil }
    do {
      return try GatewayV1.NextAction(decoding: fact.nextAction, strict: false)
    } catch {
      return nil
    }
  }

  private mutating func record(
    _ fact: GatewayV1.Fact, moved: Bool, arrived: Bool = false, _ notices: [Notice]
  ) {
    guard moved || !notices.isEmpty else { return }
    steps.append(
      Step(
        intent: intent, cause: "fact:\(fact.kind.shortName)", moved: moved, arrived: arrived,
        notices: notices, fact: fact))
  }

  /// What the fact says about amounts and the winner.
  /// - Parameter isCurrent: of the operation that the intent waits for.
  /// - Returns: false when it tells nothing that was not told before.
  private mutating func note(
    _ fact: GatewayV1.Fact, _ meaning: FactMeaning, operation: OperationID, isCurrent: Bool
  ) -> Bool {
    let amountMinor = fact.amount?.amountMinor ?? 0
    // An automatic capture in the same call has no id of its own: its operation names it.
    let capture = meaning.capture ?? CaptureID(bits: operation.bits)
    switch meaning.fact {
    case .authorized where isCurrent:
      intent.authorizedMinor = amountMinor
      intent.captureBefore = fact.expiresAt.map(Timestamp.init(wire:))
      noteGateway(fact)
    case .captured:
      if isCurrent {
        intent.authorizedMinor = max(intent.authorizedMinor, amountMinor)
        noteGateway(fact)
      }
      money.decide(capture, of: operation, .captured, amountMinor: amountMinor, at: now)
    case .captureFailed, .captureUndone:
      if meaning.capture != nil || money.isCaptured(capture) {
        money.decide(capture, of: operation, .failed, amountMinor: max(amountMinor, 1), at: now)
      }
    case .returned:
      let isNew = money.take(
        ReturnRow(
          movement: fact.movementName, operation: operation, amountMinor: amountMinor,
          reasonCode: fact.decline?.gatewayCode ?? "",
          occurredAt: fact.occurredAt.map(Timestamp.init(wire:)) ?? now))
      guard isNew else { return false }
    case .pending where isCurrent, .requiresAction where isCurrent:
      noteGateway(fact)
    // Who declined, so that its code can be read and its books be compared.
    case .declined where isCurrent:
      noteGateway(fact)
    case .canceled where isCurrent, .expired where isCurrent:
      intent.authorizedMinor = 0
    case .unknown where isCurrent:
      intent.nextCheckAt = fact.nextCheckAt.map(Timestamp.init(wire:))
    default:
      break
    }
    if meaning.closesOperation { money.dropAsked(of: operation, at: now) }
    intent.capturedMinor = money.capturedMinor
    intent.returnedMinor = money.returnedMinor
    return true
  }

  private mutating func noteGateway(_ fact: GatewayV1.Fact) {
    intent.gateway = fact.gateway
    intent.gatewayAccount = fact.gatewayAccount
    intent.gatewayReference = fact.gatewayReference
  }
}

/// A fact of the contract in the terms of the machine.
struct FactMeaning {
  /// gateway-router's word for an operation that ends because a payment stands which a restore has lost.
  static let paidBeforeRestore = "paid_before_restore"

  var fact: Fact
  var capture: CaptureID?
  var closesOperation: Bool

  /// Nil for a kind of a newer contract.
  init?(_ wire: GatewayV1.Fact) {
    capture = wire.captureID.isEmpty ? nil : CaptureID(wire.captureID)
    closesOperation = false
    switch wire.kind {
    case .authorized: fact = .authorized
    case .captured:
      fact = .captured
      closesOperation = true
    case .declined:
      fact = .declined(Self.failure(wire.decline))
      closesOperation = true
    case .notExecuted:
      let code = Self.code(wire.decline, otherwise: "not_executed")
      fact = code == Self.paidBeforeRestore ? .paidBeforeRestore(code: code) : .notExecuted(code: code)
      closesOperation = true
    case .unknown: fact = .unknown
    case .pending: fact = .pending
    case .canceled:
      fact = .canceled
      closesOperation = true
    case .requiresAction: fact = .requiresAction
    case .captureFailed:
      fact = .captureFailed(code: Self.code(wire.decline, otherwise: "capture_failed"))
      closesOperation = true
    case .conflicted: fact = .conflicted
    case .expired:
      fact = .expired
      closesOperation = true
    case .returned:
      // A return says how much: without an amount there is nothing to book.
      guard let minor = wire.amount?.amountMinor, minor > 0 else { return nil }
      fact = .returned
    // About a refund, not about the intent's own state.
    case .refundPending, .refunded, .refundFailed, .orphanCaptured, .orphanReversed, .unspecified,
      .unrecognized:
      return nil
    }
  }

  private static func code(_ decline: GatewayV1.Decline?, otherwise: String) -> String {
    guard let code = decline?.code, !code.isEmpty else { return otherwise }
    return code
  }

  private static func failure(_ decline: GatewayV1.Decline?) -> IntentFailure {
    IntentFailure(
      kind: .retryable, code: code(decline, otherwise: "card_declined"),
      declineClass: decline.flatMap { DeclineClass(rawValue: Int16(clamping: $0.`class`.rawValue)) },
      gatewayCode: decline?.gatewayCode ?? "")
  }
}

extension GatewayV1.Fact {
  /// What names a return: the gateway's movement, or its operation where the gateway gave none.
  var movementName: String { movementID.isEmpty ? operationID : movementID }
}

extension OrphanFact {
  /// Nil for facts about other things.
  init?(_ kind: GatewayV1.FactKind) {
    switch kind {
    case .orphanCaptured: self = .captured
    case .orphanReversed: self = .reversed
    default: return nil
    }
  }
}

extension GatewayV1.FactKind {
  /// `FACT_KIND_CAPTURED` is `captured`.
  var shortName: String {
    guard let name = protoName else { return "unrecognized" }
    return name.dropFirst("FACT_KIND_".count).lowercased()
  }
}
