import GRPCCore
import Outbox
import Testing

@testable import ServiceKit

@Suite struct ServiceRelayTests {
  @Test("only a receiver that is away is asked again soon", arguments: [
    RPCError.Code.unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled,
    .internalError, .invalidArgument, .failedPrecondition, .permissionDenied, .unauthenticated,
  ])
  func pauses(after code: RPCError.Code) {
    let outcome = ServiceRelay.outcome(after: RPCError(code: code, message: ""))
    #expect(outcome == (code == .unavailable ? .receiverAway("RPCError") : .retry("RPCError")))
  }

  @Test("an error of our own is a refusal")
  func ownErrors() {
    #expect(ServiceRelay.outcome(after: CancellationError()) == .retry("CancellationError"))
  }
}
