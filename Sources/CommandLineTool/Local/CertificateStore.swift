import Glibc
import Money

/// One certificate to be made: its file's name and the identity it carries.
struct IdentityDescription: Sendable {
  let name: String
  /// The one URI in it, e.g. `spiffe://tender/service/ledger`.
  let uri: String
  /// A server's also carries the names under which it is reached on this machine.
  let isServer: Bool
}

/// The checkout's own authority and the certificates it issues, made with the openssl command.
/// Everything is renewed at half its life; after a new authority the old one stays trusted, so that
/// certificates of both work until the last old one is replaced.
struct CertificateStore: Sendable {
  let checkout: Checkout
  var authorityDays = 365
  var identityDays = 14

  private var folder: String { checkout.certificates }
  /// What everybody trusts: the current authority and the one before it.
  var authority: String { folder + "/ca.pem" }
  private var issuer: String { folder + "/ca-current.pem" }
  private var issuerKey: String { folder + "/ca-current.key" }

  func certificate(_ name: String) -> String { "\(folder)/\(name).pem" }
  func key(_ name: String) -> String { "\(folder)/\(name).key" }

  /// Every identity of this deployment.
  static func identities(merchant: MerchantID, operator user: String) -> [IdentityDescription] {
    Deployment.services.map {
      IdentityDescription(name: $0.name, uri: "spiffe://tender/service/\($0.name)", isServer: true)
    } + [
      IdentityDescription(
        name: "client-demo", uri: "spiffe://tender/merchant/\(merchant)/demo", isServer: false),
      IdentityDescription(
        name: "operator", uri: "spiffe://tender/operator/\(user)", isServer: false),
      IdentityDescription(
        name: Caller.approver.rawValue, uri: "spiffe://tender/operator/approver", isServer: false),
    ]
  }

  /// Makes what is missing and renews what is past half its life.
  /// - Returns: the names of those that changed.
  func renew(_ identities: [IdentityDescription]) async throws -> [String] {
    var changed: [String] = []
    if try await isDue(issuer, days: authorityDays) {
      try await makeAuthority()
      changed.append("ca")
    }
    for identity in identities {
      let isDue = try await isDue(identity.name)
      let isIssued = try await isIssuedByCurrent(identity)
      if isDue || !isIssued {
        try await issue(identity)
        changed.append(identity.name)
      }
    }
    return changed
  }

  /// Whether the certificate is missing or past half its life.
  func isDue(_ name: String) async throws -> Bool {
    try await isDue(certificate(name), days: identityDays)
  }

  private func isDue(_ path: String, days: Int) async throws -> Bool {
    guard Files.exists(path) else { return true }
    let halfSeconds = days * 86_400 / 2
    return !(try await Shell.run(
      "openssl", ["x509", "-checkend", String(halfSeconds), "-noout", "-in", path]
    ).succeeded)
  }

  private func isIssuedByCurrent(_ identity: IdentityDescription) async throws -> Bool {
    guard Files.exists(certificate(identity.name)), Files.exists(key(identity.name)) else {
      return false
    }
    let verified = try await Shell.run(
      "openssl", ["verify", "-CAfile", issuer, certificate(identity.name)])
    let uris = try await uris(of: identity.name)
    return verified.succeeded && uris == [identity.uri]
  }

  /// The identities in a certificate.
  func uris(of name: String) async throws -> [String] {
    let names = try await Shell.run(
      "openssl", ["x509", "-noout", "-ext", "subjectAltName", "-in", certificate(name)])
    return names.output.split { $0 == "," || $0.isWhitespace }.filter { $0.hasPrefix("URI:") }
      .map { String($0.dropFirst("URI:".utf8.count)) }
  }

  private func makeAuthority() async throws {
    let previous = try Files.read(issuer) ?? ""
    try await makeKey(issuerKey + ".next")
    let made = try await Shell.check(
      "making the certificate authority", "openssl",
      [
        "req", "-x509", "-new", "-sha256", "-key", issuerKey + ".next",
        "-days", String(authorityDays),
        "-subj", "/O=Tender/CN=Tender local \(try Checkout.randomHex(bytes: 4))",
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
      ])
    // Trusted before anything is issued by it.
    try Files.write(made + previous, to: authority, mode: 0o644)
    guard rename(issuerKey + ".next", issuerKey) == 0 else {
      throw Files.failure("cannot write \(issuerKey)")
    }
    try Files.write(made, to: issuer, mode: 0o644)
  }

  /// The key is new each time. Both files are written before either is moved into place.
  private func issue(_ identity: IdentityDescription) async throws {
    let key = key(identity.name)
    try await makeKey(key + ".next")
    let request = try await Shell.check(
      "asking for \(identity.name)'s certificate", "openssl",
      ["req", "-new", "-sha256", "-key", key + ".next", "-subj", "/O=Tender/CN=\(identity.name)"])
    let extensions = certificate(identity.name) + ".ext"
    try Files.write(Self.extensions(identity), to: extensions)
    defer { unlink(extensions) }
    let made = try await Shell.check(
      "issuing \(identity.name)'s certificate", "openssl",
      [
        "x509", "-req", "-sha256", "-CA", issuer, "-CAkey", issuerKey,
        "-days", String(identityDays), "-set_serial", "0x4\(try Checkout.randomHex(bytes: 15))",
        "-extfile", extensions,
      ], input: request)
    guard rename(key + ".next", key) == 0 else { throw Files.failure("cannot write \(key)") }
    try Files.write(made, to: certificate(identity.name), mode: 0o644)
  }

  static func extensions(_ identity: IdentityDescription) -> String {
    var names = ["URI:\(identity.uri)"]
    if identity.isServer { names += ["DNS:localhost", "IP:127.0.0.1"] }
    return """
      basicConstraints=critical,CA:FALSE
      keyUsage=critical,digitalSignature
      extendedKeyUsage=\(identity.isServer ? "serverAuth,clientAuth" : "clientAuth")
      subjectAltName=\(names.joined(separator: ","))
      authorityKeyIdentifier=keyid

      """
  }

  private func makeKey(_ path: String) async throws {
    let key = try await Shell.check(
      "making a key", "openssl",
      ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    try Files.write(key, to: path)
  }
}
