import GRPCCore
import Money
import Reactor
import ServiceKit
import Synchronization
import TestSupport
import Wire

/// Stands for gateway-router: numbers facts per operation, and does everything once.
final class FakeRouter: GatewayV1.GatewayRouter.SimpleServiceProtocol {
  /// What becomes of operations.
  enum Behaviour: Sendable {
    /// Authorised and captured.
    case capture
    /// Authorised only.
    case authorize
    /// With the bank.
    case bankPending
    /// The payer must act; a result of theirs is needed.
    case askPayer
    /// The outcome is unknown.
    case unknown
    /// The call reaches nobody, and nothing is sent.
    case unreachable
    /// A restore has lost a payment of the intent.
    case held
  }

  private struct State: Sendable {
    var behaviour = Behaviour.capture
    var facts: [String: [GatewayV1.Fact]] = [:]
    var executed: Set<String> = []
    /// Amounts that were captured, by operation and capture id.
    var captured: [String: Int64] = [:]
    var callsWithoutDeadline = 0
    var brought: [String: [[UInt8]]] = [:]
  }

  let gate = Gate()
  /// Captures wait here.
  let captureGate = Gate()
  /// Refunds wait here.
  let refundGate = Gate()
  let refunds = FakeRefunds()
  private let merchant: String
  private let happenings: Happenings
  private let state = Mutex(State())

  init(merchant: String, _ happenings: Happenings) {
    self.merchant = merchant
    self.happenings = happenings
  }

  func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

  /// Movements of money towards the merchant.
  var captures: Int { state.withLock { $0.captured.count } }
  var capturedMinor: Int64 { state.withLock { $0.captured.values.reduce(0, +) } }
  var callsWithoutDeadline: Int { state.withLock { $0.callsWithoutDeadline } }

  // MARK: Calls

  func executeOperation(
    request: GatewayV1.ExecuteOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.ExecuteOperationResponse {
    noteDeadline()
    happenings.note(.routerAsked)
    await gate.wait()
    return GatewayV1.ExecuteOperationResponse(
      facts: try state.withLock { state in
        guard state.behaviour != .unreachable else {
          throw RPCError(code: .unavailable, message: "away")
        }
        guard state.behaviour != .held else { throw Self.held }
        guard state.executed.insert(request.operationID).inserted else {
          return state.facts[request.operationID] ?? []
        }
        let kind: GatewayV1.FactKind =
          switch state.behaviour {
          case .capture: .captured
          case .authorize: .authorized
          case .bankPending: .pending
          case .askPayer: .requiresAction
          case .unknown, .unreachable, .held: .unknown
          }
        if kind == .captured {
          state.captured[request.operationID] = request.amount?.amountMinor ?? 0
        }
        return append(
          GatewayV1.Fact(
            operationID: request.operationID, intentID: request.intentID, kind: kind,
            amount: request.amount, expiresAt: kind == .authorized ? Self.expiry : nil,
            nextAction: kind == .requiresAction
              ? Self.action(returningTo: request.returnURL).encode() : []), &state)
      })
  }

  /// What payers brought back, by operation.
  var brought: [String: [[UInt8]]] { state.withLock { $0.brought } }

  static func action(returningTo address: String) -> GatewayV1.NextAction {
    GatewayV1.NextAction(
      type: .redirect, redirectURL: "https://acs.example/?back=\(address)", method: .get,
      resultParameter: "redirectResult")
  }

  /// `X-ok` captures, `X-no` declines; whatever else leaves the payer where they were.
  func completeOperationAction(
    request: GatewayV1.CompleteOperationActionRequest, context: ServerContext
  ) async throws -> GatewayV1.CompleteOperationActionResponse {
    noteDeadline()
    return GatewayV1.CompleteOperationActionResponse(
      facts: try state.withLock { state in
        guard state.behaviour != .unreachable else {
          throw RPCError(code: .unavailable, message: "away")
        }
        let known = state.facts[request.operationID] ?? []
        guard known.last?.kind == .requiresAction else { return known }
        state.brought[request.operationID, default: []].append(request.redirectResult)
        var fact = GatewayV1.Fact(operationID: request.operationID, intentID: request.intentID)
        switch String(decoding: request.redirectResult, as: UTF8.self) {
        case "X-ok":
          fact.kind = .captured
          fact.amount = CommonV1.Money(currency: "EUR", amountMinor: 4_999)
          state.captured[request.operationID] = 4_999
        case "X-no":
          fact.kind = .declined
          fact.decline = GatewayV1.Decline(class: .stepUp, code: "authentication_failed")
        case "X-lost": fact.kind = .unknown
        default: return known
        }
        return append(fact, &state)
      })
  }

  func captureOperation(
    request: GatewayV1.CaptureOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CaptureOperationResponse {
    noteDeadline()
    happenings.note(.captureAsked)
    await captureGate.wait()
    return GatewayV1.CaptureOperationResponse(
      facts: try state.withLock { state in
        guard state.behaviour != .unreachable else {
          throw RPCError(code: .unavailable, message: "away")
        }
        let key = "\(request.operationID)/\(request.captureID)"
        guard state.captured[key] == nil else { return state.facts[request.operationID] ?? [] }
        state.captured[key] = request.amount?.amountMinor ?? 0
        return append(
          GatewayV1.Fact(
            operationID: request.operationID, intentID: request.intentID, kind: .captured,
            amount: request.amount, captureID: request.captureID), &state)
      })
  }

  func refundOperation(
    request: GatewayV1.RefundOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.RefundOperationResponse {
    noteDeadline()
    happenings.note(.refundAsked)
    await refundGate.wait()
    let known = state.withLock { $0.facts[request.operationID]?.count ?? 0 }
    return GatewayV1.RefundOperationResponse(
      facts: try refunds.answer(request, merchant, after: UInt32(max(known, 1))))
  }

  /// An operation that was never seen is recorded as closed.
  func closeOperation(
    request: GatewayV1.CloseOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CloseOperationResponse {
    noteDeadline()
    happenings.note(.closeAsked)
    return GatewayV1.CloseOperationResponse(
      facts: try state.withLock { state in
        guard state.behaviour != .held else { throw Self.held }
        let known = state.facts[request.operationID] ?? []
        guard state.executed.insert(request.operationID).inserted else { return known }
        return append(
          GatewayV1.Fact(
            operationID: request.operationID, intentID: request.intentID, kind: .notExecuted,
            decline: GatewayV1.Decline(code: "abandoned_before_send")), &state)
      })
  }

  func listOperations(
    request: GatewayV1.ListOperationsRequest, context: ServerContext
  ) async throws -> GatewayV1.ListOperationsResponse {
    throw RPCError(code: .unimplemented, message: "not in these tests")
  }

  private static let held = RPCFailure(
    .unavailable, "RESTORED_PAYMENT_UNRESOLVED", "not yet rebuilt", retryAfterMilliseconds: 5_000)

  // MARK: Facts

  private static let expiry = Timestamp(seconds: 4_000_000_000).wire

  /// A further fact about the only operation there is, or the named one, to be told by the test.
  func later(_ fact: GatewayV1.Fact) -> GatewayV1.Fact {
    state.withLock { state in
      append(fact, &state).last ?? fact
    }
  }

  private func append(_ fact: GatewayV1.Fact, _ state: inout State) -> [GatewayV1.Fact] {
    var fact = fact
    fact.merchantID = merchant
    fact.sequence = UInt32(1 + (state.facts[fact.operationID]?.count ?? 0))
    fact.gateway = "stripe"
    fact.gatewayAccount = "test"
    if fact.gatewayReference.isEmpty { fact.gatewayReference = "pi_test" }
    fact.paymentMethodType = "card"
    state.facts[fact.operationID, default: []].append(fact)
    return state.facts[fact.operationID] ?? []
  }

  /// The caller's deadline travels with its call.
  private func noteDeadline() {
    if Deadline.current == nil { state.withLock { $0.callsWithoutDeadline += 1 } }
  }
}
