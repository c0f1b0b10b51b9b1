import GRPCCore
import Synchronization
import TestSupport
import Wire

/// Stands for gateway-router: captures every payment, once, when the gate is open.
final class FakeRouter: GatewayV1.GatewayRouter.SimpleServiceProtocol {
  let gate = Gate()
  /// Refunds wait here.
  let refundGate = Gate()
  let refunds = FakeRefunds()
  private let merchant: String
  private let happenings: Happenings
  private let captured = Mutex<[String: GatewayV1.Fact]>([:])

  init(merchant: String, _ happenings: Happenings) {
    self.merchant = merchant
    self.happenings = happenings
  }

  /// Operations that moved money.
  var captures: Int { captured.withLock { $0.count } }

  func executeOperation(
    request: GatewayV1.ExecuteOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.ExecuteOperationResponse {
    happenings.note(.routerAsked)
    await gate.wait()
    let fact = captured.withLock { captured in
      let fact = GatewayV1.Fact(
        operationID: request.operationID, intentID: request.intentID, merchantID: merchant,
        sequence: 1, kind: .captured, amount: request.amount, gateway: "stripe",
        gatewayAccount: "test", gatewayReference: "pi_test")
      captured[request.operationID] = fact
      return fact
    }
    return GatewayV1.ExecuteOperationResponse(facts: [fact])
  }

  func captureOperation(
    request: GatewayV1.CaptureOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CaptureOperationResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func refundOperation(
    request: GatewayV1.RefundOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.RefundOperationResponse {
    happenings.note(.refundAsked)
    await refundGate.wait()
    return GatewayV1.RefundOperationResponse(facts: try refunds.answer(request, merchant))
  }

  func closeOperation(
    request: GatewayV1.CloseOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CloseOperationResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  func listOperations(
    request: GatewayV1.ListOperationsRequest, context: ServerContext
  ) async throws -> GatewayV1.ListOperationsResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }
}

/// Stands for the ledger: books each posting once, and refuses those about one subject.
final class FakeLedger: LedgerV1.Ledger.SimpleServiceProtocol {
  struct State: Sendable {
    var refusedSubject = ""
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

  func getTrialBalance(
    request: LedgerV1.GetTrialBalanceRequest, context: ServerContext
  ) async throws -> LedgerV1.GetTrialBalanceResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }
}
