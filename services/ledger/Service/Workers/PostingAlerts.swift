import LedgerCore
import Money
import Outbox
package import Postgres

/// What people must know about postings.
package struct PostingAlerts: Sendable {
  static let actor = "service:ledger"

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  /// For the transaction that books the facts.
  func statements(for postings: [BookablePosting]) -> [Statement] {
    postings.flatMap { posting in
      posting.remarks.map { Alerts.raise(Self.alert($0, posting)) }
    }
  }

  private static func alert(_ remark: PostingRemark, _ posting: BookablePosting) -> Alert {
    let (subject, merchant) = (
      posting.command.id.description, UUIDBits(posting.merchant.bits)
    )
    return switch remark {
    case .accountInSuspense(let code):
      Alert(
        .critical,
        kind: "posting_in_suspense",
        subject: subject,
        message:
          "The account `\(code)` is not in the chart, and the amount lies in suspense. Add it "
          + "to the chart and clear the suspense account.",
        actor: actor,
        merchant: merchant
      )
    case .kindUnknown(let kind):
      Alert(
        .warning,
        kind: "posting_kind_unknown",
        subject: subject,
        message: "The kind `\(kind)` is in no posting template; the transaction is booked.",
        actor: actor,
        merchant: merchant
      )
    case .pendingDiffers(let id):
      Alert(
        .warning,
        kind: "posting_without_hold",
        subject: subject,
        message:
          "A fact posts \(id), which is not held, or held less; it is booked as it says. Compare "
          + "both with `tender ledger show`.",
        actor: actor,
        merchant: merchant
      )
    case .reversalDiffers(let id):
      Alert(
        .warning,
        kind: "posting_reversal_differs",
        subject: subject,
        message:
          "A fact takes back \(id), which is not booked, was taken back before, or moved something "
          + "else; it is booked as it says. Compare both with `tender ledger show`.",
        actor: actor,
        merchant: merchant
      )
    }
  }

  /// What happened cannot be booked, and is missing from the books.
  func raiseRefusedFact(
    _ id: LedgerTransactionID,
    of merchant: MerchantID?,
    reason: String
  ) async throws {
    _ = try await database.query(
      Alerts.raise(
        Alert(
          .critical,
          kind: "posting_refused",
          subject: id.description,
          message:
            "A fact cannot be booked (\(reason)): the books lack it. Correct its producer and "
            + "post it again.",
          actor: Self.actor,
          merchant: merchant.map { UUIDBits($0.bits) }
        )
      )
    )
  }
}
