import GatewayCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit

/// What stays unknown: the operation closes by age, and people hear of what nothing proves.
extension GatewayFlow {
  static let unprovenKind = "reversal_unproven"

  /// Ends an operation that has been open for too long: each of its attempts is looked at once more,
  /// and what shows up authorised wins. Otherwise everything of it is condemned; its last fact waits
  /// until each attempt has evidence.
  /// - Returns: whether there is nothing more to do about it now.
  func giveUp(_ record: OperationRecord, within limit: Duration) async throws -> Bool {
    guard isOverdue(record), try await mayEnd(record) else { return false }
    let started = environment.loop.now
    var record = record
    for (attempt, disposition) in record.operation.attempts where disposition == .open {
      let left = limit - started.duration(to: environment.loop.now)
      record = try await lastLook(at: attempt, record, within: left)
    }
    // A look may have shown that a bank works on it, which is waited for longer.
    guard isOverdue(record) else {
      let left = limit - started.duration(to: environment.loop.now)
      if let capture = record.operation.winner?.captures.first(where: { $0.state == .queued }) {
        try await sendCapture(capture, record, within: left)
      }
      return true
    }
    let (times, now, looked) = (times, record.now(environment.clock), record)
    try await move(record.id, of: record.intent, .init(detail: "given up")) { operation, step in
      guard step == 0, case .open = operation.phase else { return nil }
      var seen = looked
      seen.operation = operation
      return now < times.giveUpAt(seen) ? nil : .close(.gaveUp, onlyIfUnsent: false)
    }
    return true
  }

  private func isOverdue(_ record: OperationRecord) -> Bool {
    record.operation.state == .open && record.now(environment.clock) >= times.giveUpAt(record)
  }

  /// Read-only; silence changes nothing.
  private func lastLook(
    at attempt: Attempt, _ record: OperationRecord, within limit: Duration
  ) async throws -> OperationRecord {
    guard limit > .zero, record.operation.state == .open else { return record }
    let heard: GatewayPorts.Heard
    switch ProbeRule.lastLook(at: attempt) {
    case .get(let reference):
      heard = await ports.get(record, attempt, reference: reference, within: limit)
    case .find:
      heard = await ports.find(
        record, attempt, now: record.now(environment.clock), within: limit)
    case .replay, .wait: return record
    }
    let notes = OperationWriter.Notes(
      detail: "looked at before it is given up: \(heard.detail)", milliseconds: heard.milliseconds)
    return try await move(record.id, of: record.intent, notes) { operation, step in
      switch step {
      case 0: .outcome(attempt.id, heard.outcome)
      case 1: Self.exhaustion(of: operation)
      default: nil
      }
    }.record
  }

  // MARK: What people hear of

  /// An attempt that may still win, and of which nothing was heard for long.
  /// - Parameter known: as it was before the look.
  func alertByAge(_ id: AttemptID, _ known: OperationRecord) async throws {
    guard lateness(of: id, in: known) != nil,
      let record = try await load(known.id, of: known.intent),
      let attempt = record.operation.attempt(id), let lateness = lateness(of: id, in: record)
    else { return }
    let advice =
      switch lateness {
      case .outcomeUnknown: "what became of it is not known"
      case .pendingLong: "the bank still works on it"
      }
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          .warning, kind: lateness.rawValue, subject: id.description,
          message: "Attempt \(id) of \(record.intent) at \(attempt.gateway): \(advice). Check that "
            + "the gateway's notifications arrive, and look for reference "
            + "\(GatewayReference.authorize(id).text) in its own records. It is given up at "
            + "\(times.giveUpAt(record)).",
          actor: Self.actor, merchant: UUIDBits(record.merchant.bits))))
  }

  private func lateness(
    of id: AttemptID, in record: OperationRecord
  ) -> LookSchedule.Lateness? {
    guard case .open(let live, _) = record.operation.phase,
      let attempt = live.first(where: { $0.id == id })
    else { return nil }
    return times.lateness(of: attempt, in: record, now: record.now(environment.clock))
  }

  /// The schedule is over and nothing has proven what became of the attempt.
  func reportUnproven(_ id: AttemptID, _ record: OperationRecord) async throws {
    guard let attempt = record.operation.attempt(id), !attempt.evidence.isResolved else { return }
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          .critical, kind: Self.unprovenKind, subject: id.description,
          message: "Attempt \(id) of \(record.intent) at \(attempt.gateway) is still "
            + "\(attempt.evidence.name) a day after it was condemned. Look for reference "
            + "\(GatewayReference.authorize(id).text) in the gateway's accounting report, give "
            + "back there what it shows, and say so with tender recovery propose.",
          actor: Self.actor, merchant: UUIDBits(record.merchant.bits))))
  }
}
