import GRPCCore

/// Any client transport of bytes, so that one test runs over all of them.
struct AnyClientTransport: ClientTransport {
  typealias Bytes = [UInt8]

  let base: any ClientTransport<[UInt8]>

  var retryThrottle: RetryThrottle? { base.retryThrottle }
  func connect() async throws { try await base.connect() }
  func beginGracefulShutdown() { base.beginGracefulShutdown() }

  @concurrent
  func withStream<Result: Sendable>(
    descriptor: MethodDescriptor, options: CallOptions,
    _ closure: @concurrent (RPCStream<Inbound, Outbound>, ClientContext) async throws -> Result
  ) async throws -> Result {
    try await base.withStream(descriptor: descriptor, options: options, closure)
  }

  func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
    base.config(forMethod: descriptor)
  }
}

typealias EchoClient = GRPCClient<AnyClientTransport>
