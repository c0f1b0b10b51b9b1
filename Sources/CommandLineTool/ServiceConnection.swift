/// Everything needed to reach one service of this checkout: where it listens, who it must be, and
/// as whom this command speaks.
struct ServiceConnection: Sendable {
  /// Whose certificate a command shows.
  enum Caller: String, Sendable {
    /// The demo merchant's client.
    case demoMerchant = "client-demo"
    case `operator`
  }

  let address: Endpoints.Address
  /// The only identity that is spoken to.
  let expectedURI: String
  let certificateFile: String
  let keyFile: String
  let authorityFile: String

  /// - Throws: `Failure` where nothing is set up, or the service has no address.
  init(_ service: String, as caller: Caller, in checkout: Checkout) throws {
    try checkout.requireDeployed()
    guard let address = try Endpoints.load(checkout).addresses[service] else {
      throw Failure("\(service) has no address", next: "run deploy/up")
    }
    let store = CertificateStore(checkout: checkout)
    self.address = address
    expectedURI = "spiffe://tender/service/\(service)"
    certificateFile = store.certificate(caller.rawValue)
    keyFile = store.key(caller.rawValue)
    authorityFile = store.authority
  }
}
