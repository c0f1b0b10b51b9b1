package import GRPCCore
package import Logging
package import Reactor

/// Calls gRPC services over HTTP/2 and mutual TLS on one event loop.
///
/// Each call goes to the next connected address. `Deadline.current` becomes grpc-timeout and ends
/// the call with `deadlineExceeded`, at no cost worth naming; `CallOptions.timeout` works too, but
/// GRPCCore pays for it with two tasks. A caller that is not on the loop pays two hops.
package final class HTTP2ClientTransport: ClientTransport {
  package typealias Bytes = [UInt8]

  package let retryThrottle: RetryThrottle?
  private let loop: EventLoop
  private let core: ClientCore
  private let serviceConfig: [MethodConfig]

  /// - Parameters:
  ///   - addresses: replicas of one service; at least one.
  ///   - expecting: who must be at the other end; another identity is told nothing.
  package init(
    loop: EventLoop, addresses: [SocketAddress], tls: TLSIdentity, expecting: PeerIdentity,
    limits: TransportLimits = TransportLimits(), serviceConfig: ServiceConfig = ServiceConfig(),
    logger: Logger = Logger(label: "transport")
  ) {
    precondition(!addresses.isEmpty, "a client needs an address")
    self.loop = loop
    retryThrottle = serviceConfig.retryThrottling.map { RetryThrottle(policy: $0) }
    self.serviceConfig = serviceConfig.methodConfig
    core = ClientCore(
      loop: loop, addresses: addresses, tls: tls, expecting: expecting, limits: limits,
      logger: logger)
  }

  /// Connects, and keeps connected, until a shutdown has ended or the task is cancelled, which
  /// fails every call.
  /// - Throws: `RPCError` failedPrecondition when it was called before.
  package func connect() async throws {
    let core = core
    let _: Void = try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        loop.perform { core.start(continuation) }
      }
    } onCancel: {
      loop.execute { core.cut() }
    }
  }

  package func beginGracefulShutdown() {
    let core = core
    loop.execute { core.drain() }
  }

  /// - Throws: `RPCError`: unavailable (no connection), resourceExhausted (too many calls wait),
  ///   failedPrecondition (shut down), deadlineExceeded, cancelled; what the closure throws.
  @concurrent
  package func withStream<Result: Sendable>(
    descriptor: MethodDescriptor, options: CallOptions,
    _ closure: @concurrent (RPCStream<Inbound, Outbound>, ClientContext) async throws -> Result
  ) async throws -> Result {
    if loop.isCurrent {
      return try await onLoop(descriptor: descriptor, options: options, closure)
    }
    return try await withTaskExecutorPreference(loop) {
      try await onLoop(descriptor: descriptor, options: options, closure)
    }
  }

  @concurrent
  private func onLoop<Result: Sendable>(
    descriptor: MethodDescriptor, options: CallOptions,
    _ closure: @concurrent (RPCStream<Inbound, Outbound>, ClientContext) async throws -> Result
  ) async throws -> Result {
    let core = core
    let deadline = Deadline.current
    let slot = CallSlot()
    let waitsForReady = options.waitForReady ?? false
    return try await withTaskCancellationHandler {
      let connection = try await core.acquire(
        slot, waitsForReady: waitsForReady, deadline: deadline)
      let call = try core.open(
        slot, connection, descriptor, deadline, waitsForReady: waitsForReady)
      defer { core.close(slot, call) }
      let stream = RPCStream(
        descriptor: descriptor,
        inbound: Inbound(wrapping: CallReader<RPCResponsePart<[UInt8]>>(call: call)),
        outbound: Outbound(wrapping: CallWriter<RPCRequestPart<[UInt8]>>(call: call)))
      let context = ClientContext(
        descriptor: descriptor, remotePeer: connection.remotePeer,
        localPeer: connection.localPeer)
      return try await closure(stream, context)
    } onCancel: {
      loop.execute { core.cancel(slot) }
    }
  }

  package func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
    guard !serviceConfig.isEmpty else { return nil }
    let service = descriptor.service.fullyQualifiedService
    func find(_ service: String, _ method: String) -> MethodConfig? {
      serviceConfig.last { config in
        config.names.contains { $0.service == service && $0.method == method }
      }
    }
    return find(service, descriptor.method) ?? find(service, "") ?? find("", "")
  }
}
