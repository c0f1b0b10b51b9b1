package import Money
package import Postgres

/// Something to tell another service, written in the transaction that makes it true.
package struct OutboxMessage: Sendable {
  /// Which relay sends it, such as `ledger.post`.
  package var destination: String
  /// Rows of one key and destination are sent in order.
  package var distributionKey: UUIDBits
  /// What the receiver deduplicates by.
  package var id: UUIDBits
  package var merchant: UUIDBits
  package var payload: [UInt8]
  package var actor: String
  package var traceID: [UInt8]?
  /// Not sent earlier than so much after it was written, by the database's clock: one that is wrong
  /// in the writer's process would hold it back for as long as it is wrong.
  package var delay: Duration

  package init(
    destination: String,
    distributionKey: UInt128,
    id: UInt128,
    merchant: MerchantID,
    payload: [UInt8],
    actor: String,
    traceID: [UInt8]? = nil,
    delay: Duration = .zero
  ) {
    self.destination = destination
    self.distributionKey = UUIDBits(distributionKey)
    self.id = UUIDBits(id)
    self.merchant = UUIDBits(merchant.bits)
    self.payload = payload
    self.actor = actor
    self.traceID = traceID
    self.delay = delay
  }
}

/// Writes messages within the caller's transaction. After the commit, wake the relay.
package enum OutboxWriter {
  /// One statement for any number of messages; their order is kept.
  package static func insert(_ messages: [OutboxMessage]) -> Statement {
    """
    insert into outbox
      (destination, distribution_key, id, merchant_id, payload, actor, trace_id, not_before)
    select destination, distribution_key, id, merchant_id, payload, actor, trace_id,
      now() + delay * interval '1 microsecond'
    from unnest(
      \(messages.map(\.destination)), \(messages.map(\.distributionKey)), \(messages.map(\.id)),
      \(messages.map(\.merchant)), \(messages.map(\.payload)), \(messages.map(\.actor)),
      \(messages.map(\.traceID)), \(messages.map(\.delay.wholeMicroseconds)))
      with ordinality as message
        (destination, distribution_key, id, merchant_id, payload, actor, trace_id, delay, place)
    order by place
    """
  }

  package static func insert(_ message: OutboxMessage) -> Statement { insert([message]) }
}

/// A claimed row on its way.
package struct OutboxRow: Sendable {
  package let distributionKey: UUIDBits
  package let sequence: Int64
  package let id: UUIDBits
  package let merchant: UUIDBits
  package let payload: [UInt8]
  package let actor: String
  package let traceID: [UInt8]?
  package let createdAt: Timestamp
  /// Times that it was claimed, this one included.
  package let attempts: Int32
  let fence: Int64
}

/// What became of one row.
package enum OutboxOutcome: Sendable, Hashable {
  /// The receiver has applied it, now or before. The row is deleted.
  case delivered
  /// Not known to be applied. The row is sent again, for ever. The reason holds no values.
  case retry(String)
  /// The receiver did not answer, which says nothing of the row: sent again as `retry`, but soon
  /// after the receiver is back.
  case receiverAway(String)
}

/// What waits for one destination.
package struct OutboxBacklog: Sendable, Hashable {
  package let count: Int64
  /// When the oldest unsent row was written; nil when none is.
  package let oldest: Timestamp?
  /// The most times that a waiting row was claimed.
  package let attemptsMax: Int32
}
