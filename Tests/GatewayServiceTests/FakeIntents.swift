import GRPCCore
import Synchronization
import TestSupport
import Wire

/// Stands for intents: remembers what it was told after a restore, and answers as a test says.
final class FakeIntents: IntentsV1.PaymentRestores.SimpleServiceProtocol {
  struct State: Sendable {
    var isAway = false
    var isClosed = false
    /// What it answers for a whole payment.
    var result = IntentsV1.RestoreResult.restored
    var orders: [IntentsV1.RestorePaymentRequest] = []
  }

  let state = Mutex(State())
  /// What happens between a gate's word and its effect, once.
  let beforeGate = Mutex<(@Sendable () async throws -> Void)?>(nil)

  var isClosed: Bool { state.withLock { $0.isClosed } }
  /// Whole payments, and claims alone.
  var payments: [IntentsV1.RestorePaymentRequest] {
    state.withLock { $0.orders.filter { !$0.claimOnly } }
  }
  var claims: [IntentsV1.RestorePaymentRequest] {
    state.withLock { $0.orders.filter(\.claimOnly) }
  }

  func setRestoreGate(
    request: IntentsV1.SetRestoreGateRequest, context: ServerContext
  ) async throws -> IntentsV1.SetRestoreGateResponse {
    let happens = beforeGate.withLock { body in
      defer { body = nil }
      return body
    }
    try await happens?()
    try state.withLock { state in
      guard !state.isAway else { throw RPCError(code: .unavailable, message: "away") }
      state.isClosed = request.closed
    }
    return IntentsV1.SetRestoreGateResponse()
  }

  func restorePayment(
    request: IntentsV1.RestorePaymentRequest, context: ServerContext
  ) async throws -> IntentsV1.RestorePaymentResponse {
    try state.withLock { state in
      guard !state.isAway else { throw RPCError(code: .unavailable, message: "away") }
      state.orders.append(request)
      return IntentsV1.RestorePaymentResponse(
        result: request.claimOnly ? .restored : state.result, detail: "as told")
    }
  }
}
