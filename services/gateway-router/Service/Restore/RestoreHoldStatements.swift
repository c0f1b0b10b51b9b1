import GatewayCore
import Money
import Postgres
import ServiceKit

/// The SQL of what a restore has lost and nobody has found out, and of what people say about it.
enum RestoreHoldStatements {
  private static let found = FoundPayment.State.found.rawValue
  private static let forPeople = FoundPayment.State.forPeople.rawValue
  private static let stands = SettlementVerdict.stands.rawValue

  // MARK: What holds

  /// Of every restore; forged marks of another merchant hold nothing.
  /// - Parameter operation: of what is unresolved only what may be this one's; nil: whatever is the
  ///   intent's. A payment that stands is the intent's in any case.
  static func hold(
    on intent: PaymentIntentID, of merchant: MerchantID, _ operation: OperationID?
  ) -> Statement {
    """
    select coalesce(bool_or(state = \(found) and is_its), false),
      coalesce(bool_or(state = \(forPeople) and is_its), false),
      coalesce(bool_or(verdict = \(stands)), false)
    from (
      select state, verdict, \(operation)::uuid is null or operation_id is null
        or operation_id = \(operation) as is_its
      from restore_payment
      where intent_id = \(intent) and merchant_id = \(merchant) and payment_reference is null
        and (state in (1, 3) or verdict = 1)
    ) p
    """
  }

  /// Our references of the refunds of this payment that were found and are not settled.
  static func lostRefunds(
    of payment: String, at gateway: GatewayName, _ account: String
  ) -> Statement {
    """
    select own_reference from restore_payment
    where payment_reference = \(payment) and gateway = \(gateway.rawValue)
      and account = \(account) and state in (1, 3)
    """
  }

  /// A payment that was found and is neither rebuilt nor settled.
  static func lostPayment(
    _ reference: String, at gateway: String, _ account: String
  ) -> Statement {
    """
    select 1::int from restore_payment
    where reference = \(reference) and gateway = \(gateway) and account = \(account)
      and payment_reference is null and state in (1, 3)
    limit 1
    """
  }

  /// A payment that two people have settled: it is not rebuilt.
  static func settledPayment(
    _ reference: String, at gateway: String, _ account: String
  ) -> Statement {
    """
    select 1::int from restore_payment
    where reference = \(reference) and gateway = \(gateway) and account = \(account)
      and payment_reference is null and state = 4
    limit 1
    """
  }

  /// The lists of every restore that are not read to their end, and whether anything is unresolved.
  static func rest() -> Statement {
    """
    select (
        select coalesce(array_agg(distinct subject || ' of ' || gateway || ':' || account), '{}')
        from restore_reading where finished_at is null),
      exists (select 1 from restore_payment where state in (1, 3))
    """
  }

  // MARK: Lists

  private static let lastWord = """
    left join lateral (
      select s.verdict, s.actor from restore_settlement s
      where s.restore_id = p.restore_id and s.gateway = p.gateway and s.account = p.account
        and s.reference = p.reference
      order by s.id desc limit 1
    ) w on true
    """

  /// By what never changes: who reads page by page misses nothing.
  static func page(
    of id: RestoreID, after place: RestoredPaymentPlace?, limit: Int64
  ) -> Statement {
    """
    select \(raw: FoundPayment.columns(of: "p")), w.verdict, w.actor
    from restore_payment p \(raw: lastWord)
    where (p.restore_id = \(id) or p.state in (1, 3)) and (\(place?.madeAt)::timestamptz is null
      or (p.made_at, p.gateway, p.account, p.reference, p.restore_id)
        > (\(place?.madeAt)::timestamptz, \(place?.gateway)::text,
          \(place?.account)::text, \(place?.reference)::text, \(place?.restore)::uuid))
    order by p.made_at, p.gateway, p.account, p.reference, p.restore_id
    limit \(limit)
    """
  }

  static func get(_ place: SettlementOrder) -> Statement {
    """
    select \(raw: FoundPayment.columns(of: "p")), w.verdict, w.actor
    from restore_payment p \(raw: lastWord)
    where p.restore_id = \(place.restore) and p.gateway = \(place.gateway)
      and p.account = \(place.account) and p.reference = \(place.reference)
    """
  }

  // MARK: What people say

  static func lock(_ place: SettlementOrder) -> Statement {
    """
    select \(raw: FoundPayment.columns) from restore_payment
    where restore_id = \(place.restore) and gateway = \(place.gateway)
      and account = \(place.account) and reference = \(place.reference)
    for update
    """
  }

  static func isOpen(_ id: RestoreID) -> Statement {
    "select state = 2 from restore where id = \(id)"
  }

  /// Oldest first.
  static func words(about place: SettlementOrder) -> Statement {
    """
    select actor, verdict from restore_settlement
    where restore_id = \(place.restore) and gateway = \(place.gateway)
      and account = \(place.account) and reference = \(place.reference)
    order by id
    """
  }

  static func say(_ order: SettlementOrder, _ stamp: Stamp) -> Statement {
    """
    insert into restore_settlement (restore_id, gateway, account, reference, verdict, words, actor,
      trace_id)
    values (\(order.restore), \(order.gateway), \(order.account), \(order.reference),
      \(order.verdict.rawValue), \(order.words), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func settle(_ order: SettlementOrder) -> Statement {
    """
    update restore_payment set state = \(FoundPayment.State.settled.rawValue),
      verdict = \(order.verdict.rawValue)
    where restore_id = \(order.restore) and gateway = \(order.gateway)
      and account = \(order.account) and reference = \(order.reference)
    """
  }
}

/// What an operator says about what was found.
struct SettlementOrder: Sendable {
  var restore: RestoreID
  var gateway: String
  var account: String
  /// The gateway's id.
  var reference: String
  var verdict: SettlementVerdict
  var words: String
}

/// What was found, with what people said about it last.
struct RestoredPaymentView: Sendable {
  var payment: FoundPayment
  var word: SettlementRule.Word?

  /// A row of `RestoreHoldStatements.page`.
  init(_ row: Row) throws {
    payment = try FoundPayment(row)
    let first = FoundPayment.columnCount
    guard let value = try row[first, as: Int16?.self] else { return }
    guard let verdict = SettlementVerdict(rawValue: value) else {
      throw PostgresError(.decoding, "restore_settlement.verdict holds an unknown value")
    }
    word = SettlementRule.Word(actor: try row[first + 1, as: String.self], verdict: verdict)
  }
}

/// A place in the list of what was found: behind this item.
struct RestoredPaymentPlace: Sendable {
  var madeAt: Timestamp
  var gateway: String
  var account: String
  var reference: String
  var restore: RestoreID

  init(_ payment: FoundPayment) {
    (madeAt, gateway, account) = (payment.madeAt, payment.gateway, payment.account)
    (reference, restore) = (payment.reference, payment.restore)
  }

  /// Nil for an empty token. - Throws: PAGE_TOKEN_INVALID.
  init?(token: String) throws(RPCFailure) {
    if token.isEmpty { return nil }
    // The gateway's id comes last: nobody else says what it consists of.
    let parts = token.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 5, let microseconds = Int64(parts[0]),
      let restore = RestoreID(String(parts[1]))
    else {
      throw .invalid(
        "page_token", "PAGE_TOKEN_INVALID", "The token is not one of this method's answers.")
    }
    self.restore = restore
    madeAt = Timestamp(microseconds: microseconds)
    (gateway, account, reference) = (String(parts[2]), String(parts[3]), String(parts[4]))
  }

  var token: String {
    "\(madeAt.microseconds)/\(restore)/\(gateway)/\(account)/\(reference)"
  }
}
