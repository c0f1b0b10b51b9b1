import GatewayCore
import Money
import ServiceKit
import Wire

extension GatewayV1.Operation {
  init(_ record: OperationRecord, facts: [GatewayV1.Fact], refunds: [RefundRecord]) {
    let operation = record.operation
    self.init(
      id: record.id.description, intentID: record.intent.description,
      amount: CommonV1.Money(operation.amount),
      captureMethod: .init(rawValue: Int32(operation.captureMethod.rawValue)),
      state: .init(rawValue: Int32(operation.state.rawValue)),
      attempts: operation.attempts.map {
        GatewayV1.Attempt($0.attempt, $0.disposition, record.attempts[$0.attempt.id])
      },
      captures: (operation.winner?.captures ?? []).map { capture in
        GatewayV1.Capture(
          id: capture.id.description, amount: CommonV1.Money(capture.amount),
          state: "\(capture.state)")
      },
      facts: facts, createdAt: record.createdAt.wire,
      refunds: refunds.map(GatewayV1.Refund.init(_:)))
  }
}

extension GatewayV1.Refund {
  fileprivate init(_ record: RefundRecord) {
    self.init(
      id: record.refund.id.description, amount: CommonV1.Money(record.refund.amount),
      state: "\(record.refund.state)", detail: record.detail,
      gatewayReference: record.refund.reference ?? "", createdAt: record.createdAt.wire,
      decidedAt: record.decidedAt?.wire)
  }
}

extension GatewayV1.Attempt {
  fileprivate init(_ attempt: Attempt, _ disposition: Disposition, _ record: AttemptRecord?) {
    self.init(
      id: attempt.id.description, sequence: UInt32(attempt.sequence),
      gateway: attempt.gateway.rawValue, gatewayAccount: attempt.account,
      disposition: .init(rawValue: Int32(disposition.rawValue)), evidence: attempt.evidence.name,
      evidenceDetail: record?.evidenceDetail ?? "", gatewayReference: attempt.reference ?? "",
      createdAt: record?.createdAt.wire, decidedAt: record?.decidedAt?.wire,
      gatewayMilliseconds: record?.gatewayMilliseconds.map { UInt32(max(0, $0)) },
      routeReason: record?.routeReason ?? "")
  }
}
