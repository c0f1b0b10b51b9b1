import Money
import Wire

/// Calls that give money back.
enum RefundCall {
  /// As the demo merchant's client, or as an operator on behalf of `merchant`.
  static func create(
    _ request: IntentsV1.CreateRefundRequest, key: String,
    within limit: Duration = ServiceSession.callLimit, _ session: ServiceSession,
    merchant: MerchantID? = nil
  ) async throws -> Reply<IntentsV1.Refund> {
    let metadata = CallKeys.metadata(key: key, merchant: merchant)
    return try await session.call(
      .intents, as: merchant == nil ? .demoMerchant : .operator, within: limit
    ) { client in
      try await IntentsV1.Refunds.Client(wrapping: client).createRefund(
        request, metadata: metadata
      ) { response in
        try Reply(response).map { $0.refund ?? IntentsV1.Refund() }
      }
    }
  }
}
