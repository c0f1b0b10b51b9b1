#if Comparison
  import GRPCCore
  import GRPCNIOTransportHTTP2Posix
  import TestSupport

  // The ecosystem's transport, set up as ours is: mutual TLS with the tests' certificates, the same
  // stream window and number of streams. Our module is not imported here: its types have the same names.
  extension Harness {
    private static let streamWindowBytes = 65_535
    private static let concurrentStreamsMax = 256

    /// Serves the echo service over NIO while `body` runs.
    static func withNIOServer<Result: Sendable>(
      _ body: @Sendable (_ port: UInt16, EchoProbe) async throws -> Result
    ) async throws -> Result {
      let files = try SharedCertificates.server.get()
      let transport = HTTP2ServerTransport.Posix(
        address: .ipv4(host: "127.0.0.1", port: 0),
        transportSecurity: .mTLS(
          certificateChain: [.file(path: files.chain, format: .pem)],
          privateKey: .file(path: files.key, format: .pem)
        ) {
          $0.trustRoots = .certificates([.file(path: files.authority, format: .pem)])
          $0.requireALPN = true
        },
        config: .defaults {
          $0.http2.targetWindowSize = streamWindowBytes
          // Without a number it announces no limit, yet ends a connection at the 101st stream.
          $0.http2.maxConcurrentStreams = concurrentStreamsMax
        })
      let probe = EchoProbe()
      return try await withGRPCServer(
        transport: transport, services: [EchoService(probe: probe)]
      ) { _ in
        let port = try await transport.listeningAddress.ipv4?.port ?? 0
        return try await body(UInt16(port), probe)
      }
    }

    /// Calls a server over NIO while `body` runs. It checks the host name, not the service's.
    static func withNIOClient<Result: Sendable>(
      port: UInt16, _ body: @Sendable (EchoClient) async throws -> Result
    ) async throws -> Result {
      let files = try SharedCertificates.client.get()
      let transport = try HTTP2ClientTransport.Posix(
        target: .ipv4(address: "127.0.0.1", port: Int(port)),
        transportSecurity: .mTLS(
          certificateChain: [.file(path: files.chain, format: .pem)],
          privateKey: .file(path: files.key, format: .pem)
        ) {
          $0.trustRoots = .certificates([.file(path: files.authority, format: .pem)])
        },
        config: .defaults {
          $0.http2.targetWindowSize = streamWindowBytes
          $0.http2.authority = "localhost"
        })
      return try await withGRPCClient(
        transport: AnyClientTransport(base: BytesClientTransport(base: transport))
      ) { try await body($0) }
    }
  }

  /// A client transport with bytes of its own kind as one of arrays.
  struct BytesClientTransport<Base: ClientTransport>: ClientTransport {
    typealias Bytes = [UInt8]

    let base: Base

    var retryThrottle: RetryThrottle? { base.retryThrottle }
    func connect() async throws { try await base.connect() }
    func beginGracefulShutdown() { base.beginGracefulShutdown() }

    @concurrent
    func withStream<Result: Sendable>(
      descriptor: MethodDescriptor, options: CallOptions,
      _ closure: @concurrent (RPCStream<Inbound, Outbound>, ClientContext) async throws -> Result
    ) async throws -> Result {
      try await base.withStream(descriptor: descriptor, options: options) { stream, context in
        let inbound = stream.inbound.map { part -> RPCResponsePart<[UInt8]> in
          switch part {
          case .metadata(let metadata): .metadata(metadata)
          case .message(let bytes): .message(bytes.withUnsafeBytes { Array($0) })
          case .status(let status, let metadata): .status(status, metadata)
          }
        }
        let converted = RPCStream(
          descriptor: descriptor, inbound: Inbound(wrapping: inbound),
          outbound: Outbound(wrapping: BytesWriter<Base.Bytes>(base: stream.outbound)))
        return try await closure(converted, context)
      }
    }

    func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
      base.config(forMethod: descriptor)
    }
  }

  private struct BytesWriter<Bytes: GRPCContiguousBytes & Sendable>: ClosableRPCWriterProtocol {
    typealias Element = RPCRequestPart<[UInt8]>

    let base: RPCWriter<RPCRequestPart<Bytes>>.Closable

    func write(_ element: Element) async throws { try await base.write(convert(element)) }

    func write(contentsOf elements: some Sequence<Element>) async throws {
      try await base.write(contentsOf: elements.map(convert))
    }

    func finish() async { await base.finish() }
    func finish(throwing error: any Error) async { await base.finish(throwing: error) }

    private func convert(_ part: Element) -> RPCRequestPart<Bytes> {
      switch part {
      case .metadata(let metadata): .metadata(metadata)
      case .message(let bytes): .message(Bytes(bytes))
      }
    }
  }
#endif
