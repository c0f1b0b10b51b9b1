package import GRPCCore
package import Logging
import Money
import Postgres
package import Transport
import Wire

/// What stands before every handler. Deny by default: decides from the generated method rules
/// whether this peer may call this method for this merchant, before a byte of the message is
/// decoded; sets `CallContext.current`; turns every error into a status that tells callers what
/// they may know and the log the rest.
///
/// Errors in precedence order: PERMISSION_DENIED `METHOD_UNKNOWN`, `CALLER_NOT_ALLOWED`;
/// INVALID_ARGUMENT `SENSITIVE_DATA_REJECTED`, `MERCHANT_REQUIRED`, `MERCHANT_INVALID`,
/// `IDEMPOTENCY_KEY_REQUIRED`, `IDEMPOTENCY_KEY_INVALID`.
package struct CallInterceptor: ServerInterceptor {
  /// Where the peer's identity comes from: the connection, or a test.
  package typealias PeerSource = @Sendable (ServerContext) -> PeerIdentity?

  private let peer: PeerSource
  private let logger: Logger
  private let metrics: CallMetrics

  package init(
    logger: Logger, metrics: CallMetrics, peer: @escaping PeerSource = CallInterceptor.connectionPeer
  ) {
    self.logger = logger
    self.metrics = metrics
    self.peer = peer
  }

  package static let connectionPeer: PeerSource = { context in
    (context.transportSpecific as? ConnectionContext)?.peer
  }

  package func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>,
    context: ServerContext,
    next:
      @concurrent @Sendable (
        _ request: StreamingServerRequest<Input>, _ context: ServerContext
      ) async throws -> StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    let method = context.descriptor.fullyQualifiedMethod
    let running = metrics.begin(method)
    do {
      let response = try await admitted(method, request, context, next)
      running.end(response.refusal)
      return response
    } catch {
      running.end(error.statusCode)
      throw error
    }
  }

  private func admitted<Input: Sendable, Output: Sendable>(
    _ method: String, _ request: StreamingServerRequest<Input>, _ context: ServerContext,
    _ next:
      @concurrent @Sendable (
        _ request: StreamingServerRequest<Input>, _ context: ServerContext
      ) async throws -> StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    let call = try CallAdmission.admit(
      method: method, peer: peer(context), metadata: request.metadata)
    return try await CallContext.$current.withValue(call) {
      do {
        var response = try await next(request, context)
        if call.replay.isSet {
          response.metadata.replaceOrAddString("true", forKey: CallMetadata.replayed)
        }
        return response
      } catch {
        var failure = Self.translate(error, logger: logger, call: call)
        if call.replay.isSet {
          failure.metadata.replaceOrAddString("true", forKey: CallMetadata.replayed)
        }
        throw failure
      }
    }
  }

  /// What a caller may know of an error.
  private static func translate(_ error: any Error, logger: Logger, call: CallContext) -> RPCError {
    switch error {
    case let error as RPCError:
      return error
    case let error as PostgresError:
      return RPCError(ErrorTranslation.failure(error, logger: logger, method: call.method))
    // Somebody else ends it; the key's answer is theirs.
    case is Idempotency.FenceLost:
      return RPCError(Idempotency.stillRuns)
    case is CancellationError:
      return RPCError(code: .cancelled, message: "The call was cancelled.")
    case let error as any RPCErrorConvertible:
      return RPCError(error)
    default:
      logger.error(
        "a call failed", metadata: ["method": "\(call.method)", "error": "\(error)"])
      return RPCError(RPCFailure.internalError)
    }
  }
}

extension StreamingServerResponse {
  /// The code of an answer that is a refusal.
  fileprivate var refusal: RPCError.Code? {
    switch accepted {
    case .success: nil
    case .failure(let error): error.code
    }
  }
}

extension Error {
  /// The code that the caller will see.
  fileprivate var statusCode: RPCError.Code {
    (self as? RPCError)?.code ?? (self as? any RPCErrorConvertible)?.rpcErrorCode ?? .unknown
  }
}

/// The metadata keys that Tender reads and writes.
package enum CallMetadata {
  package static let merchant = "tender-merchant"
  package static let idempotencyKey = "idempotency-key"
  package static let replayed = "idempotent-replayed"
  package static let traceparent = "traceparent"
}
