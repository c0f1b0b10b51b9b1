import IntentsCore
import Money
import ServiceKit

/// The public JSON shape of a refund: `data.object` of its webhook events.
enum RefundJSON {
  static func text(_ row: RefundRow) -> String {
    JSONValue.object([
      ("id", .string(row.id.description)),
      ("object", .string("refund")),
      ("merchant_id", .string(row.merchant.description)),
      ("livemode", .boolean(row.merchant.isLive)),
      ("payment_intent_id", .string(row.intent.description)),
      ("amount_minor", .integer(row.amount.minor)),
      ("currency", .string(row.amount.currency.code)),
      ("status", .string(row.state.status.publicName)),
      ("pending_reason", .optional(row.pendingReason?.publicName)),
      ("reason", .optional(row.reason.publicName)),
      ("failure", failure(row.failure)),
      ("gateway", .optional(row.gateway.isEmpty ? nil : row.gateway)),
      ("gateway_reference", .optional(row.gatewayReference.isEmpty ? nil : row.gatewayReference)),
      ("metadata", metadata(row)),
      ("version", .integer(row.version)),
      ("created_at", .string(row.createdAt.description)),
      ("updated_at", .string(row.updatedAt.description)),
    ]).text
  }

  private static func metadata(_ row: RefundRow) -> JSONValue {
    .object(Array(zip(row.metadataKeys, row.metadataValues.map { JSONValue.string($0) })))
  }

  private static func failure(_ failure: RefundFailure?) -> JSONValue {
    guard let failure else { return .null }
    return .object([
      ("code", .string(failure.code)),
      ("gateway_code", .optional(failure.gatewayCode.isEmpty ? nil : failure.gatewayCode)),
    ])
  }
}

extension RefundStatus {
  var publicName: String {
    switch self {
    case .pending: "pending"
    case .succeeded: "succeeded"
    case .failed: "failed"
    }
  }
}

extension RefundPendingReason {
  var publicName: String {
    switch self {
    case .outcomeUnknown: "outcome_unknown"
    case .gatewayPending: "gateway_pending"
    }
  }
}

extension RefundReason {
  var publicName: String? {
    switch self {
    case .unspecified: nil
    case .requestedByCustomer: "requested_by_customer"
    case .duplicate: "duplicate"
    case .fraudulent: "fraudulent"
    }
  }
}
