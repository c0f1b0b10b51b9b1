import Faults
import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// Turns the machine's actions into statements: one transaction decides the winner, inserts the
/// capture job, condemns the others with their reversals, and writes the facts.
struct OperationWriter: Sendable {
  /// The outbox's destination for facts.
  static let intents = "intents"

  /// The call's answer is the first copy of a fact; the relay repeats it a little later. Without a
  /// call, at once.
  static let relayDelay = Duration.seconds(2)

  let identifiers: IdentifierSource
  let clock: any WallClock
  let times: RecoveryTimes

  /// What the actions of one event come with.
  struct Notes: Sendable {
    var route = ""
    /// What the route was decided from and why, for an attempt that begins.
    var decision: RouteDecision?
    /// What was seen, in words.
    var detail = ""
    var milliseconds: Int32?
  }

  /// The facts among the actions, as they are stored and answered.
  func facts(_ actions: [OperationAction], _ record: OperationRecord) -> [GatewayV1.Fact] {
    let now = clock.now
    return actions.compactMap { action in
      guard case .writeFact(let fact) = action else { return nil }
      return GatewayV1.Fact(fact, record, at: now)
    }
  }

  /// What an attempt's outcome says and that it is the winner are one change of its row.
  /// - Parameter facts: what `facts` made of the same actions.
  func statements(
    _ actions: [OperationAction], _ record: OperationRecord, _ notes: Notes,
    _ facts: [GatewayV1.Fact], _ stamp: Stamp
  ) -> [Statement] {
    let folded = Set(actions.compactMap(\.winner)).intersection(actions.compactMap(\.updated))
    let all =
      actions.flatMap { statements($0, record, notes, stamp, folded) }
      + write(facts, record, stamp)
    #if TENDER_FAULTS
      return all + hastyReversals(after: actions, record, stamp)
    #else
      return all
    #endif
  }

  private func statements(
    _ action: OperationAction, _ record: OperationRecord, _ notes: Notes, _ stamp: Stamp,
    _ folded: Set<AttemptID>
  ) -> [Statement] {
    switch action {
    case .insertAttempt(let attempt):
      [
        AttemptStatements.insert(
          attempt, of: record, route: notes.route, notes.decision, stamp)
      ]
    case .updateAttempt(let attempt):
      [
        AttemptStatements.update(
          attempt, of: record, detail: notes.detail, milliseconds: notes.milliseconds,
          disposition: folded.contains(attempt.id) ? .winner : nil, times,
          now: record.now(clock))
      ] + known(attempt, record) + declines(attempt, record, stamp)
    case .setWinner(let id):
      folded.contains(id) ? [] : [AttemptStatements.dispose(id, of: record, .winner)]
    case .condemn(let id, let needsReversal):
      [AttemptStatements.dispose(id, of: record, .condemned)]
        + (needsReversal ? [reversal(id, record, stamp)] : []) + noLongerLate(id, record)
    case .ensureReversal(let id):
      [reversal(id, record, stamp)]
    case .insertRelease(let id):
      [AttemptStatements.insertReversal(id, of: record, afterSeconds: 2, stamp)]
    case .finishReversal(let id):
      endOfReversal(id, record)
    case .insertCapture(let capture):
      [AttemptStatements.insert(capture, of: record, stamp)]
    case .updateCapture(let capture):
      [AttemptStatements.update(capture, of: record)] + decided(capture, record)
    case .repeatCapture(let id, let isNewTry):
      [AttemptStatements.repeat(id, of: record, isNewTry: isNewTry)]
    case .look(let id):
      [AttemptStatements.look(id, of: record, times, now: record.now(clock))]
    case .writeFact:
      // All of a transaction's facts are written together, after what they tell of.
      []
    case .resolve(let kind, let id):
      [resolve([kind.rawValue], id.description)]
    case .alert(.payerResultConflicts, let id):
      [
        raise(
          OperationAlert.payerResultConflicts.rawValue, id, record,
          "what its payer brought back belongs to another payment, and nothing was done with this one. "
            + "Look at who sends such results.", .warning)
      ]
    case .alert(let kind, let id):
      [
        raise(
          kind.rawValue, id, record,
          "Compare the attempt with the gateway's own records before anything else is done.")
      ]
    }
  }

  /// An alert that was raised by the attempt's age ends when it says what is no longer so.
  private func known(_ attempt: Attempt, _ record: OperationRecord) -> [Statement] {
    guard times.mayHaveAlerted(attempt.id, in: record, now: record.now(clock)) else { return [] }
    let over = LookSchedule.Lateness.allCases.filter { !$0.holds(of: attempt.evidence) }
    return [resolve(over.map(\.rawValue), attempt.id.description)]
  }

  /// What counts for the networks: a bank was asked and declined.
  private func declines(
    _ attempt: Attempt, _ record: OperationRecord, _ stamp: Stamp
  ) -> [Statement] {
    guard let decline = attempt.evidence.decline, decline.tableVersion != nil else { return [] }
    return CardDeclineStatements.insert(
      decline, of: attempt.id, record, now: clock.now, stamp)
  }

  private func reversal(
    _ id: AttemptID, _ record: OperationRecord, _ stamp: Stamp
  ) -> Statement {
    AttemptStatements.insertReversal(
      id, of: record, afterSeconds: times.firstReversal, stamp)
  }

  /// Condemned, it has alerts of other kinds.
  private func noLongerLate(_ id: AttemptID, _ record: OperationRecord) -> [Statement] {
    guard times.mayHaveAlerted(id, in: record, now: record.now(clock)) else { return [] }
    return [resolve(LookSchedule.Lateness.allCases.map(\.rawValue), id.description)]
  }

  /// A capture that took long is decided.
  private func decided(_ capture: Capture, _ record: OperationRecord) -> [Statement] {
    guard !capture.isUnderway, let asked = record.captureTimes[capture.id],
      record.now(clock) >= asked + .seconds(GatewayFlow.captureAlertSeconds)
    else { return [] }
    return [resolve(GatewayFlow.captureAlertKinds, capture.id.description)]
  }

  func endOfReversal(_ id: AttemptID, _ record: OperationRecord) -> [Statement] {
    [
      AttemptStatements.finishReversal(id, of: record),
      resolve([GatewayFlow.unprovenKind], id.description),
    ]
  }

  private func resolve(_ kinds: [String], _ subject: String) -> Statement {
    Alerts.resolve(dedupKeys: kinds.map { "\($0):\(subject)" }, actor: GatewayFlow.actor)
  }

  private func raise(
    _ kind: String, _ id: AttemptID, _ record: OperationRecord, _ advice: String,
    _ severity: Alert.Severity = .critical
  ) -> Statement {
    Alerts.raise(
      Alert(
        severity, kind: kind, subject: id.description,
        message: "Attempt \(id) of \(record.intent): \(advice)", actor: "service:gateway-router",
        merchant: UUIDBits(record.merchant.bits)))
  }

  func write(
    _ facts: [GatewayV1.Fact], _ record: OperationRecord, _ stamp: Stamp
  ) -> [Statement] {
    guard !facts.isEmpty else { return [] }
    // An address is told and forgotten: the attempt keeps it while it may matter.
    let payloads = facts.map { $0.withoutNextAction.encode() }
    let messages = facts.map { fact in
      OutboxMessage(
        destination: Self.intents, distributionKey: record.intent.bits,
        id: identifiers.make(EventID.self).bits, merchant: record.merchant,
        payload: fact.encode(),
        actor: stamp.actor, traceID: stamp.traceID,
        delay: CallContext.current == nil ? .zero : Self.relayDelay)
    }
    return [
      """
      insert into fact (merchant_id, intent_id, operation_id, sequence, kind, payload, actor,
        trace_id)
      select \(record.merchant), \(record.intent), \(record.id), sequence, kind, payload,
        \(stamp.actor), \(stamp.traceID)
      from unnest(\(facts.map { Int32(clamping: $0.sequence) }),
        \(facts.map { Int16(clamping: $0.kind.rawValue) }), \(payloads))
        f(sequence, kind, payload)
      """,
      OutboxWriter.insert(messages),
    ]
  }
}

#if TENDER_FAULTS
  extension OperationWriter {
    /// Gives back what is still suspected when another gateway is asked, condemned or not.
    private func hastyReversals(
      after actions: [OperationAction], _ record: OperationRecord, _ stamp: Stamp
    ) -> [Statement] {
      guard Sabotage.voidWithoutCondemned.isOn else { return [] }
      return actions.flatMap { action -> [Statement] in
        guard case .insertAttempt(let new) = action else { return [] }
        return record.operation.attempts.map(\.attempt)
          .filter { $0.id != new.id && !$0.evidence.isResolved }
          .map { reversal($0.id, record, stamp) }
      }
    }
  }
#endif

extension GatewayV1.Fact {
  init(_ fact: Fact, _ record: OperationRecord, at now: Timestamp) {
    self.init(
      operationID: record.id.description, intentID: record.intent.description,
      merchantID: record.merchant.description, sequence: UInt32(fact.sequence),
      kind: .init(rawValue: Int32(fact.kind.rawValue)),
      amount: fact.amount.map(CommonV1.Money.init),
      gateway: fact.gateway?.rawValue ?? "", gatewayAccount: fact.account ?? "",
      gatewayReference: fact.reference ?? "", attemptID: fact.attemptID?.description ?? "",
      decline: fact.decline.map {
        GatewayV1.Decline($0, at: now)
      } ?? fact.bankReturn.map(GatewayV1.Decline.init(_:)),
      occurredAt: (fact.occurredAt ?? now).wire, captureID: fact.captureID?.description ?? "",
      movementID: fact.bankReturn?.movement ?? "",
      expiresAt: fact.kind == .authorized
        ? fact.gateway.map { (now + .seconds($0.traits.authorizationSeconds)).wire } : nil,
      paymentMethodType: record.method?.rawValue ?? "",
      nextAction: fact.gateway.flatMap { gateway in
        fact.action.flatMap { GatewayV1.NextAction($0, at: gateway) }
      }?.encode() ?? [])
  }
}

extension GatewayV1.Decline {
  /// Why the payer's bank took a debit back.
  init(_ back: BankReturn) {
    self.init(code: "debit_returned", gatewayCode: back.code)
  }

  /// - Parameter time: when it was declined; nil where that is not known.
  init(_ decline: Decline, at time: Timestamp?) {
    let wait = decline.retryAfterSeconds.map { Duration.seconds($0) }
    self.init(
      class: .init(rawValue: Int32(decline.class.rawValue)), code: decline.code,
      gatewayCode: decline.gatewayCode, networkCode: decline.networkCode ?? "",
      networkAdviceCode: decline.adviceCode ?? "",
      notBefore: time.flatMap { time in wait.map { (time + $0).wire } },
      tableVersion: UInt32(decline.tableVersion ?? 0))
  }
}

extension OperationAction {
  fileprivate var winner: AttemptID? { if case .setWinner(let id) = self { id } else { nil } }
  fileprivate var updated: AttemptID? {
    if case .updateAttempt(let attempt) = self { attempt.id } else { nil }
  }
}
