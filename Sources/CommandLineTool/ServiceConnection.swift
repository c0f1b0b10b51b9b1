import Logging
import Reactor
import Transport

/// Everything needed to reach one service of this checkout: where it listens, who it must be, and
/// as whom this command speaks.
struct ServiceConnection: Sendable {
  let address: Endpoints.Address
  /// The only identity that is spoken to.
  let expected: PeerIdentity
  let certificateFile: String
  let keyFile: String
  let authorityFile: String

  /// - Throws: `Failure` where nothing is set up, or the service has no address.
  init(_ service: PlatformService, as caller: Caller, in checkout: Checkout) throws {
    try checkout.requireDeployed()
    guard let address = try Endpoints.load(checkout).addresses[service.rawValue] else {
      throw Failure("\(service.rawValue) has no address", next: "run deploy/up")
    }
    let store = CertificateStore(checkout: checkout)
    self.address = address
    expected = .service(service.rawValue)
    certificateFile = store.certificate(caller.rawValue)
    keyFile = store.key(caller.rawValue)
    authorityFile = store.authority
  }

  /// - Throws: `Failure` where the certificate cannot be read.
  func transport(on loop: EventLoop) throws -> HTTP2ClientTransport {
    guard let address = SocketAddress(host: address.host, port: address.port) else {
      throw Failure("\(address.host) is no address", next: "run deploy/up")
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
      loop: loop, addresses: [address], tls: identity, expecting: expected, limits: limits,
      logger: Logger(label: "tender") { _ in SwiftLogNoOpLogHandler() })
  }
}
