import Faults
import GatewayCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// RefundOperation, and what goes on with refunds afterwards. Always at the winner's gateway.
extension GatewayFlow {
  /// - Returns: all facts of the operation so far; a refund that can never be is among them as failed.
  /// - Throws: OPERATION_NOT_FOUND, RESTORED_REFUND_UNRESOLVED, CURRENCY_MISMATCH, REFUND_MISMATCH.
  func refund(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID, _ refund: RefundID,
    _ amount: Amount
  ) async throws -> [GatewayV1.Fact] {
    try await ports.routing.restore.requireOpen()
    return try await runs.exclusively(id) { [self] in
      let started = environment.loop.now
      try await requireOwned(id, of: intent, merchant)
      let mayHold = try await ports.routing.restore.mayHold()
      switch try await beginRefund(id, of: intent, refund, amount, mayHold: mayHold) {
      case .new:
        try await sendRefund(refund, of: id, intent, .first, within: left(since: started))
      case .known:
        try await advanceRefund(refund, of: id, intent, within: left(since: started))
      case .refused: break
      }
      return try await facts(id, of: intent)
    }
  }

  private enum Begun { case new, known, refused }

  /// The row is committed before a byte leaves.
  private func beginRefund(
    _ id: OperationID, of intent: PaymentIntentID, _ refund: RefundID, _ amount: Amount,
    mayHold: Bool
  ) async throws -> Begun {
    let stamp = environment.stamp
    return try await environment.database.transaction { [self] transaction in
      let (record, known) = try await Self.locked(id, of: intent, in: transaction)
      #if TENDER_FAULTS
        let limiting = Sabotage.refundByCounter.isOn ? [] : known.map(\.refund)
      #else
        let limiting = known.map(\.refund)
      #endif
      var returnedMinor: Int64 = 0
      var isBesideLost = false
      if let winner = record.operation.winner, !known.contains(where: { $0.refund.id == refund }) {
        // intents may not have heard of a return yet.
        returnedMinor = try ReturnStatements.sum(
          try await transaction.query(ReturnStatements.list(intent, winner.attempt.id)))
        if mayHold {
          isBesideLost = try await Self.isLost(refund, of: winner.attempt, in: transaction)
        }
      }
      do throws(RefundGuard.Refusal) {
        guard
          try RefundGuard.mayBegin(
            refund, amount, of: record.operation, limiting, returnedMinor: returnedMinor,
            isBesideLost: isBesideLost)
        else { return .known }
      } catch {
        switch error {
        case .differs(let difference): throw Self.failure(difference)
        case .never(let reason):
          let failed = Refund(
            id: refund, amount: amount, state: .failed,
            failure: Refund.Failure(code: reason.code, gatewayCode: ""))
          try await transaction.commit(with: refuse(failed, of: record, because: reason, stamp))
          return .refused
        }
      }
      guard let winner = record.operation.winner else { throw RPCFailure.internalError }
      try await transaction.commit(with: [
        RefundStatements.insert(refund, amount, at: winner.attempt.id, of: record, stamp)
      ])
      #if TENDER_FAULTS
        CrashPoint.afterRefundRow.pass()
      #endif
      return .new
    }
  }

  /// A refund that a restore has lost may be the very one that is asked for again: under its own id it
  /// waits for what people settle.
  /// - Returns: whether others were lost.
  /// - Throws: RESTORED_REFUND_UNRESOLVED.
  private static func isLost(
    _ refund: RefundID, of winner: Attempt, in transaction: borrowing Transaction
  ) async throws -> Bool {
    guard let payment = winner.reference else { return false }
    let lost = try await transaction.query(
      RestoreHoldStatements.lostRefunds(of: payment, at: winner.gateway, winner.account)
    ).map { try $0[0, as: String.self] }
    guard !lost.contains(GatewayReference.refund(refund).text) else {
      throw RestoreWatch.refundUnresolved
    }
    return !lost.isEmpty
  }

  /// Told as a fact, so that it arrives whatever becomes of the call. intents asks for nothing that it
  /// knows to be refused: people compare what the two know.
  private func refuse(
    _ refund: Refund, of record: OperationRecord, because reason: RefundGuard.Never,
    _ stamp: Stamp
  ) -> [Statement] {
    let winner = record.operation.winner?.attempt
    let fact = GatewayV1.Fact(
      .failed, refund, at: winner, record, sequence: record.operation.factCount + 1,
      environment.clock.now)
    return [
      RefundStatements.insertRefused(
        refund, at: winner?.id, of: record, detail: "never sent: \(reason)", stamp),
      RefundStatements.countFacts(1, of: record),
      Alerts.raise(
        Alert(
          .warning, kind: "refund_refused", subject: refund.id.description,
          message: "Refund \(refund.id) of \(record.intent) was refused before anything was sent: "
            + "\(reason). It has failed and may be asked for anew; compare what intents and "
            + "gateway-router know with tender show \(record.intent).",
          actor: Self.actor, merchant: UUIDBits(record.merchant.bits))),
    ] + writer.write([fact], record, stamp)
  }

  /// Operation and refunds under the operation's lock.
  static func locked(
    _ id: OperationID, of intent: PaymentIntentID, in transaction: borrowing Transaction
  ) async throws -> (OperationRecord, [RefundRecord]) {
    let rows = try await transaction.batch(
      OperationStatements.load(id, of: intent, lock: true)
        + [RefundStatements.list(id, of: intent)])
    guard let record = try OperationRecord(rows: Array(rows.dropLast())), let last = rows.last else {
      throw RPCFailure.notFound("OPERATION_NOT_FOUND", "There is no operation \(id).")
    }
    let currency = record.operation.amount.currency
    return (record, try last.map { try RefundRecord($0, currency) })
  }

  func refunds(
    _ id: OperationID, of intent: PaymentIntentID, _ currency: Currency
  ) async throws -> [RefundRecord] {
    try await environment.database.query(RefundStatements.list(id, of: intent))
      .map { try RefundRecord($0, currency) }
  }

  // MARK: Going on

  /// The next step of a refund that is not decided: a look, or the same request under its key.
  func advanceRefund(
    _ refund: RefundID, of id: OperationID, _ intent: PaymentIntentID, within limit: Duration
  ) async throws {
    guard limit > .zero, let (record, attempt, known) = try await view(refund, of: id, intent)
    else { return }
    let now = record.now(environment.clock)
    let sentFor = now.seconds - known.sentAt.seconds
    let gate = try await ports.routing.restore.gate()
    let step = RefundRule.step(
      for: known.refund, at: attempt.gateway, ageSeconds: sentFor, keySaysNothing: false,
      isOlderThanRestore: gate.mayHaveLost(after: known.createdAt))
    switch step {
    case .done: return
    case .send: try await sendAgain(refund, of: id, intent, within: limit)
    case .doubt:
      try await learn(
        .outcome(.unknown(.notFound)), about: refund, of: id, intent,
        detail: "it may have been sent after a restore's point")
    case .list where known.refund.state == .queued:
      let started = environment.loop.now
      let heard = await ports.list(known.refund, at: attempt, within: limit)
      if heard.isAbsent {
        let left = limit - started.duration(to: environment.loop.now)
        try await sendAgain(refund, of: id, intent, within: left)
      } else if heard.tells {
        try await learn(
          .outcome(heard.outcome), about: refund, of: id, intent, detail: heard.detail)
      }
    case .replay:
      try await sendRefund(refund, of: id, intent, .replay, within: limit)
    case .get(let reference):
      let heard = await ports.get(
        known.refund, reference: reference, at: attempt, within: limit)
      try await learn(.outcome(heard.outcome), about: refund, of: id, intent, detail: heard.detail)
    case .list:
      let heard = await ports.list(known.refund, at: attempt, within: limit)
      let absence =
        heard.isAbsent ? RefundAbsence(listedAfter: sentFor, at: attempt.gateway) : nil
      try await learn(
        absence.map(RefundEvent.absent) ?? .outcome(heard.outcome), about: refund, of: id, intent,
        detail: heard.detail)
    case .wait: break
    }
    try await alertByAge(
      refund, age: now.seconds - known.createdAt.seconds, record, attempt)
  }

  /// The first send of one that was proven not executed.
  private func sendAgain(
    _ refund: RefundID, of id: OperationID, _ intent: PaymentIntentID, within limit: Duration
  ) async throws {
    // Committed as sending again first: after a crash it is unknown, not unsent. Whoever comes
    // second here sends nothing: his answer would prove nothing about the first one's.
    guard limit > .zero,
      try await learn(.sendAgain, about: refund, of: id, intent, detail: "sent again")
    else { return }
    try await sendRefund(refund, of: id, intent, .first, within: limit)
  }

  /// Sends a refund under its key and stores what came of it. Where the key holds a failure that
  /// says nothing, the payment's refunds are searched.
  private func sendRefund(
    _ refund: RefundID, of id: OperationID, _ intent: PaymentIntentID, _ send: Send,
    within limit: Duration
  ) async throws {
    let started = environment.loop.now
    guard limit > .zero, let (_, attempt, known) = try await view(refund, of: id, intent) else {
      return
    }
    let sent = await ports.refund(attempt, known.refund, send, within: limit)
    try await learn(.outcome(sent.outcome), about: refund, of: id, intent, detail: sent.detail)
    let rest = limit - started.duration(to: environment.loop.now)
    guard case .unknown = sent.outcome, rest > .milliseconds(200) else { return }
    let saysNothing = send == .replay || sent.outcome.isIndeterminate
    switch RefundRule.step(
      for: known.refund, at: attempt.gateway, ageSeconds: 0, keySaysNothing: saysNothing)
    {
    case .list:
      let heard = await ports.list(known.refund, at: attempt, within: rest)
      try await learn(.outcome(heard.outcome), about: refund, of: id, intent, detail: heard.detail)
    case .replay:
      try await sendRefund(refund, of: id, intent, .replay, within: rest)
    case .send, .doubt, .get, .wait, .done: return
    }
  }

  private func view(
    _ refund: RefundID, of id: OperationID, _ intent: PaymentIntentID
  ) async throws -> (OperationRecord, Attempt, RefundRecord)? {
    guard let record = try await load(id, of: intent), let winner = record.operation.winner
    else { return nil }
    let known = try await refunds(id, of: intent, record.operation.amount.currency)
    guard let found = known.first(where: { $0.refund.id == refund }) else { return nil }
    return (record, winner.attempt, found)
  }

  // MARK: Storing

  /// Applies an event under the operation's lock: row, facts, outbox and alerts in one transaction.
  /// - Returns: whether it changed anything.
  @discardableResult
  func learn(
    _ event: RefundEvent, about refund: RefundID, of id: OperationID, _ intent: PaymentIntentID,
    detail: String
  ) async throws -> Bool {
    let stamp = environment.stamp
    let facts = try await environment.database.transaction { [self] transaction in
      let (record, known) = try await Self.locked(id, of: intent, in: transaction)
      guard let winner = record.operation.winner,
        let found = known.first(where: { $0.refund.id == refund }),
        let step = RefundMachine.next(found.refund, event)
      else { return [GatewayV1.Fact]?.none }
      let (facts, statements) = writing(step, of: found, at: winner.attempt, record, detail, stamp)
      try await transaction.commit(with: statements)
      return facts
    }
    announce(facts ?? [])
    return facts != nil
  }

  /// What a step of a refund writes: row, facts, outbox and alerts.
  func writing(
    _ step: RefundMachine.Step, of known: RefundRecord, at attempt: Attempt,
    _ record: OperationRecord, _ detail: String, _ stamp: Stamp
  ) -> (facts: [GatewayV1.Fact], statements: [Statement]) {
    let now = environment.clock.now
    let facts = step.facts.enumerated().map { offset, kind in
      GatewayV1.Fact(
        kind, step.refund, at: attempt, record,
        sequence: record.operation.factCount + 1 + offset, now)
    }
    var statements = [RefundStatements.update(step.refund, of: record, detail: detail)]
    if !facts.isEmpty { statements.append(RefundStatements.countFacts(facts.count, of: record)) }
    statements += writer.write(facts, record, stamp)
    statements += Self.resolved(known, record.now(environment.clock))
    statements += step.alerts.map { Self.alert($0, known.refund.id, record) }
    return (facts, statements)
  }

  /// What was open for long enough to raise an alert has moved on.
  private static func resolved(_ record: RefundRecord, _ now: Timestamp) -> [Statement] {
    guard now.seconds - record.createdAt.seconds > RefundSchedule.unknownAlertSeconds else {
      return []
    }
    let kinds = ["refund_outcome_unknown", "refund_unconfirmed"]
    return [
      Alerts.resolve(
        dedupKeys: kinds.map { "\($0):\(record.refund.id)" }, actor: "service:gateway-router")
    ]
  }

  private static func alert(
    _ kind: RefundAlert, _ refund: RefundID, _ record: OperationRecord
  ) -> Statement {
    Alerts.raise(
      Alert(
        .critical, kind: kind.rawValue, subject: refund.description,
        message: "Refund \(refund) of \(record.intent): compare it with the gateway's own records "
          + "before anything else is done.",
        actor: "service:gateway-router", merchant: UUIDBits(record.merchant.bits)))
  }

  /// Silence decides nothing; people hear of it.
  private func alertByAge(
    _ refund: RefundID, age: Int64, _ record: OperationRecord, _ attempt: Attempt
  ) async throws {
    let known = try await refunds(
      record.id, of: record.intent, record.operation.amount.currency)
    guard let found = known.first(where: { $0.refund.id == refund })?.refund, !found.isDecided
    else { return }
    let isAccepted = found.state == .accepted
    guard
      age > (isAccepted
        ? RefundSchedule.acceptedAlertSeconds : RefundSchedule.unknownAlertSeconds)
    else { return }
    let advice =
      isAccepted
      ? "\(attempt.gateway) accepted it and has not told its result: check that its notifications "
        + "arrive, and its own records."
      : "what became of it is not known: look for reference "
        + "\(GatewayReference.refund(refund)) in \(attempt.gateway)'s own records."
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          isAccepted ? .warning : .critical,
          kind: isAccepted ? "refund_unconfirmed" : "refund_outcome_unknown",
          subject: refund.description, message: "Refund \(refund) of \(record.intent): \(advice)",
          actor: "service:gateway-router", merchant: UUIDBits(record.merchant.bits))))
  }

  private static func failure(_ difference: RefundGuard.Difference) -> RPCFailure {
    switch difference {
    case .currency:
      .failedPrecondition("CURRENCY_MISMATCH", "The operation has another currency.")
    case .amount:
      .failedPrecondition("REFUND_MISMATCH", "This refund id was used for another amount.")
    }
  }
}

extension GatewayPorts.Heard {
  /// Whether it says anything, be it a contradiction: silence must not take back what is known.
  fileprivate var tells: Bool {
    if case .unknown(let reason) = outcome { reason.isConflict } else { true }
  }
}

extension GatewayV1.Fact {
  init(
    _ kind: RefundFactKind, _ refund: Refund, at attempt: Attempt?, _ record: OperationRecord,
    sequence: Int, _ now: Timestamp
  ) {
    self.init(
      operationID: record.id.description, intentID: record.intent.description,
      merchantID: record.merchant.description, sequence: UInt32(sequence),
      kind: .init(rawValue: Int32(kind.rawValue)), amount: CommonV1.Money(refund.amount),
      gateway: attempt?.gateway.rawValue ?? "", gatewayAccount: attempt?.account ?? "",
      gatewayReference: refund.reference ?? "", attemptID: attempt?.id.description ?? "",
      occurredAt: now.wire, refundID: refund.id.description,
      paymentMethodType: record.method?.rawValue ?? "")
    if kind == .failed, let failure = refund.failure {
      decline = GatewayV1.Decline(code: failure.code.rawValue, gatewayCode: failure.gatewayCode)
    }
  }
}
