import Logging
import Reactor
import Transport

/// Everything needed to reach one service of this checkout: where its processes listen, who it must
/// be, and as whom this command speaks.
struct ServiceConnection: Sendable {
  /// Of every process of it, or of the one that is meant.
  let addresses: [Endpoints.Address]
  /// The only identity that is spoken to.
  let expected: PeerIdentity
  let certificateFile: String
  let keyFile: String
  let authorityFile: String

  /// - Parameter replica: the port of the process that is meant; nil: whichever.
  /// - Throws: `Failure` where nothing is set up, or the service has no address.
  init(
    _ service: PlatformService, at replica: UInt16? = nil, as caller: Caller, in checkout: Checkout
  ) throws {
    try checkout.requireDeployed()
    let known = try Endpoints.load(checkout).replicas(of: service).map(\.address)
    let meant = known.filter { replica == nil || $0.port == replica }
    guard !meant.isEmpty else {
      throw Failure("\(service.rawValue) has no address", next: "run deploy/up")
    }
    self.init(service, listeningAt: meant, as: caller, in: checkout)
  }

  /// Also to processes that endpoints.json does not name.
  init(
    _ service: PlatformService, listeningAt addresses: [Endpoints.Address], as caller: Caller,
    in checkout: Checkout
  ) {
    self.addresses = addresses
    let store = CertificateStore(checkout: checkout)
    expected = .service(service.rawValue)
    certificateFile = store.certificate(caller.rawValue)
    keyFile = store.key(caller.rawValue)
    authorityFile = store.authority
  }

  /// - Throws: `Failure` where the certificate cannot be read.
  func transport(on loop: EventLoop) throws -> HTTP2ClientTransport {
    let sockets = try addresses.map { address in
      guard let socket = SocketAddress(host: address.host, port: address.port) else {
        throw Failure("\(address.host) is no address", next: "run deploy/up")
      }
      return socket
    }
    let identity: TLSIdentity
    do {
      identity = try TLSIdentity(chain: certificateFile, key: keyFile, authority: authorityFile)
    } catch {
      throw Failure(
        "the certificate \(certificateFile) cannot be used (\(error))",
        next: "run tender certificates")
    }
    var limits = TransportLimits()
    limits.backoffMaxMilliseconds = ServiceSession.backoffMaxMilliseconds
    return HTTP2ClientTransport(
      loop: loop, addresses: sockets, tls: identity, expecting: expected, limits: limits,
      logger: Logger(label: "tender") { _ in SwiftLogNoOpLogHandler() })
  }
}
