import Money
import Outbox
import Postgres

/// What people must know about the vault.
struct VaultAlerts: Sendable {
  let database: PostgresClient

  /// A reference does not open: its row was changed or moved, or its key is not in the key file.
  func raiseUnreadable(_ id: PaymentMethodID, of merchant: MerchantID) async throws {
    _ = try await database.query(
      Alerts.raise(
        Alert(
          .critical,
          kind: "reference_unreadable",
          subject: id.description,
          message: "A sealed reference does not open. Check that the key file holds all keys, and "
            + "compare the row with a backup.",
          actor: "service:vault-token",
          merchant: UUIDBits(merchant.bits)
        )
      )
    )
  }
}
