import Money

/// What the audit reads from the tables, as the cluster's superuser, and only reads.
struct EvidenceQueries: Sendable {
  let cluster: Cluster
  let checkout: Checkout
  let merchants: [MerchantID]
  let start: Int64

  /// `close_reason` of an operation that was given up by its age.
  static let gaveUp = 3

  /// `'…'::uuid, '…'::uuid`
  private var ids: String {
    merchants.map { "'\(Self.uuid($0.bytes))'::uuid" }.joined(separator: ", ")
  }

  static func uuid(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private func read<Value: Decodable>(_ type: Value.Type, _ select: String) async throws -> Value {
    let text = try await cluster.sql(
      "begin transaction isolation level repeatable read read only;\n\(select);\ncommit;\n",
      database: Cluster.database, checkout)
    do {
      return try JSONText.decode(type, from: text)
    } catch {
      throw Failure("the tables answered something else", next: "\(error)")
    }
  }

  /// A list of texts as one JSON array.
  private static func list(_ select: String) -> String {
    "coalesce((select json_agg(row) from (\(select)) as found (row)), '[]')"
  }

  func facts() async throws -> DatabaseFacts {
    let mine = "merchant_id in (\(ids))"
    let claims = ["intents", "webhooks", "vault", "billing", "gateway", "ledger"].map {
      """
      select '\($0) ' || method || ' ' || key from \($0).idempotency_key
      where state = 0 and \(mine)
      """
    }
    let unsent = ["intents", "gateway", "vault", "billing", "ledger"].map {
      "select '\($0) ' || destination || ' ' || id from \($0).outbox where \(mine)"
    }
    // An attempt whose own row says how it ended needs no further step, though its job looks again.
    // One that no look has found by the third step (75 s, past the time that a gateway may still work
    // on it) waits a day for the proof that it never existed; if a gateway holds something of it
    // after all, the checks of the gateways' books say so.
    let reversals = """
      select r.attempt_id::text || ' ' || a.evidence from gateway.reversal r
      join gateway.attempt a on a.intent_id = r.intent_id and a.id = r.attempt_id
      where r.finished_at is null and r.\(mine)
        and a.evidence not in ('canceled', 'refunded', 'returned', 'not_executed', 'declined')
        and not (a.evidence in ('sent', 'unknown') and r.tries >= 3)
      """
    let captures = "select id::text from gateway.capture where state in (1, 2, 5) and \(mine)"
    let winners = """
      select operation_id::text from gateway.attempt where disposition = 2 and \(mine)
      group by operation_id having count(*) > 1
      """
    let unbalanced = """
      select sequence::text || ' ' || currency from ledger.entry where \(mine)
      group by sequence, currency having sum(side * amount_minor) <> 0
      """
    let rights = """
      select role || ' may ' || word || ' ' || name
      from unnest(array['entry', 'transaction', 'movement', 'batch', 'account']) as name,
        unnest(array['insert', 'update', 'delete', 'truncate']) as word,
        unnest(array['ledger_service', 'intents_service', 'gateway_service', 'vault_service',
          'webhooks_service', 'billing_service']) as role
      where has_table_privilege(role, 'ledger.' || name, word)
      """
    let alerts = """
      select kind || ' ' || subject from intents.alert where \(mine)
        and kind in ('captured_twice', 'captured_without_owner', 'fact_contradicts_state',
          'refund_succeeded_after_failure')
      union all
      select kind || ' ' || subject from gateway.alert where \(mine)
        and kind in ('capture_unknown', 'compensation_failed', 'refund_without_request',
          'refund_answer_conflicts', 'refund_succeeded_after_failure', 'orphan_paid_back_twice')
      """
    let takenOver = "select key from intents.idempotency_key where fence > 1 and \(mine)"
    return try await read(
      DatabaseFacts.self,
      """
      select json_build_object(
        'runningClaims', \(Self.list(claims.joined(separator: " union all "))),
        'unsentRows', \(Self.list(unsent.joined(separator: " union all "))),
        'openReversals', \(Self.list(reversals)), 'openCaptures', \(Self.list(captures)),
        'severalWinners', \(Self.list(winners)),
        'unbalancedTransactions', \(Self.list(unbalanced)),
        'ledgerRights', \(Self.list(rights)), 'moneyAlerts', \(Self.list(alerts)),
        'takenOverClaims', (select count(*) from intents.idempotency_key
          where fence > 1 and \(mine)),
        'takenOverKeys', \(Self.list(takenOver)),
        'openedBreakers', (select count(*) from gateway.alert
          where kind = 'gateway_breaker_open' and last_seen >= to_timestamp(\(start) / 1000.0)))
      """)
  }

  /// Claims of these keys that somebody still works on.
  func running(_ keys: [String]) async throws -> Int {
    let texts = keys.map { "'\($0)'" }.joined(separator: ", ")
    return try await read(
      [Int].self,
      "select json_build_array(count(*)) from intents.idempotency_key "
        + "where state = 0 and key in (\(texts))")[0]
  }

  /// The ledger's rows up to a batch, of everybody; nil: up to the last.
  func ledgerPrefix(upTo batch: Int64?) async throws -> LedgerPrefix {
    let last = batch.map(String.init) ?? "(select coalesce(max(number), 0) from ledger.batch)"
    return try await read(
      LedgerPrefix.self,
      """
      with bound as (select \(last)::bigint as number),
      old as (
        select t.* from ledger.transaction t, bound where t.batch <= bound.number),
      legs as (select e.* from ledger.entry e join old on old.sequence = e.sequence)
      select json_build_object('batch', (select number from bound),
        'transactions', (select count(*) from old), 'entries', (select count(*) from legs),
        'digest', md5(
          coalesce((select string_agg(old::text, ';' order by old.sequence) from old), '')
          || coalesce((select string_agg(legs::text, ';' order by legs.sequence, legs.position)
            from legs), '')))
      """)
  }

  /// Those of the ids that are no merchant's payment.
  func unowned(_ intents: [String]) async throws -> Set<String> {
    let known = intents.compactMap { id in PaymentIntentID(id).map { (id, Self.uuid($0.bytes)) } }
    guard !known.isEmpty else { return [] }
    let found = try await read(
      [String].self,
      "select "
        + Self.list(
          """
          select replace(id::text, '-', '') from intents.payment_intent
          where id in (\(known.map { "'\($0.1)'::uuid" }.joined(separator: ", ")))
          """))
    return Set(known.filter { !found.contains($0.1) }.map(\.0))
  }

  func world() async throws -> WorldCount {
    let mine = "merchant_id in (\(ids))"
    return try await read(
      WorldCount.self,
      """
      select json_build_object(
        'payments', (select md5(coalesce(string_agg(id || ' ' || version || ' ' || status, ';'
          order by id), '')) from intents.payment_intent where \(mine)),
        'transactions', (select count(*) from ledger.transaction where \(mine)),
        'entries', (select count(*) from ledger.entry where \(mine)),
        'events', (select count(*) from webhooks.event where \(mine)),
        'captures', (select count(*) from gateway.capture where \(mine)),
        'refunds', (select md5(coalesce(string_agg(text, ';' order by text), '')) from (
          select id::text || ' ' || version || ' ' || status as text
          from intents.refund where \(mine)
          union all
          select id::text || ' at its gateway ' || state from gateway.refund where \(mine)) as r),
        'reversals', (select count(*) from gateway.reversal r join gateway.operation o
          on o.intent_id = r.intent_id and o.id = r.operation_id
          where coalesce(o.close_reason, 0) <> \(Self.gaveUp) and r.\(mine)))
      """)
  }
}
