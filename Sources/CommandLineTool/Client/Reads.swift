import GRPCCore
import Money
import Wire

/// What commands read of the six services about one merchant, as an operator.
struct Reads: Sendable {
  let session: ServiceSession
  let merchant: MerchantID

  private var metadata: Metadata { CallKeys.metadata(merchant: merchant) }

  func intent(
    _ id: String
  ) async throws -> (intent: IntentsV1.PaymentIntent, changes: [IntentsV1.PaymentIntentChange]) {
    let request = IntentsV1.GetPaymentIntentRequest(paymentIntentID: id, withChanges: true)
    let answer = try await session.call(.intents, as: .operator) { [metadata] client in
      try await IntentsV1.PaymentIntents.Client(wrapping: client)
        .getPaymentIntent(request, metadata: metadata)
    }
    guard let intent = answer.paymentIntent else {
      throw Failure("intents answered without the payment", next: "see tender doctor")
    }
    return (intent, answer.changes)
  }

  /// Refunds of a payment that are shown: the newest.
  static let refundsMax: UInt32 = 100

  func refunds(of intent: String) async throws -> [IntentsV1.Refund] {
    let request = IntentsV1.ListRefundsRequest(paymentIntentID: intent, pageSize: Self.refundsMax)
    return try await session.call(.intents, as: .operator) { [metadata] client in
      try await IntentsV1.Refunds.Client(wrapping: client).listRefunds(request, metadata: metadata)
    }.refunds
  }

  func operations(of intent: String) async throws -> [GatewayV1.Operation] {
    let request = GatewayV1.ListOperationsRequest(intentID: intent)
    return try await session.call(.gateway, as: .operator) { [metadata] client in
      try await GatewayV1.GatewayRouter.Client(wrapping: client)
        .listOperations(request, metadata: metadata)
    }.operations
  }

  func transactions(about subject: String) async throws -> [LedgerV1.Transaction] {
    let request = LedgerV1.ListTransactionsRequest(subject: subject)
    return try await session.call(.ledger, as: .operator) { [metadata] client in
      try await LedgerV1.Ledger.Client(wrapping: client)
        .listTransactions(request, metadata: metadata)
    }.transactions
  }

  func transaction(_ id: String) async throws -> LedgerV1.Transaction? {
    let request = LedgerV1.GetTransactionRequest(transactionID: id)
    return try await session.call(.ledger, as: .operator) { [metadata] client in
      try await LedgerV1.Ledger.Client(wrapping: client)
        .getTransaction(request, metadata: metadata)
    }.transaction
  }

  func accounts() async throws -> [LedgerV1.Account] {
    try await session.call(.ledger, as: .operator) { [metadata] client in
      try await LedgerV1.Ledger.Client(wrapping: client)
        .listAccounts(LedgerV1.ListAccountsRequest(), metadata: metadata)
    }.accounts
  }

  func trialBalance() async throws -> [LedgerV1.TrialBalanceLine] {
    try await session.call(.ledger, as: .operator) { [metadata] client in
      try await LedgerV1.Ledger.Client(wrapping: client)
        .getTrialBalance(LedgerV1.GetTrialBalanceRequest(), metadata: metadata)
    }.lines
  }

  /// One page of events after a sequence number; empty object: of everything.
  func events(
    after sequence: UInt64 = 0, object: String = ""
  ) async throws -> WebhooksV1.ListEventsResponse {
    let request = WebhooksV1.ListEventsRequest(
      afterSequence: sequence, pageSize: 500, objectID: object)
    return try await session.call(.webhooks, as: .operator) { [metadata] client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .listEvents(request, metadata: metadata)
    }
  }

  func deliveries(about object: String) async throws -> [WebhooksV1.Delivery] {
    let request = WebhooksV1.ListDeliveriesRequest(objectID: object)
    return try await session.call(.webhooks, as: .operator) { [metadata] client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .listDeliveries(request, metadata: metadata)
    }.deliveries
  }

  func status(_ service: PlatformService) async throws -> CommonV1.GetStatusResponse {
    try await session.call(service, as: .operator) { client in
      try await CommonV1.Operations.Client(wrapping: client).getStatus(CommonV1.GetStatusRequest())
    }
  }
}

/// The merchant that a command is about.
enum MerchantOption {
  /// The merchant named, else the demo merchant.
  static func resolve(_ text: String?, _ session: ServiceSession) throws -> MerchantID {
    guard let text else { return session.merchant }
    guard let merchant = MerchantID(text) else {
      throw Failure("\(text) is no merchant id", next: "mt_… or ml_…", status: .usage)
    }
    return merchant
  }
}
