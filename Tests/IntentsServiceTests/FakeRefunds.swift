import GRPCCore
import ServiceKit
import Synchronization
import Wire

/// The refunds of the stand-in for gateway-router: facts numbered on behind the capture, each refund
/// once.
final class FakeRefunds: Sendable {
  /// What the gateway makes of refunds.
  enum Behaviour: Sendable {
    case succeed
    case acceptOnly
    case fail
    /// Never sent, and never will be: it names no gateway.
    case refuse
    /// What the two know differs.
    case contradict
    /// gateway-router is away.
    case unreachable
    /// A restore has lost this very refund.
    case held
  }

  private struct State: Sendable {
    var behaviour = Behaviour.succeed
    var facts: [String: [GatewayV1.Fact]] = [:]
    var refunds: [String: Int64] = [:]
  }

  private let state = Mutex(State())

  func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

  /// Minor units of all refunds that were asked for, each counted once.
  var totalMinor: Int64 { state.withLock { $0.refunds.values.reduce(0, +) } }
  var count: Int { state.withLock { $0.refunds.count } }

  func answer(
    _ request: GatewayV1.RefundOperationRequest, _ merchant: String, after known: UInt32
  ) throws -> [GatewayV1.Fact] {
    try state.withLock { state in
      let kind: GatewayV1.FactKind
      switch state.behaviour {
      case .succeed: kind = .refunded
      case .acceptOnly: kind = .refundPending
      case .fail, .refuse: kind = .refundFailed
      case .contradict:
        throw RPCFailure.failedPrecondition("REFUND_MISMATCH", "another amount")
      case .unreachable: throw RPCError(code: .unavailable, message: "away")
      case .held:
        throw RPCFailure(
          .unavailable, "RESTORED_REFUND_UNRESOLVED", "for people", retryAfterMilliseconds: 5_000)
      }
      if state.refunds[request.refundID] == nil {
        state.refunds[request.refundID] = request.amount?.amountMinor ?? 0
        var fact = Self.fact(
          kind, request.refundID, request, merchant,
          sequence: 1 + known + UInt32(state.facts[request.operationID]?.count ?? 0))
        if case .refuse = state.behaviour {
          (fact.gateway, fact.gatewayAccount, fact.gatewayReference) = ("", "", "")
          fact.decline = GatewayV1.Decline(code: "operation_not_won")
        }
        state.facts[request.operationID, default: []].append(fact)
      }
      return state.facts[request.operationID] ?? []
    }
  }

  /// A further fact about a refund, as gateway-router's relay would send it.
  func later(
    _ kind: GatewayV1.FactKind, about refund: String
  ) throws -> GatewayV1.Fact {
    try state.withLock { state in
      for (operation, facts) in state.facts {
        guard var fact = facts.first(where: { $0.refundID == refund }) else { continue }
        fact.kind = kind
        fact.sequence = 1 + (facts.last?.sequence ?? 0)
        if kind == .refundFailed {
          fact.decline = GatewayV1.Decline(code: "refund_reversed", gatewayCode: "expired_card")
        }
        state.facts[operation]?.append(fact)
        return fact
      }
      throw RPCError(code: .notFound, message: refund)
    }
  }

  private static func fact(
    _ kind: GatewayV1.FactKind, _ refund: String, _ request: GatewayV1.RefundOperationRequest,
    _ merchant: String, sequence: UInt32
  ) -> GatewayV1.Fact {
    GatewayV1.Fact(
      operationID: request.operationID, intentID: request.intentID, merchantID: merchant,
      sequence: sequence, kind: kind, amount: request.amount, gateway: "stripe",
      gatewayAccount: "test", gatewayReference: "re_gateway",
      decline: kind == .refundFailed
        ? GatewayV1.Decline(code: "refund_failed", gatewayCode: "lost_or_stolen_card") : nil,
      refundID: refund)
  }
}
