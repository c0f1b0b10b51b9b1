import GRPCCore
import Synchronization
import TestSupport
import Wire

/// Stands for the ledger: books each posting once, and refuses those about one subject.
final class FakeLedger: LedgerV1.Ledger.SimpleServiceProtocol {
  struct State: Sendable {
    var refusedSubject = ""
    /// The first differing field of what it has booked before.
    var difference = ""
    var booked: [String: String] = [:]
    /// The subjects of each batch, in order.
    var batches: [[String]] = []
  }

  let state = Mutex(State())
  private let happenings: Happenings

  init(_ happenings: Happenings) {
    self.happenings = happenings
  }

  /// Subjects with a booked posting.
  var booked: Set<String> { state.withLock { Set($0.booked.values) } }

  func post(
    request: LedgerV1.PostRequest, context: ServerContext
  ) async throws -> LedgerV1.PostResponse {
    defer { happenings.note(.posted) }
    return state.withLock { state in
      state.batches.append(request.commands.map(\.subject))
      return LedgerV1.PostResponse(
        results: request.commands.map { command in
          guard command.subject != state.refusedSubject else {
            return LedgerV1.PostingResult(
              transactionID: command.transactionID, status: .rejected, reason: "UNBALANCED")
          }
          let isNew = state.booked.updateValue(command.subject, forKey: command.transactionID) == nil
          guard state.difference.isEmpty else {
            return LedgerV1.PostingResult(
              transactionID: command.transactionID, status: .existsWithDifference,
              difference: state.difference)
          }
          return LedgerV1.PostingResult(
            transactionID: command.transactionID, status: isNew ? .created : .exists)
        })
    }
  }

  func getTransaction(
    request: LedgerV1.GetTransactionRequest, context: ServerContext
  ) async throws -> LedgerV1.GetTransactionResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func listTransactions(
    request: LedgerV1.ListTransactionsRequest, context: ServerContext
  ) async throws -> LedgerV1.ListTransactionsResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func listAccounts(
    request: LedgerV1.ListAccountsRequest, context: ServerContext
  ) async throws -> LedgerV1.ListAccountsResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func setAccountLimits(
    request: LedgerV1.SetAccountLimitsRequest, context: ServerContext
  ) async throws -> LedgerV1.SetAccountLimitsResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func closeAccount(
    request: LedgerV1.CloseAccountRequest, context: ServerContext
  ) async throws -> LedgerV1.CloseAccountResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func reopenAccount(
    request: LedgerV1.ReopenAccountRequest, context: ServerContext
  ) async throws -> LedgerV1.ReopenAccountResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func listPending(
    request: LedgerV1.ListPendingRequest, context: ServerContext
  ) async throws -> LedgerV1.ListPendingResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func getTrialBalance(
    request: LedgerV1.GetTrialBalanceRequest, context: ServerContext
  ) async throws -> LedgerV1.GetTrialBalanceResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }
}
