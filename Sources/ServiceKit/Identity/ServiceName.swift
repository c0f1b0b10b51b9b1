/// The six services, by the name of their executable (ARCHITECTURE.md has the table).
package enum ServiceName: String, Sendable, Hashable, CaseIterable {
  case intents
  case gatewayRouter = "gateway-router"
  case ledger
  case vaultToken = "vault-token"
  case webhooks
  case billing

  /// The schema it owns; also the stem of its roles.
  package var schema: String {
    switch self {
    case .intents: "intents"
    case .gatewayRouter: "gateway"
    case .ledger: "ledger"
    case .vaultToken: "vault"
    case .webhooks: "webhooks"
    case .billing: "billing"
    }
  }

  /// The login role with its run-time grants.
  package var serviceRole: String { "\(schema)_service" }
  /// The role without login that owns the schema.
  package var ownerRole: String { "\(schema)_owner" }
  /// The login role that may act as the owner, for migrations only.
  package var migrationRole: String { "\(schema)_migrator" }
}
