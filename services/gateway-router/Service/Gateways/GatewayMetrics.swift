import CoreMetrics
import GatewayCore
import ServiceKit

/// Counts and times what was asked of the gateways. Accounts are those of the settings.
struct GatewayMetrics: Sendable {
  static let calls = "tender_gateway_calls_total"
  static let duration = "tender_gateway_call_duration_seconds"

  private struct Ended: Hashable, Sendable {
    var call: Call
    var outcome: String
  }

  private struct Call: Hashable, Sendable {
    var account: GatewayAccount
    var purpose: SentRequest.Purpose

    var labels: [(String, String)] {
      [
        ("gateway", account.gateway.rawValue), ("account", account.account),
        ("call", "\(purpose)"),
      ]
    }
  }

  private let ended: MetricTable<Ended, Counter>
  private let times: MetricTable<Call, Timer>

  init(_ registry: MetricRegistry) {
    registry.describe(
      Self.calls,
      "Requests to gateways by outcome: succeeded, pending, declined, not_executed, unknown.")
    registry.describe(Self.duration, "Time of a request to a gateway until its outcome.")
    ended = MetricTable { key in
      Counter(
        label: Self.calls, dimensions: key.call.labels + [("outcome", key.outcome)],
        factory: registry)
    }
    times = MetricTable { call in
      Timer(
        label: Self.duration, dimensions: call.labels, preferredDisplayUnit: .seconds,
        factory: registry)
    }
  }

  /// - Parameter milliseconds: nil when nothing was sent.
  func count(
    _ purpose: SentRequest.Purpose, at account: GatewayAccount, _ outcome: Outcome,
    milliseconds: Int64?
  ) {
    let call = Call(account: account, purpose: purpose)
    ended[Ended(call: call, outcome: outcome.name)].increment()
    if let milliseconds { times[call].recordNanoseconds(milliseconds * 1_000_000) }
  }
}

extension Outcome {
  fileprivate var name: String {
    switch self {
    case .succeeded: "succeeded"
    case .pending: "pending"
    case .declined: "declined"
    case .notExecuted: "not_executed"
    case .unknown: "unknown"
    }
  }
}
