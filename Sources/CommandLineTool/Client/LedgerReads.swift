import GRPCCore
import Money
import Wire

/// What commands read of the books about one merchant, as an operator.
struct LedgerReads: Sendable {
  let session: ServiceSession
  private let metadata: Metadata

  init(_ session: ServiceSession, _ merchant: MerchantID) {
    self.session = session
    metadata = CallKeys.metadata(merchant: merchant)
  }

  private func history<Answer: Sendable>(
    _ body:
      @Sendable (
        LedgerV1.LedgerHistory.Client<ServiceSession.Transport>, Metadata
      ) async throws -> Answer
  ) async throws -> Answer {
    try await session.call(.ledger, as: .operator) { [metadata] client in
      try await body(LedgerV1.LedgerHistory.Client(wrapping: client), metadata)
    }
  }

  func balance(_ request: LedgerV1.GetBalanceRequest) async throws -> LedgerV1.Account {
    let answer = try await history { try await $0.getBalance(request, metadata: $1) }
    guard let account = answer.account else {
      throw Failure("ledger answered without the account", next: "see tender doctor")
    }
    return account
  }

  func entries(
    _ request: LedgerV1.ListEntriesRequest
  ) async throws -> LedgerV1.ListEntriesResponse {
    try await history { try await $0.listEntries(request, metadata: $1) }
  }

  /// Every account, page by page.
  func trialBalance(
    _ request: LedgerV1.GetTrialBalanceAsOfRequest
  ) async throws -> [LedgerV1.Account] {
    var accounts: [LedgerV1.Account] = []
    var request = request
    repeat {
      let page = try await history { [request] in
        try await $0.getTrialBalanceAsOf(request, metadata: $1)
      }
      accounts += page.accounts
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    return accounts
  }
}
