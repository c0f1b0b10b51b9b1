import GRPCCore
import Reactor
import TestSupport
import Testing
import Transport

/// Who may talk to whom.
@Suite(.timeLimit(.minutes(1)))
struct IdentityTests {
  private static func issue(
    _ uris: [String], _ name: String, _ validity: TestCertificates.Validity = .current
  ) throws -> TestCertificates.Files {
    try SharedCertificates.authority.get().issue(uris, name: name, validity: validity)
  }

  /// The error of one call; nil when it was answered.
  private static func call(
    server: TestCertificates.Files? = nil, client: TestCertificates.Files? = nil,
    expecting: PeerIdentity = .service("echo")
  ) async throws -> (error: RPCError?, started: Int) {
    try await Harness.withServer(files: server) { server in
      try await Harness.withClient(
        of: [server.address], files: client, expecting: expecting
      ) { running in
        do {
          _ = try await running.echo([])
          return (nil, server.probe.number(of: .started))
        } catch {
          return (error as? RPCError, server.probe.number(of: .started))
        }
      }
    }
  }

  @Test(arguments: [
    "spiffe://tender/service/caller", "spiffe://tender/merchant/mt_abc/client-demo",
    "spiffe://tender/operator/ada", "spiffe://tender/auditor/kurt",
  ])
  func eachKindOfIdentityIsSeenByHandlers(_ uri: String) async throws {
    let files = try Self.issue([uri], "kind-\(uri.utf8.reduce(0) { $0 &* 31 &+ Int($1) })")
    try await Harness.withServer { server in
      try await Harness.withClient(of: [server.address], files: files) { client in
        let seen = try await client.echo([], .whoAmI)
        #expect(seen == Array(uri.utf8))
      }
    }
  }

  /// Guards the client's check: without it another service with a valid certificate of ours could
  /// stand in for the one that is called.
  @Test func clientClosesBeforeSendingToAnotherService() async throws {
    let result = try await Self.call(expecting: .service("ledger"))
    #expect(result.error?.code == .unavailable)
    #expect(result.error?.message.contains("not spiffe://tender/service/ledger") == true)
    #expect(result.started == 0)
  }

  @Test(arguments: [TestCertificates.Validity.expired, .notYet])
  func aClientCertificateOutOfItsTimeIsRefused(
    _ validity: TestCertificates.Validity
  ) async throws {
    let files = try Self.issue(["spiffe://tender/service/late"], "late-\(validity)", validity)
    let result = try await Self.call(client: files)
    #expect(result.error?.code == .unavailable)
    #expect(result.started == 0)
  }

  @Test(arguments: [TestCertificates.Validity.expired, .notYet])
  func aServerCertificateOutOfItsTimeIsRefused(
    _ validity: TestCertificates.Validity
  ) async throws {
    let files = try Self.issue(["spiffe://tender/service/echo"], "echo-\(validity)", validity)
    let result = try await Self.call(server: files)
    #expect(result.error?.code == .unavailable)
    #expect(result.error?.message.contains("certificate refused") == true)
    #expect(result.started == 0)
  }

  @Test func anotherAuthorityIsRefusedByBothSides() async throws {
    let other = try TestCertificates()
    let foreign = try other.issue(["spiffe://tender/service/caller"], name: "foreign")
    var mixed = foreign
    mixed.authority = try SharedCertificates.authority.get().authorityPath
    // The server refuses the client: the client trusts the server's authority, not the reverse.
    let refusedByServer = try await Self.call(client: mixed)
    #expect(refusedByServer.error?.code == .unavailable)
    #expect(refusedByServer.started == 0)
    // The client refuses the server.
    let refusedByClient = try await Self.call(client: foreign)
    #expect(refusedByClient.error?.code == .unavailable)
    #expect(refusedByClient.started == 0)
  }

  @Test(arguments: [
    [], ["spiffe://tender/service/a", "spiffe://tender/service/b"], ["https://tender/service/a"],
    ["spiffe://tender/service/"], ["spiffe://tender/service/a/b"], ["spiffe://other/service/a"],
    ["spiffe://tender/merchant/m"], ["spiffe://tender/root/a"],
  ])
  func aCertificateWithoutExactlyOneNameOfOursIsRefused(_ uris: [String]) async throws {
    let name = "odd-\(uris.joined().utf8.reduce(7) { $0 &* 31 &+ Int($1) })"
    let files = try Self.issue(uris, name)
    let result = try await Self.call(client: files)
    #expect(result.error?.code == .unavailable)
    #expect(result.started == 0)
  }

  @Test(arguments: [["-tls1_2"], ["-tls1_3", "-alpn", "http/1.1"], ["-tls1_3"]])
  func otherProtocolsGetNoHandshake(_ options: [String]) async throws {
    // The last one offers h2 and TLS 1.3 but no ALPN.
    let files = try SharedCertificates.client.get()
    try await Harness.withServer { server in
      let output = try await Command.run(
        "/bin/sh",
        [
          "-c",
          "printf x | timeout 5 openssl s_client -connect 127.0.0.1:\(server.address.port ?? 0) "
            + "-cert \(files.chain) -key \(files.key) -CAfile \(files.authority) "
            + options.joined(separator: " "),
        ])
      #expect(!output.text.contains("\nSSL-Session:\n    Protocol  : TLSv1.3\n"), "\(output.text)")
    }
  }

  @Test func noCertificateGetsNoAnswer() async throws {
    let authority = try SharedCertificates.authority.get().authorityPath
    try await Harness.withServer { server in
      let output = try await Command.run(
        "/bin/sh",
        [
          "-c",
          "sleep 0.3 | timeout 5 openssl s_client -connect 127.0.0.1:\(server.address.port ?? 0) "
            + "-CAfile \(authority) -tls1_3 -alpn h2",
        ])
      #expect(output.text.contains("certificate required"), "\(output.text)")
    }
  }
}
