import IntentsCore
import Money
import ServiceKit
import Wire

extension IntentsV1.PaymentIntent {
  /// The intent as callers see it.
  init(_ row: IntentRow) {
    self.init(
      id: row.id.description, merchantID: row.merchant.description, livemode: row.livemode,
      amount: CommonV1.Money(row.amount), captureMethod: row.captureMethod.wire,
      status: row.state.wireStatus, amountCapturableMinor: row.amounts.capturableMinor(in: row.state),
      amountCapturedMinor: row.capturedMinor, amountRefundedMinor: row.refundedMinor,
      paymentMethodID: row.paymentMethod?.description ?? "",
      customerID: row.customer?.description ?? "", description: row.description,
      statementDescriptor: row.statementDescriptor,
      metadata: zip(row.metadataKeys, row.metadataValues).map {
        CommonV1.MetadataEntry(key: $0, value: $1)
      },
      failure: row.lastFailure.map(IntentsV1.PaymentFailure.init(_:)),
      gateway: row.gateway, gatewayReference: row.gatewayReference,
      version: UInt64(row.version), createdAt: row.createdAt.wire, updatedAt: row.updatedAt.wire,
      amountRefundableMinor: row.amounts.refundableMinor(in: row.state),
      amountReturnedMinor: row.returnedMinor)
    if let type = row.originType, let id = row.originID {
      origin = CommonV1.Origin(type: type, id: id)
    }
    nextAction = row.nextAction
    if row.state == .requiresCapture { captureBefore = row.captureBefore?.wire }
    if case .processing(let reason, let isAuthorized) = row.state {
      processingReason = reason.wire
      authorized = isAuthorized
      nextCheckAt = row.nextCheckAt?.wire
    }
  }
}

extension IntentsV1.PaymentFailure {
  init(_ failure: IntentFailure) {
    self.init(
      kind: failure.kind == .retryable ? .retryable : .terminal, code: failure.code,
      declineClass: failure.declineClass.map { .init(rawValue: Int32($0.rawValue)) } ?? .unspecified,
      gatewayCode: failure.gatewayCode)
  }
}

extension IntentState {
  var wireStatus: IntentsV1.PaymentIntentStatus { .init(rawValue: Int32(status.rawValue)) }
}

extension ProcessingReason {
  var wire: IntentsV1.ProcessingReason { .init(rawValue: Int32(rawValue)) }
}

extension CaptureMethod {
  var wire: GatewayV1.CaptureMethod { .init(rawValue: Int32(rawValue)) }
}
