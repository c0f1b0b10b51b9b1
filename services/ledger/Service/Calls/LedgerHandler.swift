package import GRPCCore
import LedgerCore
import Money
import Postgres
import Reactor
import ServiceKit
import Transport
package import Wire

/// tender.ledger.v1.Ledger.
package struct LedgerHandler: LedgerV1.Ledger.SimpleServiceProtocol {
  /// Most transactions of one subject, and most accounts, in one answer.
  static let transactionsMax: Int64 = 200
  static let accountsMax: Int64 = 1_000
  /// Larger requests are checked off the loop.
  static let checkedOnLoopMax = 64

  /// Each account's own sums fit; those of all accounts together need not.
  private static let sumsTooLarge = RPCFailure.failedPrecondition(
    "SUMS_TOO_LARGE",
    "The debits or credits of a currency pass 64 bits over all accounts: read the accounts one by one "
      + "(GetTrialBalanceAsOf) and add them up in wider numbers."
  )

  let environment: ServiceEnvironment
  let writer: BatchWriter
  let alerts: PostingAlerts

  package func post(
    request: LedgerV1.PostRequest,
    context: ServerContext
  ) async throws -> LedgerV1.PostResponse {
    let call = try CallContext.require()
    let (actor, traceID) = (call.actor, call.trace.traceIDBytes)
    let isOperator =
      switch call.peer {
      case .operator: true
      case .service, .merchant, .auditor: false
      }
    let check = { @Sendable () throws -> CheckedPostings in
      try CheckedPostings(
        request.commands,
        actor: actor,
        traceID: traceID,
        isOperator: isOperator
      )
    }
    let checked =
      request.commands.count <= Self.checkedOnLoopMax
      ? try check() : try await environment.workers.run(check)
    for fact in checked.refusedFacts {
      try await alerts.raiseRefusedFact(
        fact.command.id,
        of: fact.command.merchant,
        reason: fact.reason
      )
    }
    let outcomes = try await writer.post(checked.bookable)
    return LedgerV1.PostResponse(results: checked.results(with: outcomes))
  }

  package func getTransaction(
    request: LedgerV1.GetTransactionRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetTransactionResponse {
    let merchant = try CallContext.require().requireMerchant()
    guard let id = LedgerTransactionID(request.transactionID) else {
      throw RPCFailure.invalid("transaction_id", "ID_INVALID", "The id is not an `ltx_` id.")
    }
    let rows = try await environment.database.query(TransactionStore.byID(id, of: merchant))
    guard let transaction = try TransactionStore.decode(rows).first else {
      throw RPCFailure.notFound(
        "TRANSACTION_NOT_FOUND",
        "This merchant has no ledger transaction with this id."
      )
    }
    return LedgerV1.GetTransactionResponse(transaction: LedgerV1.Transaction(transaction))
  }

  package func listTransactions(
    request: LedgerV1.ListTransactionsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListTransactionsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(
      TransactionStore.bySubject(request.subject, of: merchant, limit: Self.transactionsMax)
    )
    return LedgerV1.ListTransactionsResponse(
      transactions: try TransactionStore.decode(rows).map { LedgerV1.Transaction($0) }
    )
  }

  package func listAccounts(
    request: LedgerV1.ListAccountsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListAccountsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(
      BalanceStore.accounts(of: merchant, limit: Self.accountsMax)
    )
    return LedgerV1.ListAccountsResponse(
      accounts: try rows.map { try BalanceStore.decodeCurrentAccount($0, of: merchant) }
    )
  }

  package func setAccountLimits(
    request: LedgerV1.SetAccountLimitsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.SetAccountLimitsResponse {
    let (code, line, currency) = try Self.account(request.accountCode, request.currency)
    guard
      let limits = AccountLimits(
        minimumMinor: request.minimumBalanceMinor,
        maximumMinor: request.maximumBalanceMinor
      )
    else {
      throw RPCFailure.invalid(
        "minimum_balance_minor",
        "LIMITS_INVALID",
        "The minimum is above the maximum, or beyond what a balance can be."
      )
    }
    return try await environment.idempotency.perform(request) { [environment] transaction, call in
      let merchant = try call.requireMerchant()
      let key = AccountKey(merchant: merchant, code: code, currency: currency)
      let rows = try await transaction.batch([
        BalanceStore.setLimits(limits, of: key, line, environment.stamp),
        BalanceStore.account(key.id),
      ])
      return LedgerV1.SetAccountLimitsResponse(
        account: try BalanceStore.decodeCurrentAccount(try rows[1].single(), of: merchant)
      )
    }
  }

  package func listPending(
    request: LedgerV1.ListPendingRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListPendingResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(
      TransactionStore.pending(of: merchant, limit: Self.transactionsMax)
    )
    return LedgerV1.ListPendingResponse(
      transactions: try TransactionStore.decode(rows).map { LedgerV1.Transaction($0) }
    )
  }

  package func getTrialBalance(
    request: LedgerV1.GetTrialBalanceRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetTrialBalanceResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows: Rows
    do throws(PostgresError) {
      rows = try await environment.database.query(BalanceStore.trialBalance(of: merchant))
    } catch {
      guard error.sqlState == .numericOutOfRange else { throw error }
      throw Self.sumsTooLarge
    }
    return LedgerV1.GetTrialBalanceResponse(lines: try rows.map(BalanceStore.decodeLine))
  }
}
