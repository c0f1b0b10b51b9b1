import GatewayAdapters
import GatewayCore
import Money
import Outbound
import Reactor

/// Refunds at the winner's gateway: the one request, and the ways to find out what became of it.
extension GatewayPorts {
  /// Pages of a payment's refunds that are read.
  static let refundPagesMax = 5

  /// One key for ever.
  func refund(
    _ attempt: Attempt, _ refund: Refund, _ send: Send, within limit: Duration
  ) async -> Heard {
    let order = ModifyOrder(
      reference: .refund(refund.id), account: attempt.account,
      paymentReference: attempt.reference ?? "", amount: refund.amount)
    if send == .first, let refusal = refusal(of: order, attempt) { return refusal }
    return await exchange(attempt, sent(attempt, refund, .refund, send), within: limit) {
      adapter throws(ExpressionError) in
      try adapter.refund(order)
    }
  }

  /// What cannot be said in the gateway's terms was never sent and never will be.
  private func refusal(of order: ModifyOrder, _ attempt: Attempt) -> Heard? {
    do {
      _ = try adapters[attempt.gateway]?.refund(order)
      return nil
    } catch {
      let decline = Decline(
        class: .fixData, code: "not_expressible_at_gateway", gatewayCode: "", origin: .request)
      return Heard(
        outcome: .declined(decline), detail: "not expressible: \(error)", milliseconds: 0)
    }
  }

  func get(
    _ refund: Refund, reference: String, at attempt: Attempt, within limit: Duration
  ) async -> Heard {
    await exchange(attempt, sent(attempt, refund, .lookRefund, .first), within: limit) {
      adapter throws(ExpressionError) in
      try adapter.get(refund: reference)
    }
  }

  /// Searches the payment's refunds for ours. What is not found may exist all the same, unless nothing
  /// can be under way any more and the list was read to its end (`isAbsent`).
  func list(_ refund: Refund, at attempt: Attempt, within limit: Duration) async -> Heard {
    await list(.refund(refund.id), sent(attempt, refund, .lookRefund, .first), attempt, within: limit)
  }

  /// The same for the refund of a condemned attempt that took money: its key keeps the first answer,
  /// which may have been that it is under way.
  func listCompensation(
    _ record: OperationRecord, _ attempt: Attempt, within limit: Duration
  ) async -> Heard {
    let own = GatewayReference.compensate(attempt.id)
    let request = SentRequest(
      purpose: .lookRefund, send: .first, amount: record.operation.amount(of: attempt),
      account: attempt.account, ownReference: own.text, paymentReference: attempt.reference)
    return await list(own, request, attempt, within: limit)
  }

  private func list(
    _ own: GatewayReference, _ request: SentRequest, _ attempt: Attempt, within limit: Duration
  ) async -> Heard {
    let account = GatewayAccount(gateway: attempt.gateway, account: attempt.account)
    guard let adapter = adapters[attempt.gateway], let settings = accounts[account] else {
      return Self.unheard("the settings no longer name \(account)")
    }
    let started = loop.now
    var last: String?
    for _ in 0..<Self.refundPagesMax {
      let left = limit - started.duration(to: loop.now)
      let built: GatewayRequest?
      do {
        built = try adapter.refunds(of: attempt.reference ?? "", after: last)
      } catch { return Self.unheard("\(error)") }
      guard let built, left > .zero else { return Self.unheard("\(attempt.gateway) has no list") }
      let report = await client.send(outbound(built, adapter, settings, within: left))
      let spent = Int32(clamping: started.duration(to: loop.now).wholeMillisecondsRoundedUp)
      let answer: GatewayAnswer
      switch adapter.readRefunds(TransferFacts(report), for: own) {
      case .found(let found): answer = .refund(found)
      case .failed(let failure): answer = failure
      case .absent:
        return Heard(
          outcome: .unknown(.notFound), detail: "not among the payment's refunds",
          milliseconds: spent, isAbsent: true)
      case nil: return Self.unheard("listed refunds: no answer")
      case .more(let after):
        last = after
        continue
      }
      let outcome = OutcomeRule.outcome(answer, to: request, DeclineTable.current.classify)
      return Heard(
        outcome: outcome, detail: "listed refunds: \(Self.words(outcome, report))",
        milliseconds: spent)
    }
    return Self.unheard("not on \(Self.refundPagesMax) pages of the payment's refunds")
  }

  private func sent(
    _ attempt: Attempt, _ refund: Refund, _ purpose: SentRequest.Purpose, _ send: Send
  ) -> SentRequest {
    SentRequest(
      purpose: purpose, send: send, amount: refund.amount, account: attempt.account,
      ownReference: GatewayReference.refund(refund.id).text, paymentReference: attempt.reference)
  }

  private static func unheard(_ detail: String) -> Heard {
    Heard(outcome: .unknown(.notFound), detail: detail, milliseconds: 0)
  }
}
