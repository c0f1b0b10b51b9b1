import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// The SQL of attempts, captures and reversals; all of them within the transaction that moved the
/// operation.
enum AttemptStatements {
  /// Until the first look at an attempt whose outcome nobody stored: longer than any live call.
  static let firstLookSeconds: Double = 8

  static func insert(
    _ attempt: Attempt, of record: OperationRecord, route: String, _ decision: RouteDecision?,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into attempt (merchant_id, intent_id, operation_id, id, sequence, gateway, account, mode,
      disposition, evidence, route_reason, routing_version, routing_rule, routing_reason,
      routing_skips, routing_method, routing_brand, routing_country, routing_gateways, look_at,
      actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(attempt.id),
      \(Int32(attempt.sequence)), \(attempt.gateway.rawValue), \(attempt.account),
      \(attempt.mode.rawValue), 1, 'sent', \(route), \(decision?.version), \(decision?.rule),
      \(decision?.reason), \(decision?.skips), \(decision?.method), \(decision?.brand),
      \(decision?.country), \(decision?.gateways),
      now() + make_interval(secs => \(firstLookSeconds)), \(stamp.actor), \(stamp.traceID))
    """
  }

  /// Evidence and reference; a known outcome ends the looking. What the bank or the payer works on is
  /// looked at on. A negative one keeps its look until the attempt is disposed of: its call may die
  /// before it has said what follows.
  /// - Parameters:
  ///   - disposition: nil leaves it as it is.
  ///   - now: by the record's clock.
  static func update(
    _ attempt: Attempt, of record: OperationRecord, detail: String, milliseconds: Int32?,
    disposition: Disposition?, _ times: RecoveryTimes, now: Timestamp
  ) -> Statement {
    let nextLook =
      attempt.evidence.isWaiting
      ? max(firstLookSeconds, times.waitingLookSeconds(at: attempt.id, of: record, now: now)) : nil
    let decline = attempt.evidence.decline
    var isAlive: Bool?
    if case .declined(_, let alive) = attempt.evidence { isAlive = alive }
    let isKnown = attempt.evidence != .sent && attempt.evidence != .unknown
    let isSubmitted = attempt.evidence == .actionSubmitted
    let evidence = isSubmitted ? Evidence.requiresAction.name : attempt.evidence.name
    let action = attempt.action.flatMap { GatewayV1.NextAction($0, at: attempt.gateway) }?.encode()
    return """
      update attempt set evidence = \(evidence), reference = \(attempt.reference),
        evidence_detail = \(detail), decline_class = \(decline?.class.rawValue),
        decline_code = \(decline?.code), decline_gateway_code = \(decline?.gatewayCode),
        decline_table_version = \(decline?.tableVersion.map { Int16(clamping: $0) }),
        decline_network_code = \(decline?.networkCode), decline_advice_code = \(decline?.adviceCode),
        decline_retry_after_seconds = \(decline?.retryAfterSeconds.map { Int32(clamping: $0) }),
        decline_is_alive = \(isAlive), is_conflicted = \(attempt.isConflicted),
        orphan_minor = \(attempt.orphanMinor), action = \(action),
        action_tries = \(Int16(clamping: attempt.actionTries)), action_submitted = \(isSubmitted),
        disposition = coalesce(\(disposition?.rawValue)::smallint, disposition),
        look_at = case when \(attempt.evidence.isNegative) then look_at
          when \(isKnown) and disposition = 1
            then created_at + make_interval(secs => \(nextLook)::float8)
          when \(isKnown) then null else look_at end,
        decided_at = case when \(isKnown) then coalesce(decided_at, now()) end,
        gateway_milliseconds = coalesce(gateway_milliseconds, \(milliseconds)::integer)
      where intent_id = \(record.intent) and id = \(attempt.id)
      """
  }

  static func dispose(
    _ id: AttemptID, of record: OperationRecord, _ disposition: Disposition
  ) -> Statement {
    """
    update attempt set disposition = \(disposition.rawValue), look_at = null, action = null
    where intent_id = \(record.intent) and id = \(id)
    """
  }

  /// Never before the call that sent it is surely over: another process must not repeat the request
  /// while that call may be trying the next gateway. Not much after the operation is to be given up.
  /// - Parameter now: by the record's clock.
  static func look(
    _ id: AttemptID, of record: OperationRecord, _ times: RecoveryTimes, now: Timestamp
  ) -> Statement {
    // The pause runs on the database's clock, as all that waits for it: a process whose clock was
    // ahead would put the look off by as much.
    let isWaiting = record.operation.attempt(id)?.evidence.isWaiting ?? false
    let (latest, pause): (Double, Double?) =
      isWaiting
      ? (times.waitingLookSeconds(at: id, of: record, now: now), nil)
      : (
        times.giveUpSeconds(since: id, of: record, now: now),
        times.look(after: record.attempts[id]?.looks ?? 0)
      )
    return """
      update attempt set look_at = greatest(
        least(created_at + make_interval(secs => \(latest)::float8),
          now() + make_interval(secs => \(pause)::float8)),
        created_at + make_interval(secs => \(firstLookSeconds)))
      where intent_id = \(record.intent) and id = \(id) and disposition = 1
      """
  }

  /// Attempts that are due for a look; the lease is the next look.
  static func takeDue(limit: Int64, leaseSeconds: Double) -> Statement {
    """
    update attempt a set looks = a.looks + 1,
      look_at = now() + make_interval(secs => \(leaseSeconds))
    from (
      select intent_id, id from attempt where look_at < now()
      order by look_at limit \(limit) for update skip locked
    ) due
    where a.intent_id = due.intent_id and a.id = due.id
    returning a.intent_id, a.operation_id, a.id
    """
  }

  // MARK: Captures

  static func insert(_ capture: Capture, of record: OperationRecord, _ stamp: Stamp) -> Statement {
    let isDone = capture.state == .captured
    return """
      insert into capture (merchant_id, intent_id, operation_id, id, amount_minor, state,
        next_try_at, decided_at, actor, trace_id)
      values (\(record.merchant), \(record.intent), \(record.id), \(capture.id),
        \(capture.amount.minor), \(capture.state.rawValue),
        case when \(isDone) then null
          else now() + make_interval(secs => \(firstLookSeconds)) end,
        case when \(isDone) then now() end, \(stamp.actor), \(stamp.traceID))
      """
  }

  static func update(_ capture: Capture, of record: OperationRecord) -> Statement {
    let isDone = capture.state == .captured || capture.state == .failed
    return """
      update capture set state = \(capture.state.rawValue),
        next_try_at = case when \(isDone) then null else next_try_at end,
        decided_at = case when \(isDone) then now() end
      where intent_id = \(record.intent) and id = \(capture.id)
      """
  }

  /// `isNewTry`: a look has shown it undone, so that it goes out under a new key.
  static func `repeat`(_ id: CaptureID, of record: OperationRecord, isNewTry: Bool) -> Statement {
    """
    update capture set tries = tries + \(Int32(isNewTry ? 1 : 0)),
      next_try_at = now() + interval '1 second'
    where intent_id = \(record.intent) and id = \(id)
    """
  }

  /// The longest pause between two tries.
  static let capturePauseMaxSeconds: Double = 3_600

  /// Captures that are due; the lease is the next try, a quarter of its age away.
  static func takeDueCaptures(limit: Int64, leaseSeconds: Double) -> Statement {
    """
    update capture c set next_try_at = now() + make_interval(secs => greatest(\(leaseSeconds),
      least(\(capturePauseMaxSeconds), extract(epoch from now() - c.created_at)::float8 / 4)))
    from (
      select intent_id, id from capture where next_try_at < now()
      order by next_try_at limit \(limit) for update skip locked
    ) due
    where c.intent_id = due.intent_id and c.id = due.id
    returning c.intent_id, c.operation_id, c.id
    """
  }

  // MARK: Reversals

  static func insertReversal(
    _ id: AttemptID, of record: OperationRecord, afterSeconds: Double, _ stamp: Stamp
  ) -> Statement {
    """
    insert into reversal (merchant_id, intent_id, operation_id, attempt_id, next_try_at, actor,
      trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(id),
      now() + make_interval(secs => \(afterSeconds)), \(stamp.actor), \(stamp.traceID))
    on conflict (intent_id, attempt_id) do update
      set next_try_at = least(coalesce(reversal.next_try_at, excluded.next_try_at),
        excluded.next_try_at), finished_at = null
    """
  }

  static func finishReversal(_ id: AttemptID, of record: OperationRecord) -> Statement {
    """
    update reversal set next_try_at = null, finished_at = now()
    where intent_id = \(record.intent) and attempt_id = \(id)
    """
  }

  static func takeDueReversals(limit: Int64) -> Statement {
    """
    update reversal r set tries = r.tries + 1, next_try_at = now() + interval '10 seconds'
    from (
      select intent_id, attempt_id from reversal where next_try_at < now()
      order by next_try_at limit \(limit) for update skip locked
    ) due
    where r.intent_id = due.intent_id and r.attempt_id = due.attempt_id
    returning r.intent_id, r.operation_id, r.attempt_id, r.tries, r.condemned_at,
      (extract(epoch from now() - r.condemned_at) * 1000)::bigint
    """
  }

  static func rescheduleReversal(
    _ id: AttemptID, of intent: PaymentIntentID, at due: Timestamp
  ) -> Statement {
    """
    update reversal set next_try_at = \(due)
    where intent_id = \(intent) and attempt_id = \(id) and finished_at is null
    """
  }
}
