import IntentsCore
import Money
import ServiceKit

/// The public JSON shape of a payment intent: `data.object` of its webhook events.
enum IntentJSON {
  static func text(_ row: IntentRow) -> String {
    var reason = JSONValue.null
    if case .processing(let why, _) = row.state { reason = .string(why.publicName) }
    let captureBefore = row.state == .requiresCapture ? row.captureBefore?.description : nil
    return JSONValue.object([
      ("id", .string(row.id.description)),
      ("object", .string("payment_intent")),
      ("merchant_id", .string(row.merchant.description)),
      ("livemode", .boolean(row.livemode)),
      ("amount_minor", .integer(row.amount.minor)),
      ("currency", .string(row.amount.currency.code)),
      ("status", .string(row.state.status.publicName)),
      ("processing_reason", reason),
      ("capture_method", .string(row.captureMethod == .manual ? "manual" : "automatic")),
      ("amount_capturable_minor", .integer(row.amounts.capturableMinor(in: row.state))),
      ("capture_before", .optional(captureBefore)),
      ("amount_captured_minor", .integer(row.capturedMinor)),
      ("amount_refunded_minor", .integer(row.refundedMinor)),
      ("amount_returned_minor", .integer(row.returnedMinor)),
      ("amount_refundable_minor", .integer(row.amounts.refundableMinor(in: row.state))),
      ("payment_method_id", .optional(row.paymentMethod?.description)),
      ("customer_id", .optional(row.customer?.description)),
      ("description", .string(row.description)),
      ("metadata", metadata(row)),
      ("origin", origin(row)),
      ("failure", failure(row.lastFailure)),
      ("gateway", .optional(row.gateway.isEmpty ? nil : row.gateway)),
      ("version", .integer(row.version)),
      ("created_at", .string(row.createdAt.description)),
      ("updated_at", .string(row.updatedAt.description)),
    ]).text
  }

  private static func metadata(_ row: IntentRow) -> JSONValue {
    .object(Array(zip(row.metadataKeys, row.metadataValues.map { JSONValue.string($0) })))
  }

  private static func origin(_ row: IntentRow) -> JSONValue {
    guard let type = row.originType, let id = row.originID else { return .null }
    return .object([("type", .string(type)), ("id", .string(id))])
  }

  private static func failure(_ failure: IntentFailure?) -> JSONValue {
    guard let failure else { return .null }
    return .object([
      ("kind", .string(failure.kind == .retryable ? "retryable" : "terminal")),
      ("code", .string(failure.code)),
      ("gateway_code", .optional(failure.gatewayCode.isEmpty ? nil : failure.gatewayCode)),
    ])
  }
}

extension IntentStatus {
  /// The word in JSON and in texts for people.
  var publicName: String {
    switch self {
    case .created: "created"
    case .requiresAction: "requires_action"
    case .processing: "processing"
    case .requiresCapture: "requires_capture"
    case .succeeded: "succeeded"
    case .failed: "failed"
    case .canceled: "canceled"
    }
  }
}

extension ProcessingReason {
  var publicName: String {
    switch self {
    case .bankPending: "bank_pending"
    case .outcomeUnknown: "outcome_unknown"
    case .capturePending: "capture_pending"
    case .cancelPending: "cancel_pending"
    }
  }
}
