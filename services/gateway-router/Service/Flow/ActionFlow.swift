import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// CompleteOperationAction: the payer has come back.
extension GatewayFlow {
  /// - Returns: all facts so far.
  /// - Throws: RESTORE_IN_PROGRESS, RESTORED_PAYMENT_UNRESOLVED, OPERATION_NOT_FOUND.
  func completeAction(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID, _ result: RedirectResult?
  ) async throws -> [GatewayV1.Fact] {
    try await ports.routing.restore.requireOpen()
    return try await runs.exclusively(id) { [self] in
      let started = environment.loop.now
      let isPaid = try await ports.routing.restore.resolved(intent, of: merchant)
      let record = try await requireOwned(id, of: intent, merchant)
      // Beside a payment that keeps the intent's money nothing more is asked for, and of what a restore
      // has put back nobody here knows what was handed over since: both are given up.
      let gate = try await ports.routing.restore.gate()
      let maySubmit =
        !isPaid && record.attempts.keys.allSatisfy { gate.mayRepeat(sentAt: record.sentAt($0)) }
        && record.now(environment.clock) < times.giveUpAt(record)
      switch ActionRule.step(
        in: record.operation, hasResult: result != nil, maySubmit: maySubmit)
      {
      case .look(let attempt):
        try await look(at: attempt, record, within: left(since: started))
      case .submit(let attempt):
        if let result {
          try await submit(result, of: attempt, record, within: left(since: started))
        }
      case .nothing: break
      }
      return try await facts(id, of: intent)
    }
  }

  /// Hands the result over, once: committed before a byte leaves, so that whoever finds it committed
  /// sends nothing. Only this call may say it once more, under the same key: nobody else has the result.
  private func submit(
    _ result: RedirectResult, of id: AttemptID, _ record: OperationRecord, within limit: Duration
  ) async throws {
    let started = environment.loop.now
    let mayEnd = try await mayEnd(record)
    let begun = try await move(
      record.id, of: record.intent, .init(detail: "what the payer brought back is handed over")
    ) { _, step in
      step == 0 ? .submitAction(id) : nil
    }
    guard begun.refusal == nil, let attempt = begun.record.operation.attempt(id),
      attempt.evidence == .actionSubmitted
    else { return }
    func left() -> Duration { limit - started.duration(to: environment.loop.now) }
    let first = await ports.details(begun.record, attempt, result, .first, within: left())
    let isRepeated = first.outcome.mayBeHeardAgain && left() >= Self.repeatNeeds
    if isRepeated {
      try await environment.loop.sleep(for: .milliseconds(FailoverBudget.replayPause))
    }
    let heard =
      isRepeated
      ? await ports.details(begun.record, attempt, result, .replay, within: left()) : first
    let notes = OperationWriter.Notes(detail: heard.detail, milliseconds: heard.milliseconds)
    let moved = try await move(record.id, of: record.intent, notes) { operation, step in
      switch step {
      case 0: .actionOutcome(id, heard.outcome)
      // What was authenticated here resolves here: no other gateway is asked.
      case 1: mayEnd ? Self.exhaustion(of: operation) : nil
      default: nil
      }
    }
    // Whoever has made it the winner sends its capture: perhaps a notification was faster.
    guard !moved.actions.isEmpty else { return }
    if let capture = moved.record.operation.winner?.captures.first(where: { $0.state == .queued }) {
      try await sendCapture(capture, moved.record, within: max(left(), .milliseconds(150)))
    }
  }

  /// The result is not handed over once more with less.
  private static let repeatNeeds = Duration.milliseconds(500)
}

extension Outcome {
  /// Nobody has said what came of it; the same request under its key may.
  fileprivate var mayBeHeardAgain: Bool {
    switch self {
    case .unknown(.noAnswer), .unknown(.indeterminate), .unknown(.foreignError), .unknown(.inFlight):
      true
    case .unknown, .succeeded, .pending, .declined, .notExecuted: false
    }
  }
}
