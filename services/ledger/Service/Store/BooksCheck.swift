package import Money
package import Postgres

/// Compares balances with entries. It reports and never corrects.
package struct BooksCheck: Sendable {
  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  /// Accounts whose balance is not the sum of their entries; none unless something is wrong.
  package func drifted(limit: Int64) async throws -> [AccountID] {
    try await database.query(BalanceStore.drift(limit: limit)).column()
  }
}
