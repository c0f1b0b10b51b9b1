import Faults
import GatewayCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// Finding out what became of attempts and captures whose outcome is not known. Never a guess.
extension GatewayFlow {
  /// Looks at a live attempt: by the gateway's id, or by the same request under the same key while
  /// it is its open operation's only one.
  func look(
    at id: AttemptID, _ record: OperationRecord, within limit: Duration
  ) async throws {
    let now = environment.clock.now
    guard let attempt = record.operation.attempt(id), limit > .zero else { return }
    let gate = try await ports.routing.restore.gate()
    // After a restore another gateway may have been asked since, which nobody here remembers.
    let mayEnd = try await mayEnd(record)
    guard !attempt.evidence.isNegative else {
      guard mayEnd else { return }
      // Its call died before it said what follows. Nothing is asked, least of all sent again.
      let moved = try await move(record.id, of: record.intent, .init()) { operation, step in
        step == 0 ? Self.exhaustion(of: operation) : nil
      }
      if moved.actions.isEmpty {
        try await lookAgain(at: id, record)
      }
      return
    }
    // The caller is gone: nothing may go out late, also where this process's clock is behind.
    let recordNow = record.now(environment.clock)
    let isInTime = now < record.sendBefore && recordNow < record.sendsUntil
    // A list that is still read may have named another payment of the intent.
    let isFree =
      try await ports.routing.restore.hold(on: record.intent, of: record.merchant) == .free
    let heard: GatewayPorts.Heard
    let probe = ProbeRule.step(
      for: id, in: record.operation, ageSeconds: recordNow.seconds - record.sentSeconds(id),
      sendWindowIsOpen: isInTime && isFree && gate.mayRepeat(sentAt: record.sentAt(id)))
    #if TENDER_FAULTS
      let step =
        Sabotage.replayAfterSecond.isOn && attempt.reference == nil ? ProbeStep.replay : probe
    #else
      let step = probe
    #endif
    switch step {
    case .get(let reference):
      heard = await ports.get(record, attempt, reference: reference, within: limit)
    case .replay:
      guard let method = try await resolve(record) else { return }
      let replayed = await ports.authorize(record, attempt, method, .replay, within: limit)
      // A failure that the gateway keeps under the key is all the key will ever say: its list knows.
      heard =
        replayed.outcome.isIndeterminate && attempt.gateway.traits.findsByReference
        ? await ports.find(record, attempt, now: recordNow, within: limit) : replayed
    case .find:
      heard = await ports.find(record, attempt, now: recordNow, within: limit)
    case .wait:
      if mayEnd { try await lookAgain(at: id, record) }
      return
    }
    let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: heard.milliseconds)
    let moved = try await move(record.id, of: record.intent, notes) { operation, step in
      switch step {
      case 0: .outcome(id, heard.outcome)
      case 1: mayEnd ? Self.exhaustion(of: operation) : nil
      default: nil
      }
    }
    if let capture = moved.record.operation.winner?.captures.first(where: { $0.state == .queued }) {
      try await sendCapture(capture, moved.record, within: limit)
    } else if moved.actions.isEmpty, mayEnd {
      // While it is closed or held nothing is given up: the lease is the pause.
      try await lookAgain(at: id, moved.record)
    }
  }

  /// Nothing has changed: the next look by schedule, while the attempt may still win.
  private func lookAgain(at id: AttemptID, _ record: OperationRecord) async throws {
    _ = try await environment.database.query(
      AttemptStatements.look(id, of: record, times, now: record.now(environment.clock)))
  }

  /// Nobody is there to try another gateway.
  static func exhaustion(of operation: Operation) -> OperationEvent? {
    guard case .open(let live, _) = operation.phase, live.allSatisfy(\.evidence.isNegative) else {
      return nil
    }
    return .routesExhausted
  }

  // MARK: Captures

  /// Sends a capture under its key and stores what came of it.
  /// - Returns: what came of it; the operation as it is when there was no time to send.
  @discardableResult
  func sendCapture(
    _ capture: Capture, _ record: OperationRecord, within limit: Duration
  ) async throws -> Moved {
    guard limit > .zero, let winner = record.operation.winner,
      try await !ports.routing.restore.gate().isClosed,
      try await ports.routing.restore.hold(on: record.intent, of: record.merchant) == .free
    else { return Moved(record: record, actions: [], refusal: nil) }
    let number = record.captureTries[capture.id] ?? 1
    let send: Send = capture.state == .queued ? .first : .replay
    let heard = await ports.capture(
      record, winner.attempt, capture, try: number, send, within: limit)
    let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: nil)
    return try await move(record, notes) { _, step in
      step == 0 ? .captureOutcome(capture.id, heard.outcome) : nil
    }
  }

  /// A capture that is under way: look first; only when the look shows it undone, try again.
  func advanceCapture(
    _ capture: Capture, _ record: OperationRecord, within limit: Duration
  ) async throws {
    guard limit > .zero, let winner = record.operation.winner else { return }
    let hold = try await ports.routing.restore.hold(on: record.intent, of: record.merchant)
    guard hold != .stands else {
      try await withdraw(capture.id, winner.attempt, record, within: limit)
      return
    }
    guard capture.state != .queued else {
      try await sendCapture(capture, record, within: limit)
      return
    }
    guard winner.attempt.gateway.traits.canGet, let reference = winner.attempt.reference else {
      // Without a look, the same request under the same key.
      // The result of one that was accepted comes by notification.
      guard capture.state == .unknown else { return }
      try await sendCapture(capture, record, within: limit)
      return
    }
    let heard = await ports.get(record, winner.attempt, reference: reference, within: limit)
    let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: heard.milliseconds)
    let moved = try await move(record.id, of: record.intent, notes) { _, step in
      step == 0 ? .outcome(winner.attempt.id, heard.outcome) : nil
    }
    // The rules re-queue a capture that the look has proven undone, under a new key.
    let after = moved.record.operation.winner?.captures.first { $0.id == capture.id }
    guard let after, after.state == .queued else { return }
    guard let again = try await load(record.id, of: record.intent) else { return }
    try await sendCapture(after, again, within: limit)
  }

  /// Another payment keeps the intent's money, as people have settled: what is not captured fails, and
  /// its authorisation is released. What was queued at the restore's point may have gone out since: it
  /// is looked at first where that is possible.
  private func withdraw(
    _ id: CaptureID, _ attempt: Attempt, _ record: OperationRecord, within limit: Duration
  ) async throws {
    let withdrawal = OperationEvent.withdrawCapture(id, PaidBeforeRestore.decline)
    guard attempt.gateway.traits.canGet, let reference = attempt.reference else {
      _ = try await move(record.id, of: record.intent, .init()) { _, step in
        step == 0 ? withdrawal : nil
      }
      return
    }
    let heard = await ports.get(record, attempt, reference: reference, within: limit)
    let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: heard.milliseconds)
    _ = try await move(record.id, of: record.intent, notes) { _, step in
      switch step {
      case 0: .outcome(attempt.id, heard.outcome)
      case 1: heard.outcome.showsAuthorization ? withdrawal : nil
      default: nil
      }
    }
  }

  /// From then on people hear of a capture that is not decided.
  static let captureAlertSeconds: Int64 = 3_600
  private static let captureUnconfirmed = "capture_unconfirmed"
  private static let captureUnknown = "capture_outcome_unknown"
  static let captureAlertKinds = [captureUnconfirmed, captureUnknown]

  /// A capture that is still under way after so long is for people.
  func alertByAge(
    _ id: CaptureID, of operation: OperationID, _ intent: PaymentIntentID
  ) async throws {
    guard let record = try await load(operation, of: intent), let winner = record.operation.winner,
      let capture = winner.captures.first(where: { $0.id == id }), capture.isUnderway,
      let asked = record.captureTimes[id],
      record.now(environment.clock) >= asked + .seconds(Self.captureAlertSeconds)
    else { return }
    let isAccepted = capture.state == .sent
    let advice =
      isAccepted
      ? "accepted it and has not told its result: check that its notifications arrive, and its own "
        + "records"
      : "has not answered it: look for reference \(GatewayReference.capture(id, try: 1)) in its own "
        + "records"
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          isAccepted ? .warning : .critical,
          kind: isAccepted ? Self.captureUnconfirmed : Self.captureUnknown,
          subject: id.description,
          message: "The capture of \(record.intent): \(winner.attempt.gateway) \(advice).",
          actor: Self.actor, merchant: UUIDBits(record.merchant.bits))))
  }

  // MARK: Reversals

  /// One step of giving back what a condemned attempt, or a winner to be released, holds.
  /// - Parameter ageSeconds: since it was condemned, as the schedule counts.
  func reverse(
    _ id: AttemptID, _ record: OperationRecord, try number: Int, ageSeconds: Int64 = 0,
    within limit: Duration
  ) async throws {
    var record = record
    var isFresh = false
    // A look, then the act it shows to be right.
    for _ in 0..<2 {
      guard let attempt = record.operation.attempt(id) else { return }
      let heard: GatewayPorts.Heard?
      let returnedMinor =
        attempt.evidence == .captured ? try await returnedMinor(of: id, record.intent) : 0
      #if TENDER_FAULTS
        let step =
          Sabotage.voidWithoutCondemned.isOn
          ? ReversalRule.step(for: attempt, isFresh: isFresh)
          : ReversalRule.step(
            about: id, in: record.operation, isFresh: isFresh, returnedMinor: returnedMinor)
      #else
        let step = ReversalRule.step(
          about: id, in: record.operation, isFresh: isFresh, returnedMinor: returnedMinor)
      #endif
      switch step {
      case .get(let reference):
        heard = await ports.get(record, attempt, reference: reference, within: limit)
        isFresh = true
      case .find:
        heard = await search(attempt, record, ageSeconds: ageSeconds, within: limit)
        isFresh = true
      case .cancel(let reference):
        heard = await ports.cancel(
          record, attempt, reference: reference, try: number, within: limit)
      case .cancelByReference:
        heard = await ports.cancel(record, attempt, reference: nil, try: number, within: limit)
      case .refund(let reference):
        let sent = await ports.compensate(record, attempt, reference: reference, within: limit)
        heard =
          sent.outcome.isRefunded || sent.outcome.isConflict
          ? sent : await ports.listCompensation(record, attempt, within: limit)
      case .done:
        try await endReversal(id, record)
        return
      case .wait: heard = nil
      }
      guard let heard else { break }
      let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: nil)
      record = try await move(record.id, of: record.intent, notes) { _, step in
        step == 0 ? .outcome(id, heard.outcome) : nil
      }.record
      guard isFresh else { break }
    }
    guard let attempt = record.operation.attempt(id) else { return }
    if attempt.evidence.isResolved {
      try await endReversal(id, record)
    } else if ageSeconds >= ReversalSchedule.alertSeconds {
      try await reportUnproven(id, record)
    }
  }
}

extension GatewayFlow {
  /// Nothing is left to give back, and what was said of it by its age is over.
  private func endReversal(_ id: AttemptID, _ record: OperationRecord) async throws {
    try await environment.database.transaction(batch: writer.endOfReversal(id, record))
  }

  /// Searches for a condemned attempt; a list without it proves something only when all is over.
  private func search(
    _ attempt: Attempt, _ record: OperationRecord, ageSeconds: Int64, within limit: Duration
  ) async -> GatewayPorts.Heard {
    #if TENDER_FAULTS
      if Sabotage.replayAfterSecond.isOn,
        let replayed = await replay(attempt, record, within: limit)
      {
        return replayed
      }
    #endif
    var heard = await ports.find(
      record, attempt, now: record.now(environment.clock), within: limit)
    if heard.isAbsent, let proof = Proof(absentFromListAfter: ageSeconds) {
      heard.outcome = .notExecuted(proof)
      heard.detail = "not executed: \(proof)"
    }
    return heard
  }
}

#if TENDER_FAULTS
  extension GatewayFlow {
    /// The payment request once more, whoever has paid meanwhile.
    private func replay(
      _ attempt: Attempt, _ record: OperationRecord, within limit: Duration
    ) async -> GatewayPorts.Heard? {
      do {
        guard let method = try await resolve(record) else { return nil }
        return await ports.authorize(record, attempt, method, .replay, within: limit)
      } catch {
        return nil
      }
    }
  }
#endif

extension Outcome {
  var isRefunded: Bool {
    if case .succeeded(let settled) = self { settled.kind == .refunded } else { false }
  }

  fileprivate var showsAuthorization: Bool {
    if case .succeeded(let settled) = self { settled.kind == .authorized } else { false }
  }

  /// The gateway said itself that it does not know.
  var isIndeterminate: Bool {
    if case .unknown(.indeterminate) = self { true } else { false }
  }
}

extension Operation {
  func attempt(_ id: AttemptID) -> Attempt? {
    attempts.first { $0.attempt.id == id }?.attempt
  }
}
