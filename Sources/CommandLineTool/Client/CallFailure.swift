import GRPCCore
import Wire

/// A call that a service refused or that did not reach it.
struct CallFailure: Error, CustomStringConvertible {
  let service: PlatformService
  let code: RPCError.Code
  /// From the operation's closed list, such as `IDEMPOTENCY_KEY_REUSED`; empty for none.
  let reason: String
  let message: String

  init(_ service: PlatformService, _ error: RPCError) {
    let details = StatusDetails(error)
    self.service = service
    code = error.code
    reason = details?.reason ?? ""
    message = details?.message ?? error.message
  }

  /// Whether the same call with the same key may be sent again, and may then succeed.
  var isWorthRepeating: Bool {
    [.unavailable, .aborted, .internalError, .deadlineExceeded, .resourceExhausted, .unknown,
      .cancelled,
    ].contains(code)
  }

  var description: String { "\(failure)" }

  /// What the command says and how it ends.
  var failure: Failure {
    let what = message.hasSuffix(".") ? String(message.dropLast()) : message
    let named = "\(service.rawValue): \(what)"
    return switch code {
    case .unavailable where reason == "RESTORE_IN_PROGRESS":
      Failure(named, next: "see tender restore status")
    case .unavailable:
      Failure(
        "\(service.rawValue) cannot be reached (\(what))",
        next: "see tender status; if something is down, run deploy/up")
    case .deadlineExceeded, .aborted:
      Failure(
        named, next: "its outcome is open; ask again with the same --key", status: .processing)
    case .permissionDenied, .unauthenticated:
      Failure(named, next: "run tender certificates, then try again")
    case .internalError, .unknown, .dataLoss, .unimplemented:
      Failure(named, next: "see tender doctor and the log of \(service.rawValue)")
    case .resourceExhausted:
      Failure(named, next: "try again with the same --key")
    case .failedPrecondition where reason == "IDEMPOTENCY_KEY_REUSED":
      Failure(named, next: "choose another --key", status: .usage)
    default:
      Failure(named, next: reason.isEmpty ? "\(code)" : reason, status: .usage)
    }
  }
}
