import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// What the jobs will do about an attempt.
struct AttemptJobs: Sendable {
  var nextLookAt: Timestamp?
  var reversal: GatewayV1.Reversal?

  /// A row of `OperationStatements.jobs`.
  init(_ row: Row) throws {
    nextLookAt = try row[1, as: Timestamp?.self]
    guard let tries = try row[2, as: Int32?.self] else { return }
    reversal = GatewayV1.Reversal(
      tries: UInt32(max(0, tries)), condemnedAt: try row[3, as: Timestamp?.self]?.wire,
      nextTryAt: try row[4, as: Timestamp?.self]?.wire,
      finishedAt: try row[5, as: Timestamp?.self]?.wire)
  }
}

extension GatewayV1.Operation {
  init(
    _ record: OperationRecord, facts: [GatewayV1.Fact], refunds: [RefundRecord],
    jobs: [AttemptID: AttemptJobs],
    giveUpAt: Timestamp
  ) {
    let operation = record.operation
    self.init(
      id: record.id.description, intentID: record.intent.description,
      amount: CommonV1.Money(operation.amount),
      captureMethod: .init(rawValue: Int32(operation.captureMethod.rawValue)),
      state: .init(rawValue: Int32(operation.state.rawValue)),
      attempts: operation.attempts.map {
        GatewayV1.Attempt(
          $0.attempt, $0.disposition, record.attempts[$0.attempt.id], jobs[$0.attempt.id])
      },
      captures: (operation.winner?.captures ?? []).map { capture in
        GatewayV1.Capture(
          id: capture.id.description, amount: CommonV1.Money(capture.amount),
          state: "\(capture.state)")
      },
      facts: facts, createdAt: record.createdAt.wire,
      refunds: refunds.map(GatewayV1.Refund.init(_:)),
      closeReason: .init(rawValue: Int32(operation.closeReason?.rawValue ?? 0)),
      giveUpAt: operation.state == .open ? giveUpAt.wire : nil)
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
  fileprivate init(
    _ attempt: Attempt, _ disposition: Disposition, _ record: AttemptRecord?, _ jobs: AttemptJobs?
  ) {
    self.init(
      id: attempt.id.description, sequence: UInt32(attempt.sequence),
      gateway: attempt.gateway.rawValue, gatewayAccount: attempt.account,
      disposition: .init(rawValue: Int32(disposition.rawValue)), evidence: attempt.evidence.name,
      evidenceDetail: record?.evidenceDetail ?? "", gatewayReference: attempt.reference ?? "",
      createdAt: record?.createdAt.wire, decidedAt: record?.decidedAt?.wire,
      gatewayMilliseconds: record?.gatewayMilliseconds.map { UInt32(max(0, $0)) },
      routeReason: record?.routeReason ?? "", nextLookAt: jobs?.nextLookAt?.wire,
      reversal: jobs?.reversal,
      decision: record?.decision.map(GatewayV1.RouteDecision.init(_:)),
      decline: attempt.evidence.decline.map { GatewayV1.Decline($0, at: record?.decidedAt) },
      actionTries: UInt32(max(0, attempt.actionTries)))
  }
}

extension GatewayV1.RouteDecision {
  fileprivate init(_ decision: RouteDecision) {
    self.init(
      version: UInt32(max(0, decision.version)), rule: decision.rule, reason: decision.reason,
      skips: decision.skipped.map {
        GatewayV1.RouteSkip(gatewayAccount: $0.account, reason: $0.reason)
      })
  }
}
