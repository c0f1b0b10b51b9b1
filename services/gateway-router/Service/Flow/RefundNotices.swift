import GatewayCore
import Money
import ServiceKit

/// What notifications do to refunds of a winner.
extension GatewayFlow {
  func applyRefund(
    _ notice: GatewayNotice, about attempt: Attempt, _ record: OperationRecord
  ) async throws -> NoticeResult {
    let known = try await refunds(
      record.id, of: record.intent, record.operation.amount.currency)
    switch RefundNoticeRule.verdict(
      notice, about: attempt, known.map(\.refund), DeclineTable.current.classify)
    {
    case .ignore(let why): return .done("ignored: \(why)")
    case .alert(let kind, let message):
      return try await alert(kind, message, about: attempt, record)
    case .apply(let refund, let event):
      let isNews = try await learn(
        event, about: refund, of: record.id, record.intent,
        detail: "notified: \(notice.deduplicationKey)")
      return .done(isNews ? "applied" : "nothing new")
    }
  }
}

extension GatewayNotice {
  var isAboutRefund: Bool {
    switch event {
    case .refund, .refundReversed: true
    case .payment, .captureFailed, .cancelFailed, .dispute, .returned, .reportAvailable,
      .unrecognized:
      false
    }
  }
}
