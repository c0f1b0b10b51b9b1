/// A refund as intents tells of it, with its events.
struct FoundRefund: Sendable, Equatable {
  static let idPrefix = "re_"

  struct Event: Sendable, Equatable {
    var id: String
    var type: String
    var version: UInt64
    /// What its body says.
    var bodyStatus: String
    var bodyVersion: UInt64
    var bodyAmountMinor: Int64
    var body: String
    /// Of all its merchant's events: those of one payment in the order of their commits.
    var sequence: UInt64 = 0
  }

  var id: String
  var intent: String
  var merchant: Int
  /// The idempotency key that its caller wrote into it.
  var key: String
  var amountMinor: Int64
  /// pending, succeeded, failed.
  var status: String
  /// outcome_unknown, gateway_pending, in pending.
  var pendingReason = ""
  var version: UInt64
  var gatewayReference = ""
  /// When gateway-router wrote its row, in milliseconds since 1970; nil while it has none.
  var begunAt: Int64? = nil
  /// Between its row at gateway-router and the gateway's word; nil while that is missing.
  var milliseconds: Int64? = nil
  var events: [Event] = []

  /// What is not proven failed is not refundable again.
  var isReserved: Bool { status != "failed" }

  /// Nobody knows what became of it, and the gateway has none: only evidence ends that.
  func isSilent(_ refunds: [GatewayRefund]) -> Bool {
    status == "pending" && pendingReason == "outcome_unknown"
      && !refunds.contains { $0.isOf(self) }
  }
}

/// A refund in a gateway's own books.
struct GatewayRefund: Sendable, Equatable, Decodable {
  var gateway: String
  var id: String
  /// The gateway's id of the payment.
  var payment: String
  var amount: Int64
  var status: String
  /// Ours, by which the gateway knows it.
  var reference: String

  /// A reference holds the letters of the refund's id.
  func isOf(_ refund: FoundRefund) -> Bool {
    reference.contains(refund.id.dropFirst(FoundRefund.idPrefix.count))
  }
}
