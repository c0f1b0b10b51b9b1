import Faults
import GRPCCore
import Money
import Postgres

/// The SQL of idempotency. All times are the database's.
enum ClaimStatements {
  /// One atomic statement takes the claim: a new key, an expired answer, or a lapsed lease with
  /// the same payload. It returns no row when somebody else holds the key.
  static func take(
    _ scope: ClaimScope, fingerprint: [UInt8], version: Int16, subject: UUIDBits, actor: String,
    traceID: [UInt8], lease: Duration
  ) -> Statement {
    """
    insert into idempotency_key as k
      (merchant_id, method, key, fingerprint, fingerprint_version, state, fence, lease_until,
       subject, actor, trace_id)
    values (\(scope.merchant), \(scope.method), \(scope.key), \(fingerprint),
      \(version), 0, 1, now() + \(lease.wholeMicroseconds) * interval '1 microsecond',
      \(subject), \(actor), \(traceID))
    on conflict (merchant_id, method, key) do update set
      fence = k.fence + 1,
      lease_until = excluded.lease_until,
      subject = case when k.state = 1 then excluded.subject else k.subject end,
      fingerprint = excluded.fingerprint,
      fingerprint_version = excluded.fingerprint_version,
      created_at = case when k.state = 1 then now() else k.created_at end,
      state = 0, code = null, message = null, response = null, details = null,
      completed_at = null, expires_at = null,
      actor = excluded.actor, trace_id = excluded.trace_id
    where (k.state = 0 and k.lease_until < now() and k.fingerprint = excluded.fingerprint)
       or (k.state = 1 and k.expires_at < now())
    returning fence, subject, created_at < now()
    """
  }

  static func look(_ scope: ClaimScope) -> Statement {
    """
    select state, fingerprint, code, message, response, details, subject
    from idempotency_key
    where merchant_id = \(scope.merchant) and method = \(scope.method)
      and key = \(scope.key)
    """
  }

  /// Locks the claim if its fence still counts. First in every transaction that finishes a claim:
  /// claims are locked before what they work on, everywhere.
  static func lock(_ claim: Claim) -> Statement {
    #if TENDER_FAULTS
      if Sabotage.noFence.isOn { return unfencedLock(claim) }
    #endif
    return """
      select fence from idempotency_key
      where merchant_id = \(claim.scope.merchant) and method = \(claim.scope.method)
        and key = \(claim.scope.key) and state = 0 and fence = \(claim.fence)
      for update
      """
  }

  /// Stores the answer; no row means the fence is old and nothing may be changed.
  static func finish(_ claim: Claim, _ answer: StoredAnswer) -> Statement {
    let columns = AnswerColumns(answer)
    #if TENDER_FAULTS
      if Sabotage.noFence.isOn { return unfencedFinish(claim, columns) }
    #endif
    return """
      update idempotency_key set state = 1, code = \(columns.code), message = \(columns.message),
        response = \(columns.response), details = \(columns.details), completed_at = now(),
        expires_at = now() + make_interval(hours => \(Int32(IdempotencyLimits.retentionHours)))
      where merchant_id = \(claim.scope.merchant) and method = \(claim.scope.method)
        and key = \(claim.scope.key) and state = 0 and fence = \(claim.fence)
      returning fence
      """
  }

  /// Claims whose holder is gone, for the worker that ends them: takes them over one by one.
  static func takeAbandoned(method: String, limit: Int64, lease: Duration) -> Statement {
    """
    update idempotency_key k set fence = k.fence + 1,
      lease_until = now() + \(lease.wholeMicroseconds) * interval '1 microsecond'
    from (
      select merchant_id, method, key from idempotency_key
      where state = 0 and lease_until < now() and method = \(method)
      order by lease_until limit \(limit) for update skip locked
    ) due
    where k.merchant_id = due.merchant_id and k.method = due.method and k.key = due.key
    returning k.merchant_id, k.method, k.key, k.fence, k.subject
    """
  }

  /// Rows that are finished or whose fence moved on are left alone, and not returned.
  static func renew(_ claims: [Claim], for lease: Duration) -> Statement {
    """
    update idempotency_key k
    set lease_until = now() + \(lease.wholeMicroseconds) * interval '1 microsecond'
    from unnest(\(claims.map(\.scope.merchant)), \(claims.map(\.scope.method)),
      \(claims.map(\.scope.key)), \(claims.map(\.fence))) as held (merchant_id, method, key, fence)
    where k.merchant_id = held.merchant_id and k.method = held.method and k.key = held.key
      and k.fence = held.fence and k.state = 0
    returning k.merchant_id, k.method, k.key
    """
  }

  /// Only what is not finished, and whose fence still counts.
  static func forget(_ claim: Claim) -> Statement {
    """
    delete from idempotency_key
    where merchant_id = \(claim.scope.merchant) and method = \(claim.scope.method)
      and key = \(claim.scope.key) and state = 0 and fence = \(claim.fence)
    """
  }

  static func reap() -> Statement {
    """
    delete from idempotency_key where ctid in (
      select ctid from idempotency_key where state = 1 and expires_at < now()
      limit \(IdempotencyLimits.reapBatch))
    """
  }
}

/// An answer as its columns.
struct AnswerColumns {
  var code: Int16
  var message: String?
  var response: [UInt8]?
  var details: [UInt8]?

  init(_ answer: StoredAnswer) {
    switch answer {
    case .response(let bytes):
      code = 0
      response = bytes
    case .refusal(let refusal):
      code = Int16(refusal.code.rawValue)
      message = refusal.message
      details = refusal.details
    }
  }

  init(code: Int16, message: String?, response: [UInt8]?, details: [UInt8]?) {
    self.code = code
    self.message = message
    self.response = response
    self.details = details
  }

  var answer: StoredAnswer? {
    if code == 0 { return response.map { .response($0) } }
    guard let status = Status.Code(rawValue: Int(code)), let code = RPCError.Code(status) else {
      return nil
    }
    return .refusal(StoredRefusal(code: code, message: message ?? "", details: details ?? []))
  }
}

#if TENDER_FAULTS
  extension ClaimStatements {
    fileprivate static func unfencedLock(_ claim: Claim) -> Statement {
      """
      select fence from idempotency_key
      where merchant_id = \(claim.scope.merchant) and method = \(claim.scope.method)
        and key = \(claim.scope.key)
      for update
      """
    }

    fileprivate static func unfencedFinish(_ claim: Claim, _ columns: AnswerColumns) -> Statement {
      """
      update idempotency_key set state = 1, code = \(columns.code), message = \(columns.message),
        response = \(columns.response), details = \(columns.details), completed_at = now(),
        expires_at = now() + make_interval(hours => \(Int32(IdempotencyLimits.retentionHours)))
      where merchant_id = \(claim.scope.merchant) and method = \(claim.scope.method)
        and key = \(claim.scope.key)
      returning fence
      """
    }
  }
#endif
