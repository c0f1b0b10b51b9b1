import LedgerCore
import Money
import Postgres

/// A transaction as it lies in the tables.
struct StoredTransaction {
  var recorded: RecordedTransaction
  var batch: Int64
  var recordedAt: Timestamp
  /// The legs by the codes they are booked on.
  var booked: [PostingEntry]
  /// What ended it, where it is held.
  var endedBy: LedgerTransactionID?

  /// What the caller had submitted, for comparison with a repeated command.
  var submitted: PostingCommand {
    let entries = zip(booked, recorded.legs).map { entry, leg in
      var entry = entry
      entry.accountCode = leg.submittedCode ?? entry.accountCode
      return entry
    }
    return PostingCommand(
      id: recorded.id,
      merchant: recorded.merchant,
      kind: recorded.kind,
      entries: entries,
      effectiveAtMicroseconds: recorded.effectiveAtMicroseconds,
      subject: recorded.subject,
      externalReference: recorded.externalReference,
      recordsFact: recorded.recordsFact,
      action: recorded.action,
      metadata: recorded.metadata
    )
  }
}

/// Reads transactions.
enum TransactionStore {
  // What is held has its legs elsewhere; a release has none.
  private static let columns = """
    select t.sequence, t.id, t.merchant_id, t.kind, t.effective_at, t.records_fact, t.subject,
      t.external_reference, t.actor, t.batch, b.recorded_at, e.account_id, e.side, e.currency,
      e.amount_minor, e.submitted_code, a.code, t.phase, t.pending_id, t.expires_at, t.reverses,
      case when t.phase = 1 then (
        select x.id from pending_resolution r
        join transaction x on x.shard = r.shard and x.sequence = r.sequence
        where r.shard = t.shard and r.pending_id = t.id) end,
      t.metadata_keys, t.metadata_values
    from transaction t
    join batch b on b.shard = t.shard and b.number = t.batch
    left join lateral (
      select position, account_id, side, currency, amount_minor, submitted_code from entry
      where shard = t.shard and sequence = t.sequence
      union all
      select position, account_id, side, currency, amount_minor, null from pending_entry
      where t.phase = 1 and shard = t.shard and sequence = t.sequence
    ) e on true
    left join account a on a.shard = t.shard and a.id = e.account_id
    """

  static func bySequences(_ sequences: [UUIDBits]) -> Statement {
    """
    \(raw: columns) where t.shard = \(LedgerShard.only) and t.sequence = any(\(sequences))
    order by t.sequence, e.position
    """
  }

  static func byIDs(_ ids: [LedgerTransactionID]) -> Statement {
    """
    \(raw: columns) where t.shard = \(LedgerShard.only) and t.sequence = any(array(
      select sequence from movement where shard = \(LedgerShard.only) and id = any(\(ids))))
    order by t.sequence, e.position
    """
  }

  /// What is held for a merchant, with what ends first before the others.
  static func pending(of merchant: MerchantID, limit: Int64) -> Statement {
    """
    \(raw: columns) where t.shard = \(LedgerShard.only) and t.sequence = any(array(
      select o.sequence from pending_open o
      where o.shard = \(LedgerShard.only) and o.merchant_id = \(merchant)
      group by o.sequence, o.expires_at order by o.expires_at, o.sequence limit \(limit)))
    order by t.expires_at, t.sequence, e.position
    """
  }

  static func byID(_ id: LedgerTransactionID, of merchant: MerchantID) -> Statement {
    """
    \(raw: columns) where t.shard = \(LedgerShard.only) and t.sequence = (
      select sequence from movement
      where shard = \(LedgerShard.only) and id = \(id) and merchant_id = \(merchant))
    order by e.position
    """
  }

  static func bySubject(
    _ subject: String,
    of merchant: MerchantID,
    limit: Int64
  ) -> Statement {
    """
    \(raw: columns) where t.shard = \(LedgerShard.only) and t.sequence = any(array(
      select sequence from transaction
      where shard = \(LedgerShard.only) and merchant_id = \(merchant) and subject = \(subject)
        and subject <> ''
      order by sequence limit \(limit)))
    order by t.sequence, e.position
    """
  }

  /// The transactions of rows that are ordered by sequence and position.
  static func decode(_ rows: Rows) throws(PostgresError) -> [StoredTransaction] {
    var result: [StoredTransaction] = []
    for row in rows {
      let sequence = try row[0, as: UUIDBits.self].bits
      if result.last?.recorded.sequence != sequence { result.append(try head(row, sequence)) }
      guard let account = try row[11, as: AccountID?.self] else { continue }
      let side: Side = try row[12, as: Int16.self] == 1 ? .debit : .credit
      let (currency, amount) = (try row[13, as: Currency.self], try row[14, as: Int64.self])
      result[result.count - 1].recorded.legs.append(
        RecordedTransaction.Leg(
          account: account,
          side: side,
          currency: currency,
          amountMinor: amount,
          submittedCode: try row[15, as: String?.self]
        )
      )
      result[result.count - 1].booked.append(
        PostingEntry(
          try row[16, as: String.self],
          side,
          currencyCode: currency.code,
          amountMinor: amount
        )
      )
    }
    return result
  }

  private static func head(
    _ row: Row,
    _ sequence: UInt128
  ) throws(PostgresError) -> StoredTransaction {
    guard let action = try decodeAction(row, 17) else {
      throw PostgresError(.decoding, "a transaction whose phase contradicts itself")
    }
    guard let metadata = try decodeMetadata(row, 22) else {
      throw PostgresError(.decoding, "a transaction whose metadata contradicts itself")
    }
    return StoredTransaction(
      recorded: RecordedTransaction(
        sequence: sequence,
        id: try row[1, as: LedgerTransactionID.self],
        merchant: try row[2, as: MerchantID.self],
        kind: try row[3, as: String.self],
        effectiveAtMicroseconds: try row[4, as: Timestamp.self].microseconds,
        recordsFact: try row[5, as: Bool.self],
        subject: try row[6, as: String.self],
        externalReference: try row[7, as: String.self],
        actor: try row[8, as: String.self],
        action: action,
        metadata: metadata,
        legs: []
      ),
      batch: try row[9, as: Int64.self],
      recordedAt: try row[10, as: Timestamp.self],
      booked: [],
      endedBy: try row[21, as: LedgerTransactionID?.self]
    )
  }

  /// From metadata_keys and metadata_values, which begin at a column.
  static func decodeMetadata(
    _ row: Row,
    _ column: Int
  ) throws(PostgresError) -> TransactionMetadata? {
    TransactionMetadata(
      storedKeys: try row[column, as: [String]?.self],
      values: try row[column + 1, as: [String]?.self]
    )
  }

  /// From phase, pending_id, expires_at and reverses, which begin at a column.
  static func decodeAction(
    _ row: Row,
    _ column: Int
  ) throws(PostgresError) -> PostingAction? {
    PostingAction(
      phase: try row[column, as: Int16?.self],
      pending: try row[column + 1, as: LedgerTransactionID?.self],
      expiresAtMicroseconds: try row[column + 2, as: Timestamp?.self]?.microseconds,
      reversed: try row[column + 3, as: LedgerTransactionID?.self]
    )
  }
}
