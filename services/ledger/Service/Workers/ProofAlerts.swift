import LedgerCore
import Money
import Outbox
import Postgres

/// What people must know about the books.
struct ProofAlerts: Sendable {
  let database: PostgresClient

  func raise(_ findings: [BooksFinding]) async throws {
    guard !findings.isEmpty else { return }
    try await database.transaction(
      batch: findings.map { finding in
        let place =
          finding.transaction?.description ?? finding.sequence?.description
          ?? finding.day.map { "day \($0)" } ?? "batch \(finding.batch)"
        return Alerts.raise(
          Alert(
            .critical,
            kind: "books_changed",
            subject: place,
            message:
              "\(finding.kind.rawValue) in "
              + (finding.day.map { "day \($0)" } ?? "batch \(finding.batch)")
              + ": \(finding.what). Somebody "
              + "changed the tables: run `tender ledger verify` and compare with a backup.",
            actor: PostingAlerts.actor,
            dedupKey: "books_changed:\(finding.kind.rawValue):\(place)"
          )
        )
      }
    )
  }

  func raise(_ findings: [DriftFinding]) async throws {
    guard !findings.isEmpty else { return }
    try await database.transaction(
      batch: findings.map { finding in
        Alerts.raise(
          Alert(
            .critical,
            kind: "balance_drift",
            subject: finding.account.description,
            message:
              "\(finding.kind.rawValue) of \(finding.code) \(finding.currency): the entries say "
              + "debits \(finding.entries.debitsMinor), credits \(finding.entries.creditsMinor). "
              + "Nothing was corrected: run `tender ledger verify`, then decide.",
            actor: PostingAlerts.actor,
            merchant: UUIDBits(finding.merchant.bits),
            dedupKey: "balance_drift:\(finding.kind.rawValue):\(finding.account)"
          )
        )
      }
    )
  }
}
