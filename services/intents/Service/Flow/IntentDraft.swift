import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Transport
import Wire

/// A new intent as asked for: checked, not yet written.
struct IntentDraft: Sendable {
  let row: IntentRow
  private let confirms: Bool
  private let offSession: Bool
  private let returnURL: String?

  /// - Throws: INVALID_ARGUMENT by field, PERMISSION_DENIED ORIGIN_NOT_ALLOWED.
  init(
    _ request: IntentsV1.CreatePaymentIntentRequest, _ call: CallContext,
    _ environment: ServiceEnvironment
  ) throws(RPCFailure) {
    let amount = try RequestFields.amount(request.amount, field: "amount")
    try RequestFields.metadata(request.metadata)
    let method = try RequestFields.id(
      request.paymentMethodID, "payment_method_id", as: PaymentMethodID.self)
    if request.confirm, method == nil {
      throw .invalid(
        "payment_method_id", "CONFIRM_NEEDS_PAYMENT_METHOD",
        "An intent that is confirmed at once needs a payment method.")
    }
    let merchant = try call.requireMerchant()
    returnURL = try RequestFields.returnURL(request.returnURL, of: merchant)
    if returnURL != nil, !request.confirm {
      throw .invalid(
        "return_url", "RETURN_URL_UNUSED", "Say where the payer comes back to when you confirm.")
    }
    if request.origin != nil, case .service = call.peer {
    } else if request.origin != nil {
      throw RPCFailure(
        .permissionDenied, "ORIGIN_NOT_ALLOWED", "Only services say where an intent comes from.")
    }
    let now = environment.clock.now
    row = IntentRow(
      merchant: merchant, id: environment.identifiers.make(), amount: amount,
      captureMethod: try RequestFields.captureMethod(request.captureMethod), state: .created,
      paymentMethod: method,
      customer: try RequestFields.id(request.customerID, "customer_id", as: CustomerID.self),
      description: request.description, statementDescriptor: request.statementDescriptor,
      metadataKeys: request.metadata.map(\.key), metadataValues: request.metadata.map(\.value),
      originType: request.origin?.`type`, originID: request.origin?.id, lastFailure: nil,
      gateway: "", gatewayAccount: "", gatewayReference: "", authorizedMinor: 0, capturedMinor: 0,
      currentOperation: nil, nextCheckAt: nil, version: 1, createdAt: now, updatedAt: now)
    confirms = request.confirm
    offSession = request.offSession
  }

  /// The operation, when the intent is confirmed in the same call.
  func operation(
    _ keyProof: [UInt8], _ environment: ServiceEnvironment
  ) throws(RPCFailure) -> OperationRow? {
    guard confirms, let method = row.paymentMethod else { return nil }
    return OperationRow(
      id: environment.identifiers.make(), try: 1, paymentMethod: method,
      amountMinor: row.amount.minor, offSession: offSession,
      sendBefore: SendWindow.end(from: row.createdAt, offSession: offSession), keyProof: keyProof,
      returnURL: returnURL)
  }

  /// What only the database knows.
  /// - Throws: CUSTOMER_NOT_FOUND, ORIGIN_ALREADY_USED.
  func check(in transaction: borrowing Transaction) async throws {
    if let customer = row.customer {
      let found = try await transaction.query(
        IntentStatements.customerExists(customer, of: row.merchant))
      guard found.count == 1 else { throw IntentRefusal.customerNotFound(customer) }
    }
    guard let type = row.originType, let id = row.originID else { return }
    let inserted = try await transaction.query(
      IntentStatements.insertOrigin(row, type: type, id: id))
    guard inserted.count == 0 else { return }
    let owner = try await transaction.query(
      IntentStatements.originOwner(row.merchant, type: type, id: id))
    guard let first = owner.first else { throw RPCFailure.internalError }
    throw IntentRefusal.originUsed(by: try first[0, as: PaymentIntentID.self])
  }
}

/// How long an operation may still be sent (DESIGN section 7).
enum SendWindow {
  static func end(from now: Timestamp, offSession: Bool) -> Timestamp {
    now
      + .seconds(
        offSession
          ? IntentLimits.sendWindowOffSessionSeconds : IntentLimits.sendWindowPayerPresentSeconds)
  }
}
