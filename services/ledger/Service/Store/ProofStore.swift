import LedgerCore
import Money
import Postgres

/// What the verifier reads: tables alone, by index, a bounded piece at a time.
enum ProofStore {
  /// Joins look up by key, here and where postings are decided. Left to statistics, a plan made for
  /// tables that were small or never analysed compared two grown ones row by row, until the
  /// statement's time was over.
  static let byKey: Statement = """
    select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
      set_config('enable_mergejoin', 'off', true), set_config('enable_material', 'off', true)
    """

  /// The next batches, as long as those before it have fewer than so many transactions.
  static func batches(after number: Int64, limit: Int64, transactions: Int64) -> Statement {
    """
    select number, transactions, first_sequence, last_sequence, recorded_at, previous_hash, hash,
      format, coalesce(leaves, ''), positions
    from (
      select b.*, sum(b.transactions) over (order by b.number) - b.transactions as before
      from (
        select * from batch where shard = \(LedgerShard.only) and number > \(number)
        order by number limit \(limit)
      ) b
    ) c where before < \(transactions) order by number
    """
  }

  static func decodeBatch(_ row: Row) throws(PostgresError) -> BatchRecord {
    guard let format = BatchFormat(rawValue: try row[7, as: Int16.self]) else {
      throw PostgresError(.decoding, "a batch of an unknown format")
    }
    return BatchRecord(
      shard: LedgerShard.only,
      number: try row[0, as: Int64.self],
      transactions: try row[1, as: Int32.self],
      first: BookSequence(try row[2, as: UUIDBits.self].bits),
      last: BookSequence(try row[3, as: UUIDBits.self].bits),
      recordedAtMicroseconds: try row[4, as: Timestamp.self].microseconds,
      previousHash: try row[5, as: [UInt8].self],
      hash: try row[6, as: [UInt8].self],
      format: format,
      leaves: try row[8, as: [UInt8].self],
      positions: try row[9, as: [Int32]?.self]
    )
  }

  /// Where the chain is known to have been: the batch with this number.
  static func place(_ number: Int64) -> Statement {
    """
    select hash, last_sequence, format from batch
    where shard = \(LedgerShard.only) and number = \(number)
    """
  }

  static func number(ofHash hash: [UInt8]) -> Statement {
    "select number from batch where shard = \(LedgerShard.only) and hash = \(hash) limit 1"
  }

  static func transactions(
    from low: BookSequence,
    through high: BookSequence,
    limit: Int64
  ) -> Statement {
    """
    select \(raw: transactionColumns)
    from transaction t left join movement m on m.shard = t.shard and m.id = t.id
    where t.shard = \(LedgerShard.only) and t.sequence >= \(UUIDBits(low.bits))
      and t.sequence <= \(UUIDBits(high.bits))
    order by t.sequence limit \(limit)
    """
  }

  /// Rows behind a place that no batch there is covers.
  static func strays(behind place: BookSequence, limit: Int64) -> Statement {
    """
    select \(raw: transactionColumns)
    from transaction t left join movement m on m.shard = t.shard and m.id = t.id
    where t.shard = \(LedgerShard.only) and t.sequence > \(UUIDBits(place.bits)) and not exists (
      select from batch b where b.shard = t.shard and b.number = t.batch
        and t.sequence between b.first_sequence and b.last_sequence)
    order by t.sequence limit \(limit)
    """
  }

  private static let transactionColumns = """
    t.sequence, t.id, t.merchant_id, t.kind, t.effective_at, t.records_fact, t.subject,
      t.external_reference, t.actor, t.trace_id, t.batch, m.sequence, t.phase, t.pending_id,
      t.expires_at, t.reverses,
      (select r.sequence from pending_resolution r
        where r.shard = t.shard and r.pending_id = coalesce(t.pending_id, t.id)),
      not exists (select from pending_resolution r where r.shard = t.shard and r.pending_id = t.id
        and not exists (select from transaction x where x.shard = r.shard
          and x.sequence = r.sequence and x.pending_id = t.id and x.phase = r.phase
          and x.merchant_id = r.merchant_id)),
      (select count(*) from pending_open o where o.shard = t.shard and o.pending_id = t.id),
      (select v.sequence from reversal v where v.shard = t.shard and v.reversed_id = t.reverses),
      not exists (select from reversal v where v.shard = t.shard and v.reversed_id = t.id
        and not exists (select from transaction x where x.shard = v.shard
          and x.sequence = v.sequence and x.reverses = t.id
          and x.merchant_id = v.merchant_id)),
      not exists (select from pending_open o where o.shard = t.shard and o.pending_id = t.id
        and (o.expires_at, o.merchant_id, o.sequence)
          is distinct from (t.expires_at, t.merchant_id, t.sequence)),
      t.metadata_keys, t.metadata_values
    """

  static func entries(
    from low: BookSequence,
    through high: BookSequence,
    limit: Int64
  ) -> Statement {
    """
    select e.sequence, e.position, e.merchant_id, e.effective_at, e.account_id, e.side, e.currency,
      e.amount_minor, e.submitted_code, a.merchant_id, a.code, a.currency, e.pending
    from (
      select shard, sequence, position, merchant_id, effective_at, account_id, side, currency,
        amount_minor, submitted_code, false as pending
      from entry where shard = \(LedgerShard.only) and sequence >= \(UUIDBits(low.bits))
        and sequence <= \(UUIDBits(high.bits))
      union all
      select shard, sequence, position, merchant_id, effective_at, account_id, side, currency,
        amount_minor, null, true
      from pending_entry where shard = \(LedgerShard.only)
        and sequence >= \(UUIDBits(low.bits)) and sequence <= \(UUIDBits(high.bits))
      order by sequence, position limit \(limit)
    ) e
    left join account a on a.shard = e.shard and a.id = e.account_id
    order by e.sequence, e.position
    """
  }

  /// Sequences of entries behind a place that have no transaction.
  static func strayEntries(behind place: BookSequence, limit: Int64) -> Statement {
    """
    select distinct e.sequence from (
      select shard, sequence from entry
      where shard = \(LedgerShard.only) and sequence > \(UUIDBits(place.bits))
      union all
      select shard, sequence from pending_entry
      where shard = \(LedgerShard.only) and sequence > \(UUIDBits(place.bits))
    ) e
    where not exists (
      select from transaction t where t.shard = e.shard and t.sequence = e.sequence)
    order by e.sequence limit \(limit)
    """
  }

  /// The next ids that movements know, and whether the transaction is where they say.
  static func movements(after id: LedgerTransactionID, limit: Int64) -> Statement {
    """
    select m.id, m.sequence, t.id is not distinct from m.id
    from (
      select id, sequence from movement where shard = \(LedgerShard.only) and id > \(id)
      order by id limit \(limit)
    ) m
    left join transaction t on t.shard = \(LedgerShard.only) and t.sequence = m.sequence
    order by m.id
    """
  }

  /// Batches that balances say were posted, behind the chain's end, in one snapshot.
  static let lostEnd: Statement = """
    select h.number, x.batch from
      (select coalesce(max(number), 0) as number from batch where shard = \(LedgerShard.only)) h,
      (select coalesce(max(batch), 0) as batch from balance where shard = \(LedgerShard.only)) x
    where x.batch > h.number
    """

  /// Heads that earlier checks saw and the chain lacks.
  static func lostHeads(limit: Int64) -> Statement {
    """
    select distinct r.head_batch from proof_run r
    left join batch b on b.shard = \(LedgerShard.only) and b.number = r.head_batch
    where r.kind = 'chain' and r.head_batch > 0 and b.hash is distinct from r.head_hash
    order by 1 limit \(limit)
    """
  }

  // MARK: Rows

  /// The transactions with their entries, and the sequences of entries without a transaction.
  static func decode(
    _ heads: Rows,
    _ entries: Rows
  ) throws(PostgresError) -> (transactions: [ProofTransaction], orphans: [BookSequence]) {
    var transactions: [ProofTransaction] = []
    transactions.reserveCapacity(heads.count)
    for row in heads { transactions.append(try decodeHead(row)) }
    var orphans: [BookSequence] = []
    var place = 0
    for row in entries {
      let sequence = BookSequence(try row[0, as: UUIDBits.self].bits)
      while place < transactions.count, transactions[place].sequence < sequence { place += 1 }
      guard place < transactions.count, transactions[place].sequence == sequence else {
        if orphans.last != sequence { orphans.append(sequence) }
        continue
      }
      try append(row, to: &transactions[place])
    }
    return (transactions, orphans)
  }

  static func decodeHead(_ row: Row) throws(PostgresError) -> ProofTransaction {
    let action = try TransactionStore.decodeAction(row, 12)
    let metadata = try TransactionStore.decodeMetadata(row, 22)
    var unreadable: [String] = []
    if action == nil {
      unreadable.append("phase, pending_id, expires_at, reverses: they contradict each other")
    }
    if metadata == nil {
      unreadable.append(
        "metadata_keys, metadata_values: they contradict each other, or are too many"
      )
    }
    return ProofTransaction(
      head: RecordedTransaction(
        sequence: try row[0, as: UUIDBits.self].bits,
        id: try row[1, as: LedgerTransactionID.self],
        merchant: try row[2, as: MerchantID.self],
        kind: try row[3, as: String.self],
        effectiveAtMicroseconds: try row[4, as: Timestamp.self].microseconds,
        recordsFact: try row[5, as: Bool.self],
        subject: try row[6, as: String.self],
        externalReference: try row[7, as: String.self],
        actor: try row[8, as: String.self],
        traceID: try row[9, as: [UInt8]?.self],
        action: action ?? .post,
        metadata: metadata ?? .none,
        legs: []
      ),
      batch: try row[10, as: Int64.self],
      movement: try row[11, as: UUIDBits?.self].map { BookSequence($0.bits) },
      entries: [],
      unreadable: unreadable,
      relations: ProofTransaction.Relations(
        ending: try row[16, as: UUIDBits?.self].map { BookSequence($0.bits) },
        isEndingMutual: try row[17, as: Bool.self],
        openLegs: Int(try row[18, as: Int64.self]),
        isListedAsHeld: try row[21, as: Bool.self],
        reversal: try row[19, as: UUIDBits?.self].map { BookSequence($0.bits) },
        isReversalMutual: try row[20, as: Bool.self]
      )
    )
  }

  private static func append(
    _ row: Row,
    to transaction: inout ProofTransaction
  ) throws(PostgresError) {
    let position = try row[1, as: Int16.self]
    let currency = Currency(try row[6, as: String.self])
    let side = Side(rawValue: try row[5, as: Int16.self])
    if currency == nil { transaction.unreadable.append("entries[\(position)].currency: unknown") }
    if side == nil { transaction.unreadable.append("entries[\(position)].side: unknown") }
    var account: AccountKey?
    if let code = try row[10, as: String?.self],
      let merchant = try row[9, as: MerchantID?.self],
      let text = try row[11, as: String?.self], let currency = Currency(text)
    {
      account = AccountKey(merchant: merchant, code: code, currency: currency)
    }
    transaction.entries.append(
      ProofTransaction.Entry(
        position: position,
        merchant: try row[2, as: MerchantID.self],
        effectiveAtMicroseconds: try row[3, as: Timestamp?.self]?.microseconds,
        leg: RecordedTransaction.Leg(
          account: try row[4, as: AccountID.self],
          side: side ?? .debit,
          currency: currency ?? account?.currency ?? Currency.all[0],
          amountMinor: try row[7, as: Int64.self],
          submittedCode: try row[8, as: String?.self]
        ),
        account: account,
        isPending: try row[12, as: Bool.self]
      )
    )
  }
}
