import GatewayCore
import Money
import ServiceKit

/// Which gateways a payment may go to: the version's order less what is away, full or forced.
extension GatewayPorts {
  /// The gateways to try for an operation, best first.
  func route(_ record: OperationRecord, _ method: ResolvedMethod) -> Route {
    let live = record.merchant.isLive
    return routing.table.route(
      RouteRequest(
        intentID: record.intent, amount: record.operation.amount,
        country: method.country.isEmpty ? nil : method.country, method: method.kind,
        brand: method.brand.isEmpty ? nil : method.brand, merchantID: record.merchant),
      permille: limits.permille(_:)
    ) { account in
      guard method.has(account.gateway) else { return .noToken }
      switch routing.override(of: account, livemode: live) {
      case .forceOpen: return .forcedOpen
      case nil where breakers.denies(account): return .breakerOpen
      case nil, .forceClosed: return limits.isFull(account) ? .atLimit : nil
      }
    }
  }

  enum Admitted: Sendable {
    case admitted(GatewayBreakers.Admission)
    case refused(NoWrite)
  }

  /// The same just before the send: time has passed since the route was made.
  func admit(_ account: GatewayAccount, livemode: Bool) async -> Admitted {
    guard !limits.isFull(account) else { return .refused(.bulkheadFull) }
    switch routing.override(of: account, livemode: livemode) {
    case .forceOpen: return .refused(.forcedOpen)
    // Sent whatever the breaker says, and not counted by it.
    case .forceClosed: return .admitted(.denied)
    case nil:
      let admission = await breakers.admit(
        BreakerKey(account: account, operation: .authorize))
      return admission == .denied ? .refused(.breakerOpen) : .admitted(admission)
    }
  }
}

extension NoWrite {
  /// For people, in an attempt's evidence.
  var words: String {
    switch self {
    case .sendWindowPassed: "the time to send it has passed"
    case .breakerOpen: "the breaker is open"
    case .forcedOpen: "an operator keeps new payments away"
    case .bulkheadFull: "too many requests are in flight there"
    case .notExpressible: "it cannot be said in the gateway's terms"
    }
  }
}

extension SentRequest.Purpose {
  /// First sends have theirs beside the route; everything else is only counted.
  var breakerOperation: BreakerOperation? {
    switch self {
    case .authorize, .charge: nil
    // Few, and they say nothing of payments.
    case .setup, .lookSetup: nil
    // It can go nowhere else, so that nothing keeps it away.
    case .details: .modify
    case .capture, .cancel, .refund: .modify
    case .look, .lookRefund: .look
    }
  }
}

extension Outcome {
  /// Whether the issuer took it; nil where nobody was asked.
  var isAuthorized: Bool? {
    switch self {
    case .succeeded, .pending: true
    case .declined, .unknown: false
    case .notExecuted: nil
    }
  }
}
