import IntentsCore
import Money
import ServiceKit
import Wire

extension IntentsV1.Refund {
  /// The refund as callers see it.
  init(_ row: RefundRow) {
    self.init(
      id: row.id.description, merchantID: row.merchant.description, livemode: row.merchant.isLive,
      paymentIntentID: row.intent.description, amount: CommonV1.Money(row.amount),
      status: .init(rawValue: Int32(row.state.status.rawValue)),
      reason: .init(rawValue: Int32(row.reason.rawValue)),
      failure: row.failure.map {
        IntentsV1.RefundFailure(code: $0.code, gatewayCode: $0.gatewayCode)
      },
      gateway: row.gateway, gatewayReference: row.gatewayReference,
      metadata: zip(row.metadataKeys, row.metadataValues).map {
        CommonV1.MetadataEntry(key: $0, value: $1)
      },
      version: UInt64(row.version), createdAt: row.createdAt.wire, updatedAt: row.updatedAt.wire)
    if let reason = row.pendingReason {
      pendingReason = .init(rawValue: Int32(reason.rawValue))
      nextCheckAt = row.nextCheckAt?.wire
    }
  }
}
