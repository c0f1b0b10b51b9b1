package import GRPCCore
import LedgerCore
import Money
import Postgres
import ServiceKit
import Transport
package import Wire

// Closing accounts.
extension LedgerHandler {
  package func closeAccount(
    request: LedgerV1.CloseAccountRequest,
    context: ServerContext
  ) async throws -> LedgerV1.CloseAccountResponse {
    let (code, line, currency) = try Self.account(request.accountCode, request.currency)
    return try await environment.idempotency.perform(request) { [self] transaction, call in
      let key = AccountKey(
        merchant: try call.requireMerchant(),
        code: code,
        currency: currency
      )
      guard let account = try await setClosed(true, key, line, in: transaction) else {
        throw RPCFailure.failedPrecondition(
          "ACCOUNT_HAS_PENDING",
          "Something is held on this account: post or void it first (`tender ledger pending`)."
        )
      }
      return LedgerV1.CloseAccountResponse(account: account)
    }
  }

  package func reopenAccount(
    request: LedgerV1.ReopenAccountRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ReopenAccountResponse {
    let (code, line, currency) = try Self.account(request.accountCode, request.currency)
    return try await environment.idempotency.perform(request) { [self] transaction, call in
      let key = AccountKey(
        merchant: try call.requireMerchant(),
        code: code,
        currency: currency
      )
      let account = try await setClosed(false, key, line, in: transaction)
      return LedgerV1.ReopenAccountResponse(account: account)
    }
  }

  /// Nil, with nothing changed, if something is held on an account that is to be closed.
  private func setClosed(
    _ isClosed: Bool,
    _ key: AccountKey,
    _ line: ChartLine,
    in transaction: borrowing Transaction
  ) async throws -> LedgerV1.Account? {
    let rows = try await transaction.batch([
      BalanceStore.setClosed(isClosed, key, line, environment.stamp),
      BalanceStore.account(key.id),
    ])
    guard try rows[0].single()[0, as: Bool.self] else { return nil }
    return try BalanceStore.decodeCurrentAccount(try rows[1].single(), of: key.merchant)
  }

  /// An account that the chart allows.
  ///
  /// - Throws: CURRENCY_UNKNOWN, ACCOUNT_UNKNOWN.
  static func account(
    _ code: String,
    _ currency: String
  ) throws -> (code: String, line: ChartLine, currency: Currency) {
    guard let currency = Currency(currency) else {
      throw RPCFailure.invalid("currency", "CURRENCY_UNKNOWN", "The currency is not known.")
    }
    guard let code = AccountCode(code), let line = ChartOfAccounts.line(of: code) else {
      throw RPCFailure.invalid(
        "account_code",
        "ACCOUNT_UNKNOWN",
        "No account of the chart has this code; see services/ledger/README.md."
      )
    }
    return (code.description, line, currency)
  }
}
