import GatewayCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit

/// What notifications do to operations.
extension GatewayFlow {
  enum NoticeResult: Sendable {
    /// Somebody works on the operation right now.
    case later
    /// Processed; with what came of it, in words.
    case done(String)
  }

  func apply(_ notice: GatewayNotice, about subject: NoticeSubject) async throws -> NoticeResult {
    guard !runs.isBusy(subject.operation) else { return .later }
    return try await runs.exclusively(subject.operation) { [self] in
      guard let record = try await load(subject.operation, of: subject.intent),
        let attempt = record.operation.attempt(subject.attempt)
      else { throw NotificationTrouble.noSuchAttempt }
      if notice.isAboutRefund, record.operation.winner?.attempt.id == attempt.id {
        return try await applyRefund(notice, about: attempt, record)
      }
      if case .returned = notice.event {
        if record.operation.winner?.attempt.id == attempt.id {
          return try await applyReturn(notice, about: attempt, record)
        }
        guard record.operation.condemned.contains(where: { $0.id == attempt.id }) else {
          throw NotificationTrouble.notCapturedYet
        }
        return try await applyReturn(notice, aboutCondemned: attempt.id, record)
      }
      if case .cancelFailed = notice.event,
        try await ports.routing.restore.gate().mayHaveLost(after: record.sentAt(attempt.id))
      {
        // Of what was handed over since the restore's point nobody here knows.
        return .done("ignored: a cancel that failed, of a payment from before a restore")
      }
      let age = record.now(environment.clock).seconds - record.sentSeconds(attempt.id)
      switch NoticeRule.verdict(
        notice, about: attempt, of: record.operation, ageSeconds: age,
        DeclineTable.current.classify)
      {
      case .later: return .later
      case .ignore(let why): return .done("ignored: \(why)")
      case .alert(let kind, let message):
        return try await alert(kind, message, about: attempt, record)
      case .apply(let event): return .done(try await apply(event, notice, record))
      }
    }
  }

  func alert(
    _ kind: String, _ message: String, about attempt: Attempt, _ record: OperationRecord
  ) async throws -> NoticeResult {
    _ = try await environment.database.query(raise(kind, message, about: attempt.id, record))
    return .done("alert: \(kind)")
  }

  func raise(
    _ kind: String, _ message: String, about attempt: AttemptID, _ record: OperationRecord
  ) -> Statement {
    Alerts.raise(
      Alert(
        .critical, kind: kind, subject: attempt.description, message: message,
        actor: "service:gateway-router", merchant: UUIDBits(record.merchant.bits)))
  }

  private func apply(
    _ event: OperationEvent, _ notice: GatewayNotice, _ record: OperationRecord
  ) async throws -> String {
    // Most notices repeat what the answer has told already.
    if case .unchanged = OperationMachine.next(record.operation, event) { return "nothing new" }
    let notes = OperationWriter.Notes(detail: "notified: \(notice.deduplicationKey)")
    let mayEnd = try await mayEnd(record)
    let moved = try await move(record.id, of: record.intent, notes) { operation, step in
      switch step {
      case 0: return event
      // Nobody is there to try another gateway.
      case 1:
        guard mayEnd, case .open(let live, _) = operation.phase,
          live.allSatisfy(\.evidence.isNegative)
        else { return nil }
        return .routesExhausted
      default: return nil
      }
    }
    if let refusal = moved.refusal { return "refused: \(refusal)" }
    guard !moved.actions.isEmpty else { return "nothing new" }
    if let capture = moved.record.operation.winner?.captures.first(where: { $0.state == .queued }) {
      try await sendCapture(
        capture, moved.record, within: .seconds(NotificationWorker.workSeconds))
    }
    return "applied"
  }
}
