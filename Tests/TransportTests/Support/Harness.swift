import GRPCCore
import Logging
import Reactor
import TestSupport
import Transport

/// Certificates that all tests share: making them takes longer than using them.
enum SharedCertificates {
  static let authority = Result { try TestCertificates() }
  static let server = Result {
    try authority.get().issue(["spiffe://tender/service/echo"], name: "echo")
  }
  static let client = Result {
    try authority.get().issue(["spiffe://tender/service/caller"], name: "caller")
  }
}

extension TLSIdentity {
  convenience init(_ files: TestCertificates.Files) throws {
    try self.init(chain: files.chain, key: files.key, authority: files.authority)
  }
}

/// A running echo server with its own loop.
struct RunningServer: Sendable {
  let transport: HTTP2ServerTransport
  let address: SocketAddress
  let probe: EchoProbe
  let loop: EventLoop
}

enum Harness {
  static let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }()

  /// Serves the echo service over mutual TLS while `body` runs.
  static func withServer<Result: Sendable>(
    files: TestCertificates.Files? = nil, identity: TLSIdentity? = nil,
    limits: TransportLimits = TransportLimits(), address: SocketAddress = .loopback(port: 0),
    _ body: @Sendable (RunningServer) async throws -> Result
  ) async throws -> Result {
    let loop = EventLoop(name: "server")
    try loop.start()
    let probe = EchoProbe()
    let tls = try identity ?? TLSIdentity(files ?? SharedCertificates.server.get())
    let transport = HTTP2ServerTransport(
      loop: loop, address: address, tls: tls, limits: limits,
      refusalDetails: { ["refused-because": "\($0.reason.rawValue)"] }, logger: quiet)
    let result = try await withGRPCServer(
      transport: transport, services: [EchoService(probe: probe)]
    ) { _ in
      let bound = try await transport.listeningAddress()
      return try await body(
        RunningServer(transport: transport, address: bound, probe: probe, loop: loop))
    }
    _ = await loop.shutdown(within: .seconds(5))
    return result
  }

  /// Calls a server over mutual TLS while `body` runs.
  static func withClient<Result: Sendable>(
    of addresses: [SocketAddress], files: TestCertificates.Files? = nil,
    expecting: PeerIdentity = .service("echo"), limits: TransportLimits = TransportLimits(),
    _ body: @Sendable (EchoClient) async throws -> Result
  ) async throws -> Result {
    let loop = EventLoop(name: "client")
    try loop.start()
    let transport = HTTP2ClientTransport(
      loop: loop, addresses: addresses,
      tls: try TLSIdentity(files ?? SharedCertificates.client.get()), expecting: expecting,
      limits: limits, logger: quiet)
    let result = try await withGRPCClient(
      transport: AnyClientTransport(base: transport)
    ) { try await body($0) }
    _ = await loop.shutdown(within: .seconds(5))
    return result
  }
}

extension GRPCClient {
  /// A unary call of bytes.
  func echo(
    _ bytes: [UInt8], _ method: EchoMethod = .unary, metadata: Metadata = [:],
    options: CallOptions = .defaults
  ) async throws -> [UInt8] {
    try await unary(
      request: ClientRequest(message: bytes, metadata: metadata),
      descriptor: method.descriptor, serializer: BytesCoder(), deserializer: BytesCoder(),
      options: options
    ) { try $0.message }
  }
}
