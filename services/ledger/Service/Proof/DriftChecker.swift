package import LedgerCore
package import Money
package import Postgres

/// Sums kept beside the entries that are not theirs.
package struct DriftFinding: Hashable, Sendable {
  /// The raw values are API.
  package enum Kind: String, Hashable, Sendable {
    case balanceDiffers = "balance_differs"
    case balanceMissing = "balance_missing"
    case snapshotDiffers = "snapshot_differs"
    case pieceDiffers = "piece_differs"
    case blockDiffers = "block_differs"
    /// The sums of what is held, beside a balance or in the list of what is held.
    case pendingDiffers = "pending_differs"
    /// The limits beside a balance are not the newest ones.
    case limitsDiffer = "limits_differ"
  }

  package struct Sums: Hashable, Sendable {
    package var debitsMinor: Int64
    package var creditsMinor: Int64
  }

  package var kind: Kind
  package var merchant: MerchantID
  package var account: AccountID
  package var code: String
  package var currency: String
  package var kept: Sums
  package var entries: Sums
  /// Of the snapshot; nil for a balance.
  package var sequence: BookSequence?
}

/// Recomputes balances and snapshots from the entries. It reports and never corrects.
///
/// Snapshot after snapshot, and then the balance against the last one: together these are the sums
/// over all entries, without a statement that reads them all.
package struct DriftChecker: Sendable {
  static let accountsMax: Int32 = 500
  static let snapshotsMax: Int32 = 50
  /// Findings of one page.
  package static let findingsMax = 100

  /// Where a page begins.
  package enum Place: Hashable, Sendable {
    case account(AccountID)
    case snapshot(AccountID, BookSequence)
  }

  package struct Page: Sendable {
    package var findings: [DriftFinding] = []
    package var accounts = 0
    package var snapshots = 0
    /// Nil after the last page.
    package var next: Place?
  }

  package static let start = Place.account(AccountID(bits: 0))

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  package func page(_ place: Place) async throws -> Page {
    var page =
      switch place {
      case .account(let id): try await accounts(after: id)
      case .snapshot(let id, let sequence): try await snapshots(after: id, sequence)
      }
    page.findings = Array(page.findings.prefix(Self.findingsMax))
    return page
  }

  private func accounts(after id: AccountID) async throws -> Page {
    let rows = try await database.query(
      """
      select account_id, merchant_id, code, currency, kept_debits, kept_credits, entries_debits,
        entries_credits
      from drift_accounts(\(LedgerShard.only), \(id), \(Self.accountsMax))
      """
    )
    var page = Page(accounts: rows.count)
    for row in rows {
      let (id, merchant, code, currency, debits, credits, byDebits, byCredits) = try row.decode(
        (AccountID, MerchantID, String, String, Int64?, Int64?, Int64, Int64).self
      )
      page.next = .account(id)
      let entries = DriftFinding.Sums(debitsMinor: byDebits, creditsMinor: byCredits)
      let kept = DriftFinding.Sums(debitsMinor: debits ?? 0, creditsMinor: credits ?? 0)
      guard debits == nil || kept != entries else { continue }
      page.findings.append(
        DriftFinding(
          kind: debits == nil ? .balanceMissing : .balanceDiffers,
          merchant: merchant,
          account: id,
          code: code,
          currency: currency,
          kept: kept,
          entries: entries
        )
      )
    }
    page.findings += try await pending(after: id)
    if rows.count < Int(Self.accountsMax) {
      page.next = .snapshot(AccountID(bits: 0), .zero)
    }
    return page
  }

  /// Of the same accounts: what is held, and the limits.
  private func pending(after id: AccountID) async throws -> [DriftFinding] {
    let rows = try await database.query(
      """
      select account_id, merchant_id, code, currency, kept_debits, kept_credits, listed_debits,
        listed_credits, entries_debits, entries_credits, limits_agree
      from drift_pending(\(LedgerShard.only), \(id), \(Self.accountsMax))
      """
    )
    var findings: [DriftFinding] = []
    for row in rows {
      func sums(_ column: Int) throws -> DriftFinding.Sums {
        DriftFinding.Sums(
          debitsMinor: try row[column, as: Int64.self],
          creditsMinor: try row[column + 1, as: Int64.self]
        )
      }
      let (kept, listed, entries) = (try sums(4), try sums(6), try sums(8))
      var kinds: [(DriftFinding.Kind, DriftFinding.Sums)] = []
      if kept != entries {
        kinds.append((.pendingDiffers, kept))
      } else if listed != entries {
        kinds.append((.pendingDiffers, listed))
      }
      if !(try row[10, as: Bool.self]) { kinds.append((.limitsDiffer, kept)) }
      for (kind, kept) in kinds {
        findings.append(
          DriftFinding(
            kind: kind,
            merchant: try row[1, as: MerchantID.self],
            account: try row[0, as: AccountID.self],
            code: try row[2, as: String.self],
            currency: try row[3, as: String.self],
            kept: kept,
            entries: entries
          )
        )
      }
    }
    return findings
  }

  private func snapshots(after id: AccountID, _ sequence: BookSequence) async throws -> Page {
    let rows = try await database.query(
      """
      select account_id, sequence, merchant_id, code, currency, kept_debits, kept_credits,
        pieces_debits, pieces_credits, entries_debits, entries_credits, block_debits,
        block_credits, span_debits, span_credits
      from drift_snapshots(\(LedgerShard.only), \(id), \(UUIDBits(sequence.bits)),
        \(Self.snapshotsMax))
      """
    )
    var page = Page(snapshots: rows.count)
    for row in rows {
      let (id, place, merchant, code, currency) = try row.decode(
        (AccountID, UUIDBits, MerchantID, String, String).self
      )
      let sequence = BookSequence(place.bits)
      page.next = .snapshot(id, sequence)
      func sums(_ column: Int) throws -> DriftFinding.Sums {
        DriftFinding.Sums(
          debitsMinor: try row[column, as: Int64.self],
          creditsMinor: try row[column + 1, as: Int64.self]
        )
      }
      let entries = try sums(9)
      var compared = [
        (DriftFinding.Kind.snapshotDiffers, try sums(5), entries),
        (.pieceDiffers, try sums(7), entries),
      ]
      // A block is compared with the snapshots that it spans, which are compared with entries.
      if try row[11, as: Int64?.self] != nil {
        compared.append((.blockDiffers, try sums(11), try sums(13)))
      }
      for (kind, kept, expected) in compared where kept != expected {
        page.findings.append(
          DriftFinding(
            kind: kind,
            merchant: merchant,
            account: id,
            code: code,
            currency: currency,
            kept: kept,
            entries: expected,
            sequence: sequence
          )
        )
      }
    }
    if rows.count < Int(Self.snapshotsMax) { page.next = nil }
    return page
  }
}
