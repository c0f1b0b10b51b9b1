package import GRPCCore
package import Logging
package import Reactor
internal import Synchronization

/// Serves gRPC over HTTP/2 and mutual TLS on one event loop.
///
/// The peer of a call is in `ServerContext.transportSpecific` and in `ConnectionContext.current`,
/// its deadline in `Deadline.current`. When the call ends early (the peer cancelled it or went
/// away, the deadline passed, the drain's grace is over), the handler's task and the context's
/// cancellation handle are cancelled.
package final class HTTP2ServerTransport: ServerTransport {
  package typealias Bytes = [UInt8]

  private let loop: EventLoop
  private let core: ServerCore
  private let methods = Mutex<MethodTable?>(nil)

  /// - Parameters:
  ///   - address: where to listen; port 0 picks one, see `listeningAddress()`.
  ///   - refusalDetails: the metadata of what the transport itself refuses; none when nil.
  package init(
    loop: EventLoop, address: SocketAddress, tls: TLSIdentity,
    limits: TransportLimits = TransportLimits(), refusalDetails: CallRefusal.Details? = nil,
    logger: Logger = Logger(label: "transport")
  ) {
    self.loop = loop
    core = ServerCore(
      loop: loop, address: address, tls: tls, limits: limits, refusalDetails: refusalDetails,
      logger: logger)
  }

  package func configure(context: GRPCServerContext) {
    methods.withLock { $0 = MethodTable(methods: context.methods) }
  }

  /// Listens until a shutdown has ended or the task is cancelled, which cuts every call.
  /// - Throws: `SocketError`, `LoopError`; `RPCError` when the transport was used before.
  package func listen(
    streamHandler:
      @escaping @concurrent @Sendable (RPCStream<Inbound, Outbound>, ServerContext) async -> Void
  ) async throws {
    let core = core
    let table = methods.withLock { $0 } ?? MethodTable(methods: [], admitsUnregistered: true)
    let _: Void = try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        loop.perform { core.start(methods: table, streamHandler, continuation) }
      }
    } onCancel: {
      loop.execute { core.cut() }
    }
  }

  /// Accepts no more connections, drains those that are open, and ends `listen` when all are gone
  /// or the grace period is over.
  package func beginGracefulShutdown() {
    let core = core
    loop.execute { core.drain() }
  }

  /// The address that it listens on, once it does.
  /// - Throws: what `listen` threw; `CancellationError`-like `RPCError` when the wait is cancelled.
  package func listeningAddress() async throws -> SocketAddress {
    let core = core
    return try await waiting(on: loop) { core.waitForAddress($0) }
  }
}
