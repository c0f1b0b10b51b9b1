import GatewayCore
import Money

/// Set-ups at a gateway: the one request, and the look where a gateway has one.
extension GatewayPorts {
  enum SetupPlace: Sendable {
    case account(GatewayAccount)
    /// All that hold the method are full or kept away from: that passes.
    case later
    /// None holds it.
    case nowhere
  }

  /// Where a set-up goes: to the gateway that was asked for, else the first of the settings' order.
  func setupPlace(
    for method: ResolvedMethod, wanted: GatewayName?, livemode: Bool
  ) -> SetupPlace {
    let holders = order.filter { account in
      (wanted == nil || account.gateway == wanted) && method.has(account.gateway)
    }
    guard !holders.isEmpty else { return .nowhere }
    let free = holders.first { account in
      routing.override(of: account, livemode: livemode) != .forceOpen && !limits.isFull(account)
    }
    return free.map { .account($0) } ?? .later
  }

  func setUp(
    _ record: SetupRecord, at account: GatewayAccount, _ method: ResolvedMethod, _ send: Send,
    within limit: Duration
  ) async -> Heard {
    let order = SetupOrder(
      reference: .setup(record.setup.id), account: account.account, currency: record.currency,
      methodReference: method.reference(at: account.gateway),
      customerReference: method.customer(at: account.gateway).nonEmpty,
      metadata: SetupOrder.metadata(
        merchant: record.merchant, paymentMethod: record.paymentMethod),
      returnURL: returnURL)
    if send == .first, let refusal = refusal(of: order, at: account) { return refusal }
    let sent = record.sent(.setup, send, to: account)
    return await exchange(at: account, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.setUp(order)
    }
  }

  /// What cannot be said in the gateway's terms was never sent and never will be.
  private func refusal(of order: SetupOrder, at account: GatewayAccount) -> Heard? {
    do {
      _ = try adapters[account.gateway]?.setUp(order)
      return nil
    } catch {
      let decline = Decline(
        class: .fixData, code: "not_expressible_at_gateway", gatewayCode: "", origin: .request)
      return Heard(
        outcome: .declined(decline), detail: "not expressible: \(error)", milliseconds: 0)
    }
  }

  func get(
    _ record: SetupRecord, reference: String, at account: GatewayAccount, within limit: Duration
  ) async -> Heard {
    let sent = record.sent(.lookSetup, .first, to: account)
    return await exchange(at: account, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.get(setup: reference)
    }
  }
}

extension SetupRecord {
  /// What answers and notifications are compared with.
  func sent(
    _ purpose: SentRequest.Purpose, _ send: Send, to account: GatewayAccount
  ) -> SentRequest {
    SentRequest(
      purpose: purpose, send: send, amount: amount, account: account.account,
      ownReference: GatewayReference.setup(setup.id).text,
      paymentReference: setup.reference)
  }
}
