import GatewayCore
import Money
import Postgres
import ServiceKit

/// What people can say something about.
enum ResolutionSubject: Sendable, Hashable {
  case attempt(AttemptID)
  case refund(RefundID)

  init?(_ text: String) {
    if let id = AttemptID(text) {
      self = .attempt(id)
    } else if let id = RefundID(text) {
      self = .refund(id)
    } else {
      return nil
    }
  }

  /// - Parameter kind: as in SQL.
  init?(kind: Int16, bits: UUIDBits) {
    switch kind {
    case 1: self = .attempt(AttemptID(bits: bits.bits))
    case 2: self = .refund(RefundID(bits: bits.bits))
    default: return nil
    }
  }

  var kind: Int16 {
    switch self {
    case .attempt: 1
    case .refund: 2
    }
  }

  var bits: UUIDBits {
    switch self {
    case .attempt(let id): UUIDBits(id.bits)
    case .refund(let id): UUIDBits(id.bits)
    }
  }

  var description: String {
    switch self {
    case .attempt(let id): id.description
    case .refund(let id): id.description
    }
  }
}

/// A proposal, and who approved it.
struct ResolutionRecord: Sendable {
  var id: ResolutionID
  var operation: OperationID
  var subject: ResolutionSubject
  var kind: Attestation.Kind
  var words: String
  var proposedBy: String
  var proposedAt: Timestamp
  var approvedBy: String?
  var approvedAt: Timestamp?

  /// - Parameter first: the column from which the row holds `ResolutionStatements.columns`.
  init(_ row: Row, from first: Int = 0) throws {
    guard
      let subject = ResolutionSubject(
        kind: try row[first + 2, as: Int16.self], bits: try row[first + 3, as: UUIDBits.self]),
      let kind = Attestation.Kind(rawValue: try row[first + 4, as: Int16.self])
    else { throw PostgresError(.decoding, "a resolution holds an unknown value") }
    id = try row[first, as: ResolutionID.self]
    operation = try row[first + 1, as: OperationID.self]
    self.subject = subject
    self.kind = kind
    words = try row[first + 5, as: String.self]
    proposedBy = try row[first + 6, as: String.self]
    proposedAt = try row[first + 7, as: Timestamp.self]
    approvedBy = try row[first + 8, as: String?.self]
    approvedAt = try row[first + 9, as: Timestamp?.self]
  }
}

/// The SQL of what people decide. Rows are only added.
enum ResolutionStatements {
  private static let columns = """
    x.id, x.operation_id, x.subject_kind, x.subject_id, x.evidence, x.words, x.actor, x.created_at,
    y.actor, y.created_at
    """

  private static let tables = """
    resolution x left join resolution_approval y
      on y.intent_id = x.intent_id and y.resolution_id = x.id
    """

  static func propose(
    _ id: ResolutionID, _ subject: ResolutionSubject, of record: OperationRecord,
    _ kind: Attestation.Kind, _ words: String, _ stamp: Stamp
  ) -> Statement {
    """
    insert into resolution (merchant_id, intent_id, operation_id, id, subject_kind, subject_id,
      evidence, words, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(id), \(subject.kind),
      \(subject.bits), \(kind.rawValue), \(words), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func approve(
    _ id: ResolutionID, of record: OperationRecord, _ stamp: Stamp
  ) -> Statement {
    """
    insert into resolution_approval (merchant_id, intent_id, resolution_id, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(id), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func get(
    _ id: ResolutionID, of intent: PaymentIntentID, _ merchant: MerchantID
  ) -> Statement {
    """
    select \(raw: columns) from \(raw: tables)
    where x.intent_id = \(intent) and x.id = \(id) and x.merchant_id = \(merchant)
    """
  }

  static func newest(
    about subject: ResolutionSubject, of intent: PaymentIntentID
  ) -> Statement {
    """
    select x.id from resolution x
    where x.intent_id = \(intent) and x.subject_id = \(subject.bits)
    order by x.created_at desc, x.id desc limit 1
    """
  }

  /// The operation of a subject, and the milliseconds since an attempt was condemned; no row when it is
  /// not there or another merchant's.
  static func place(
    of subject: ResolutionSubject, _ intent: PaymentIntentID, _ merchant: MerchantID
  ) -> Statement {
    switch subject {
    case .attempt(let id):
      """
      select a.operation_id, coalesce(extract(epoch from now() - r.condemned_at) * 1000, 0)::bigint
      from attempt a left join reversal r on r.intent_id = a.intent_id and r.attempt_id = a.id
      where a.intent_id = \(intent) and a.id = \(id) and a.merchant_id = \(merchant)
      """
    case .refund(let id):
      """
      select operation_id, 0::bigint from refund
      where intent_id = \(intent) and id = \(id) and merchant_id = \(merchant)
      """
    }
  }

  /// What is unproven, oldest first, each with its newest proposal that nobody has approved.
  /// - Parameter reversalSeconds: since an attempt was condemned.
  static func unproven(
    reversalSeconds: Double, after place: UnprovenPlace?, limit: Int64
  ) -> Statement {
    """
    select u.*, \(raw: columns) from (
      select * from (
      select 1::smallint as kind, a.id, a.merchant_id, a.intent_id, a.operation_id, a.gateway,
        a.account, a.reference, o.currency::text, coalesce(a.orphan_minor, o.amount_minor),
        a.evidence, r.condemned_at as since
      from reversal r join attempt a on a.intent_id = r.intent_id and a.id = r.attempt_id
        join operation o on o.intent_id = a.intent_id and o.id = a.operation_id
      where r.next_try_at is not null
        and r.condemned_at < now() - make_interval(secs => \(reversalSeconds))
      union all
      select 2::smallint, f.id, f.merchant_id, f.intent_id, f.operation_id, a.gateway, a.account,
        f.reference, o.currency::text, f.amount_minor,
        case f.state when \(Refund.State.accepted.rawValue) then 'accepted' else 'unknown' end,
        f.created_at
      from refund f join attempt a on a.intent_id = f.intent_id and a.id = f.attempt_id
        join operation o on o.intent_id = f.intent_id and o.id = f.operation_id
      where f.next_try_at is not null and f.created_at < now() - make_interval(secs =>
        case f.state when \(Refund.State.accepted.rawValue)
          then \(Double(RefundSchedule.acceptedAlertSeconds))
          else \(Double(RefundSchedule.unknownAlertSeconds)) end)
      ) item
      where \(place?.since)::timestamptz is null
        or (since, id) > (\(place?.since)::timestamptz, \(place?.subject.bits)::uuid)
      order by since, id limit \(limit)
    ) u left join lateral (
      select * from resolution p where p.intent_id = u.intent_id and p.subject_id = u.id
      order by p.created_at desc, p.id desc limit 1
    ) x on true
    left join resolution_approval y on y.intent_id = u.intent_id and y.resolution_id = x.id
    order by u.since, u.id
    """
  }
}
