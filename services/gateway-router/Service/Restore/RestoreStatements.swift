import GatewayCore
import Money
import Postgres
import ServiceKit

/// The SQL of restores and of what was found in the gateways' books.
enum RestoreStatements {
  /// State and beginning of the newest one, and whether any may hold a payment: what decides whether
  /// money may move.
  static func gate() -> Statement {
    """
    select state, begun_at, state = 1
      or exists (select 1 from restore_reading where finished_at is null)
      or exists (select 1 from restore_payment
        where payment_reference is null and (state in (1, 3) or verdict = 1))
      or exists (select 1 from restore_payment
        where payment_reference is not null and state in (1, 3))
    from restore order by begun_at desc, id desc limit 1
    """
  }

  static func newest() -> Statement {
    """
    select \(raw: RestoreRecord.columns) from restore order by begun_at desc, id desc limit 1
    """
  }

  /// Those with a list that was not read to its end, the newest first: a newer one's lists do not reach
  /// as far back.
  static func unread() -> Statement {
    """
    select \(raw: RestoreRecord.columns) from restore r
    where exists (
      select 1 from restore_reading w where w.restore_id = r.id and w.finished_at is null)
    order by begun_at desc, id desc
    """
  }

  static func lock(_ id: RestoreID) -> Statement {
    "select \(raw: RestoreRecord.columns) from restore where id = \(id) for update"
  }

  /// Violates `closedIndex` when one is closed already.
  static func insert(
    _ id: RestoreID, pointAt: Timestamp, reason: String, by actor: String, _ stamp: Stamp
  ) -> Statement {
    """
    insert into restore (id, point_at, reason, begun_by, actor, trace_id)
    values (\(id), \(pointAt), \(reason), \(actor), \(stamp.actor), \(stamp.traceID))
    """
  }

  static let closedIndex = "restore_closed"

  static func insertReading(
    _ id: RestoreID, _ account: GatewayAccount, _ subject: RestoreSubject, from: Timestamp
  ) -> Statement {
    """
    insert into restore_reading (restore_id, gateway, account, subject, listed_from)
    values (\(id), \(account.gateway.rawValue), \(account.account), \(subject.rawValue), \(from))
    """
  }

  static func note(
    _ id: RestoreID, _ kind: String, reason: String, _ stamp: Stamp
  ) -> Statement {
    """
    insert into restore_change (restore_id, kind, reason, actor, trace_id)
    values (\(id), \(kind), \(reason), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func ask(_ id: RestoreID, _ unproven: [String], by actor: String) -> Statement {
    """
    update restore set open_asked_by = \(actor), open_asked_unproven = \(unproven)
    where id = \(id)
    """
  }

  static func open(_ id: RestoreID, _ unproven: [String], by actor: String) -> Statement {
    """
    update restore set state = 2, opened_by = \(actor), opened_at = now(), unproven = \(unproven)
    where id = \(id)
    """
  }

  // MARK: Standing

  /// With those of earlier restores that are not read to their end.
  static func readings(_ id: RestoreID) -> Statement {
    """
    select gateway, account, listed_from, finished_at, items_read, items_foreign, last_error,
      subject
    from restore_reading where restore_id = \(id) or finished_at is null
    order by gateway, account, subject, listed_from
    """
  }

  /// Pending, rebuilt, for people; with what earlier restores have left unresolved.
  static func counts(_ id: RestoreID) -> Statement {
    """
    select count(*) filter (where state = 1), count(*) filter (where state = 2),
      count(*) filter (where state = 3)
    from restore_payment where restore_id = \(id) or state in (1, 3)
    """
  }

  static func reportDays(_ id: RestoreID) -> Statement {
    """
    select gateway, account, (day - date '1970-01-01')::integer from restore_report
    where restore_id = \(id)
    """
  }

  // MARK: Reading

  /// The lease, if something is to be read and nobody else is at it.
  static func take(
    _ id: RestoreID, _ account: GatewayAccount, _ subject: RestoreSubject, leaseSeconds: Double
  ) -> Statement {
    """
    update restore_reading w
    set fence = w.fence + 1, lease_until = now() + make_interval(secs => \(leaseSeconds))
    from restore r
    where w.restore_id = \(id) and r.id = w.restore_id and r.read_after <= now()
      and w.gateway = \(account.gateway.rawValue) and w.account = \(account.account)
      and w.subject = \(subject.rawValue) and w.finished_at is null
      and w.lease_until < now() and w.next_read_at <= now()
    returning w.fence, w.listed_from, w.read_after
    """
  }

  /// Stores what of a page is unknown and where the reading stands, in one step; a lost lease
  /// stores nothing.
  /// - Parameter last: behind which the next page begins; nil: the list was read to its end.
  static func store(
    _ rows: [FoundRow], of id: RestoreID, _ account: GatewayAccount, _ subject: RestoreSubject,
    fence: Int64, read: Int, foreign: Int, last: String?, leaseSeconds: Double, actor: String
  ) -> [Statement] {
    [
      """
      update restore_reading
      set read_after = \(last), finished_at = case when \(last == nil) then now() end,
        items_read = items_read + \(Int64(read)),
        items_foreign = items_foreign + \(Int64(foreign)), last_error = '',
        lease_until = case when \(last == nil) then now()
          else now() + make_interval(secs => \(leaseSeconds)) end
      where restore_id = \(id) and gateway = \(account.gateway.rawValue)
        and account = \(account.account) and subject = \(subject.rawValue)
        and fence = \(fence)
      returning true
      """
    ] + rows.map { insert($0, of: id, account, actor: actor) }
  }

  /// From the first page on: the cursor is not there any more.
  static func restart(
    _ id: RestoreID, _ account: GatewayAccount, _ subject: RestoreSubject, fence: Int64
  ) -> Statement {
    """
    update restore_reading
    set read_after = null, items_read = 0, items_foreign = 0, lease_until = now()
    where restore_id = \(id) and gateway = \(account.gateway.rawValue)
      and account = \(account.account) and subject = \(subject.rawValue) and fence = \(fence)
    """
  }

  static func release(
    _ id: RestoreID, _ account: GatewayAccount, _ subject: RestoreSubject, fence: Int64,
    pauseSeconds: Double, error: String
  ) -> Statement {
    """
    update restore_reading
    set lease_until = now(), last_error = \(error),
      next_read_at = now() + make_interval(secs => \(pauseSeconds))
    where restore_id = \(id) and gateway = \(account.gateway.rawValue)
      and account = \(account.account) and subject = \(subject.rawValue) and fence = \(fence)
    """
  }

  /// Which of these attempts there are.
  static func known(_ attempts: [AttemptID]) -> Statement {
    "select id, operation_id, intent_id, merchant_id from attempt where id = any(\(attempts))"
  }

  /// Which of these refunds there are.
  static func knownRefunds(_ refunds: [RefundID]) -> Statement {
    "select id from refund where id = any(\(refunds))"
  }

  struct FoundRow: Sendable {
    var reference: String
    var ownReference: String
    var madeAt: Timestamp
    var state: FoundPayment.State
    var detail: String
    var claim: ClaimIdentity?
    var identity: PaymentIdentity?
    var amount: Amount?
    var attempt: AttemptID?
    /// Of a refund: the gateway's id of its payment.
    var payment: String?
  }

  /// Unless an earlier restore has found it and it is not rebuilt: people settle it once.
  static func insert(
    _ row: FoundRow, of id: RestoreID, _ account: GatewayAccount, actor: String
  ) -> Statement {
    let identity = row.identity
    return """
      insert into restore_payment (restore_id, gateway, account, reference, own_reference, made_at,
        state, detail, merchant_id, intent_id, operation_id, attempt_id, payment_method_id,
        key_proof, capture_method, off_session, mode, method, attempt_sequence, currency,
        amount_minor, payment_reference, actor)
      select \(id), \(account.gateway.rawValue), \(account.account), \(row.reference),
        \(row.ownReference), \(row.madeAt), \(row.state.rawValue), \(row.detail),
        \(identity?.merchant ?? row.claim?.merchant), \(identity?.intent ?? row.claim?.intent),
        \(identity?.operation ?? row.claim?.operation), \(identity?.attempt ?? row.attempt),
        \(identity?.paymentMethod), \(identity?.keyProof ?? row.claim?.keyProof),
        \(identity?.captureMethod.rawValue), \(identity?.isOffSession), \(identity?.mode.rawValue),
        \(identity?.method.rawValue), \(identity.map { Int16(clamping: $0.sequence) }),
        \(row.amount?.currency.code), \(row.amount?.minor), \(row.payment), \(actor)
      where not exists (
        select 1 from restore_payment e
        where e.reference = \(row.reference) and e.gateway = \(account.gateway.rawValue)
          and e.account = \(account.account) and e.restore_id <> \(id) and e.state <> 2)
      on conflict do nothing
      """
  }

  // MARK: Rebuilding

  /// The oldest that are due, of earlier restores too, once no list of this one is read any more or
  /// people have opened; the lease is the next try.
  static func takeDue(_ id: RestoreID, limit: Int64, leaseSeconds: Double) -> Statement {
    """
    update restore_payment p set tries = p.tries + 1,
      next_try_at = now() + make_interval(secs => \(leaseSeconds))
    from (
      select restore_id, gateway, account, reference from restore_payment
      where state = 1 and next_try_at <= now()
        and (exists (select 1 from restore where id = \(id) and state = 2)
          or not exists (
            select 1 from restore_reading where restore_id = \(id) and finished_at is null))
      order by made_at, reference limit \(limit) for update skip locked
    ) due
    where p.restore_id = due.restore_id and p.gateway = due.gateway and p.account = due.account
      and p.reference = due.reference
    returning \(raw: FoundPayment.columns(of: "p"))
    """
  }

  static func settle(
    _ payment: FoundPayment, _ state: FoundPayment.State, detail: String
  ) -> Statement {
    """
    update restore_payment set state = \(state.rawValue), detail = \(detail)
    where restore_id = \(payment.restore) and gateway = \(payment.gateway)
      and account = \(payment.account) and reference = \(payment.reference) and state = 1
    """
  }

  /// Nobody else has said meanwhile what became of it.
  static func lockPending(_ payment: FoundPayment) -> Statement {
    """
    select 1::int from restore_payment
    where restore_id = \(payment.restore) and gateway = \(payment.gateway)
      and account = \(payment.account) and reference = \(payment.reference) and state = 1
    for update
    """
  }

  static func later(
    _ payment: FoundPayment, detail: String, afterSeconds: Double
  ) -> Statement {
    """
    update restore_payment set detail = \(detail),
      next_try_at = now() + make_interval(secs => \(afterSeconds))
    where restore_id = \(payment.restore) and gateway = \(payment.gateway)
      and account = \(payment.account) and reference = \(payment.reference) and state = 1
    """
  }

  /// Whose the intent or the attempt is here, whatever else is known of them.
  static func owners(_ identity: PaymentIdentity) -> Statement {
    """
    select merchant_id, intent_id, operation_id from attempt where id = \(identity.attempt)
    union
    select merchant_id, intent_id, id from operation where intent_id = \(identity.intent)
    """
  }

  /// With the gateway's own time: what is old is not taken for new.
  static func insertOperation(_ record: OperationRecord, _ stamp: Stamp) -> Statement {
    let operation = record.operation
    return """
      insert into operation (merchant_id, intent_id, id, currency, amount_minor, capture_method,
        payment_method_id, off_session, statement_descriptor, send_before, key_proof, state,
        close_reason, fact_count, is_final, method, created_at, actor, trace_id)
      values (\(record.merchant), \(record.intent), \(operation.id),
        \(operation.amount.currency.code), \(operation.amount.minor),
        \(operation.captureMethod.rawValue), \(record.paymentMethod), \(record.offSession),
        \(record.statementDescriptor), \(record.sendBefore), \(record.keyProof),
        \(operation.state.rawValue), \(operation.closeReason?.rawValue),
        \(Int32(operation.factCount)), \(operation.isFinal), \(record.method?.rawValue),
        \(record.createdAt), \(stamp.actor), \(stamp.traceID))
      """
  }

  static func date(_ id: AttemptID, of record: OperationRecord, madeAt: Timestamp) -> Statement {
    """
    update attempt set created_at = \(madeAt)
    where intent_id = \(record.intent) and id = \(id)
    """
  }

  // MARK: Reports

  /// The one that is closed; otherwise the newest one between whose point and closing the day is.
  static func restore(about day: CivilDate) -> Statement {
    """
    select \(raw: RestoreRecord.columns) from restore
    where state = 1 or date '1970-01-01' + \(Int32(day.daysSince1970))
      between (point_at at time zone 'UTC')::date and (begun_at at time zone 'UTC')::date
    order by state, begun_at desc limit 1
    """
  }

  static func insertReport(
    _ id: RestoreID, _ account: GatewayAccount, day: CivilDate, name: String, actor: String
  ) -> Statement {
    """
    insert into restore_report (restore_id, gateway, account, day, name, actor)
    values (\(id), \(account.gateway.rawValue), \(account.account),
      date '1970-01-01' + \(Int32(day.daysSince1970)), \(name), \(actor))
    on conflict do nothing
    """
  }
}
