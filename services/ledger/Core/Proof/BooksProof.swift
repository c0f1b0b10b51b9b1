/// The last batch that was looked at.
package struct ProofPlace: Hashable, Sendable {
  package var number: Int64
  package var hash: [UInt8]
  /// The highest sequence so far.
  package var last: BookSequence

  package init(number: Int64, hash: [UInt8], last: BookSequence) {
    self.number = number
    self.hash = hash
    self.last = last
  }

  package static let start = ProofPlace(number: 0, hash: BatchRecord.origin, last: .zero)
}

/// Recomputes the chain from what lies in the tables.
package enum BooksProof {
  /// Compares one batch with the one before it and with its transactions.
  ///
  /// - Parameter transactions: every row whose sequence lies within the batch's, by sequence.
  package static func findings(
    _ batch: BatchRecord,
    after previous: ProofPlace,
    _ transactions: [ProofTransaction]
  ) -> [BooksFinding] {
    var findings = order(batch, after: previous)
    let leaves =
      batch.format != .unordered ? [] : transactions.flatMap { $0.leaf(batch.format) }
    if batch.computedHash(leaves: leaves) != batch.hash {
      let what =
        batch.format != .unordered
        ? "its row is not what its hash covers"
        : "its row or one of its transactions is not what its hash covers"
      findings.append(BooksFinding(.batchChanged, batch: batch.number, what: what))
    }
    guard let expected = batch.expected else {
      return findings + transactions.compactMap { contradiction($0, batch.number) }
        + (batch.format != .unordered
          ? [
            BooksFinding(
              .batchChanged,
              batch: batch.number,
              what: "transactions, leaves and positions: their numbers differ"
            )
          ] : [])
    }
    var rest = transactions[...]
    for (sequence, leaf) in expected {
      while let added = rest.first, added.sequence < sequence {
        findings.append(self.added(added, batch.number))
        rest.removeFirst()
      }
      guard let found = rest.first, found.sequence == sequence else {
        findings.append(
          BooksFinding(
            .transactionMissing,
            batch: batch.number,
            sequence: sequence,
            what: "the row of transaction is missing"
          )
        )
        continue
      }
      rest.removeFirst()
      var what = found.contradictions(in: batch.number)
      if what.isEmpty, let difference = found.difference(from: leaf, batch.format) {
        what = [difference]
      }
      if !what.isEmpty { findings.append(changed(found, batch.number, what)) }
    }
    return findings + rest.map { added($0, batch.number) }
  }

  private static func order(
    _ batch: BatchRecord,
    after previous: ProofPlace
  ) -> [BooksFinding] {
    var findings: [BooksFinding] = []
    let next = previous.number + 1
    if batch.number > next {
      findings.append(
        BooksFinding(
          .batchMissing,
          batch: next,
          what: "\(batch.number - next) from here on are missing"
        )
      )
    }
    var what: [String] = []
    if batch.previousHash != previous.hash, batch.number == next {
      what.append("previous_hash: not the hash of the batch before")
    }
    if batch.format != .unordered, batch.first <= previous.last {
      what.append("first_sequence: not behind the batch before")
    }
    if batch.last < batch.first { what.append("last_sequence: before first_sequence") }
    if !what.isEmpty {
      findings.append(
        BooksFinding(
          .batchOutOfOrder,
          batch: batch.number,
          what: what.joined(separator: "; ")
        )
      )
    }
    return findings
  }

  private static func changed(
    _ found: ProofTransaction,
    _ number: Int64,
    _ what: [String]
  ) -> BooksFinding {
    BooksFinding(
      .transactionChanged,
      batch: number,
      sequence: found.sequence,
      transaction: found.head.id,
      what: what.joined(separator: "; ")
    )
  }

  private static func contradiction(
    _ found: ProofTransaction,
    _ number: Int64
  ) -> BooksFinding? {
    let what = found.contradictions(in: number)
    return what.isEmpty ? nil : changed(found, number, what)
  }

  package static func added(_ found: ProofTransaction, _ number: Int64) -> BooksFinding {
    BooksFinding(
      .transactionAdded,
      batch: number,
      sequence: found.sequence,
      transaction: found.head.id,
      what: "no batch was made with this row"
    )
  }
}
