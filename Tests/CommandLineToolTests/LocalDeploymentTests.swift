import Foundation
import Glibc
import Money
import Testing

@testable import CommandLineTool

/// A folder that is gone after the test.
private func withFolder(_ body: (String) async throws -> Void) async throws {
  let path = NSTemporaryDirectory() + "tender-cli-\(UUID().uuidString)"
  try Files.makeFolder(path)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try await body(path)
}

@Suite struct EndpointTests {
  @Test("ports are found once and kept; only one that was taken moves")
  func kept() throws {
    var endpoints = Endpoints()
    try endpoints.assign(["a", "b", "c"], seed: 7) { $0 == 20_008 }
    #expect(endpoints.addresses.mapValues(\.port) == ["a": 20_007, "b": 20_009, "c": 20_010])
    let first = endpoints
    try endpoints.assign(["a", "b", "c"], seed: 99) { _ in false }
    #expect(endpoints == first)
    try endpoints.assign(["a", "b", "c"], seed: 99) { $0 == 20_009 }
    #expect(endpoints.addresses.mapValues(\.port) == ["a": 20_007, "b": 20_099, "c": 20_010])
  }

  @Test("a search that finds nothing ends with a sentence")
  func exhausted() {
    var endpoints = Endpoints()
    #expect(throws: Failure.self) { try endpoints.assign(["a"], seed: 0) { _ in true } }
  }

  @Test("a port that something listens at is taken")
  func taken() throws {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(file) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, length) == 0 && listen(file, 1) == 0 && getsockname(file, $0, &length) == 0
      }
    }
      ? UInt16(bigEndian: address.sin_port) : 0
    try #require(port != 0)
    #expect(Endpoints.isTaken(port))
    #expect(Endpoints.answers(port))
  }
}

@Suite struct FileTests {
  @Test("a file is replaced as a whole and is private")
  func replace() async throws {
    try await withFolder { folder in
      let path = folder + "/secret"
      try Files.write("one", to: path)
      try Files.write("two", to: path)
      #expect(try Files.read(path) == "two")
      var facts = stat()
      stat(path, &facts)
      #expect(facts.st_mode & 0o777 == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["secret"])
    }
  }

  @Test("a full disk is named, and leaves the old file")
  func fullDisk() {
    do {
      try Files.write("x", to: "/dev/full/secret")
      Issue.record("written")
    } catch {
      #expect("\(error)".contains("/dev/full/secret"))
    }
    errno = ENOSPC
    #expect(Files.failure("cannot write x").description.contains("disk is full"))
  }

  @Test("a secret is made once")
  func secret() async throws {
    try await withFolder { folder in
      let checkout = Checkout(root: folder)
      try checkout.prepare()
      let made = try checkout.makeSecret("a")
      #expect(made.utf8.count == 64)
      #expect(try checkout.makeSecret("a") == made)
      #expect(try checkout.makeSecret("b") != made)
    }
  }

  @Test("a .tender of another user is refused by name")
  func otherOwner() async throws {
    guard Users.isRoot, let nobody = Users.ids("nobody") else { return }
    try await withFolder { folder in
      let checkout = Checkout(root: folder)
      try Files.makeFolder(checkout.home)
      chown(checkout.home, nobody.user, nobody.group)
      do {
        try checkout.prepare()
        Issue.record("accepted")
      } catch {
        #expect("\(error)".contains("belongs to nobody"))
      }
    }
  }
}

@Suite struct RoleTests {
  @Test("a service gets its schema only; owners and migrators stay apart from it")
  func statements() {
    let sql = Roles.statements(Deployment.services) { "pw-\($0)" }
    for service in Deployment.services {
      let schema = service.schema ?? ""
      #expect(sql.contains("grant usage on schema \(schema) to \(service.role);"))
      #expect(sql.contains("alter role \(service.role) set search_path = \(schema);"))
      #expect(sql.contains("grant \(service.owner) to \(service.migrator);"))
      #expect(!sql.contains("grant \(service.owner) to \(service.role);"))
      #expect(sql.contains("password 'pw-\(service.role)'"))
    }
    #expect(!sql.contains("grant all"))
  }

  @Test("the connection limits leave room below max_connections")
  func connectionBudget() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../deploy/postgres/local.conf").path
    let text = try #require(try Files.read(path))
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("max_connections") })
    let limit = try #require(Int(line.split(separator: " ").last ?? ""))
    let superusers = 8
    let sum =
      Deployment.services.count * Roles.connectionLimit + Roles.migratorConnectionLimit + superusers
    #expect(sum <= limit)
  }
}

@Suite struct CertificateTests {
  @Test("every certificate carries one URI, is issued once, and survives a new authority")
  func issue() async throws {
    try await withFolder { folder in
      let checkout = Checkout(root: folder)
      try checkout.prepare()
      let store = CertificateStore(checkout: checkout)
      let identities = Array(
        CertificateStore.identities(
          merchant: try DemoMerchant.id(checkout), operator: "someone"
        ).suffix(4))
      #expect(try await store.renew(identities) == ["ca"] + identities.map(\.name))
      #expect(try await store.renew(identities).isEmpty)
      let text = try await Shell.check(
        "reading", "openssl",
        ["x509", "-noout", "-text", "-in", store.certificate("intents")])
      #expect(text.contains("URI:spiffe://tender/service/intents"))
      #expect(text.split(separator: "URI:").count == 2)
      #expect(text.contains("prime256v1") && text.contains("Signature Algorithm: ecdsa-with"))

    }
  }

  @Test("after a new authority, certificates of the old one are still trusted")
  func newAuthority() async throws {
    try await withFolder { folder in
      let checkout = Checkout(root: folder)
      try checkout.prepare()
      let client = IdentityDescription(
        name: "c", uri: "spiffe://tender/operator/c", isServer: false)
      var store = CertificateStore(checkout: checkout, authorityDays: 1)
      // Past half of its (longer) life from the start.
      _ = try await store.renew([client])
      let old = try #require(try Files.read(store.certificate("c")))
      try Files.write(old, to: folder + "/old.pem")
      store.authorityDays = 365
      #expect(try await store.renew([client]) == ["ca", "c"])
      for path in [folder + "/old.pem", store.certificate("c")] {
        let verified = try await Shell.run("openssl", ["verify", "-CAfile", store.authority, path])
        #expect(verified.succeeded, "\(verified.lastLine)")
      }
    }
  }

  @Test("a further operator's certificate is renewed with the others, and doctor says until when")
  func furtherOperators() async throws {
    try await withFolder { folder in
      let checkout = Checkout(root: folder)
      try checkout.prepare()
      var store = CertificateStore(checkout: checkout, identityDays: 6)
      let ann = IdentityDescription(
        name: "operator-ann", uri: "spiffe://tender/operator/ann", isServer: false)
      let approver = IdentityDescription(
        name: "operator-approver", uri: "spiffe://tender/operator/approver", isServer: false)
      #expect(try await store.renew([ann, approver]) == ["ca", "operator-ann", "operator-approver"])
      // One of another authority, put there by hand.
      let elsewhere = Checkout(root: folder + "/elsewhere")
      try Files.makeFolder(elsewhere.root)
      try elsewhere.prepare()
      let bob = IdentityDescription(
        name: "operator-bob", uri: "spiffe://tender/operator/bob", isServer: false)
      let other = CertificateStore(checkout: elsewhere, identityDays: 6)
      _ = try await other.renew([bob])
      let theirs = try #require(try Files.read(other.certificate("operator-bob")))
      try Files.write(theirs, to: store.certificate("operator-bob"))
      try Files.write(
        try #require(try Files.read(other.key("operator-bob"))), to: store.key("operator-bob"))

      #expect(try await store.furtherOperators().map(\.isDue) == [false, false])
      // Six days are less than half of fourteen.
      store.identityDays = 14
      let found = try await store.furtherOperators()
      #expect(found.map(\.identity.name) == ["operator-ann", "operator-bob"])
      #expect(found.map(\.isOurs) == [true, false] && found.map(\.isDue) == [true, true])
      let findings = found.map(Doctor.finding)
      #expect(findings.allSatisfy { !$0.isFine && $0.detail.hasPrefix("until 20") })
      #expect(findings[0].nextStep == "run tender certificates")
      #expect(findings[1].nextStep.contains("its authority"))

      let renewable = try await store.renewable([approver])
      #expect(renewable.map(\.name) == ["operator-approver", "operator-ann"])
      #expect(try await store.renew(renewable) == ["operator-approver", "operator-ann"])
      #expect(try await store.furtherOperators().map(\.isDue) == [false, true])
      #expect(try Files.read(store.certificate("operator-bob")) == theirs)
    }
  }

  @Test("a client's certificate cannot serve")
  func usage() {
    let client = IdentityDescription(name: "c", uri: "spiffe://tender/merchant/m/c", isServer: false)
    #expect(!CertificateStore.extensions(client).contains("serverAuth"))
    #expect(!CertificateStore.extensions(client).contains("DNS:"))
  }
}

@Suite struct SettingsTests {
  @Test("no settings file of a running service names another's or the migrator's password")
  func passwords() throws {
    let cluster = Cluster(
      checkout: "/c", folder: "/c/.tender/postgres", socketDirectory: "/s", port: 20_001,
      account: nil, programs: "/bin")
    let deployment = Deployment(
      checkout: Checkout(root: "/c"), cluster: cluster, endpoints: Endpoints())
    for service in Deployment.services {
      let values = deployment.settings(service).map(\.value)
      let passwords = values.filter { $0.hasSuffix("_service") || $0.hasSuffix("_migrator") }
      #expect(passwords == ["/c/.tender/secrets/\(service.role)"])
    }
  }
}

@Suite struct ReplicaTests {
  private static func deployment(replicas: Int) throws -> Deployment {
    var endpoints = Endpoints()
    try endpoints.assign(
      Deployment.endpointNames(replicas: replicas) + ["postgres"], seed: 1, taken: { _ in false })
    return Deployment(
      checkout: Checkout(root: "/c"),
      cluster: Cluster(
        checkout: "/c", folder: "/c/.tender/postgres", socketDirectory: "/s", port: 20_001,
        account: nil, programs: "/bin"), endpoints: endpoints)
  }

  @Test("each process has addresses and a settings file of its own; one simulator", arguments: 1...4)
  func processes(count: Int) throws {
    let deployment = try Self.deployment(replicas: count)
    #expect(deployment.endpoints.replicas == count)
    #expect(deployment.replicas.count == 1 + Deployment.services.count * count)
    #expect(Set(deployment.replicas.map(\.name)).count == deployment.replicas.count)
    #expect(Set(deployment.replicas.map(deployment.settingsFile)).count == deployment.replicas.count)
    for service in PlatformService.allCases {
      #expect(deployment.endpoints.replicas(of: service).count == count)
    }
    let listening = deployment.replicas.filter { $0.program.schema != nil }.flatMap { replica in
      deployment.settings(replica.program, replica: replica.number)
        .filter { $0.key == "listen" || $0.key == "inbound.listen" }.map(\.value)
    }
    #expect(Set(listening).count == listening.count && !listening.contains("127.0.0.1:0"))
  }

  @Test("the processes of a service share its role's connections", arguments: 1...4)
  func connections(count: Int) throws {
    let deployment = try Self.deployment(replicas: count)
    for service in Deployment.services {
      let lines = deployment.settings(service)
      let own = lines.first { $0.key == "postgres.connections" }.flatMap { Int($0.value) }
      #expect((own ?? Roles.pooledConnections) * count <= Roles.pooledConnections)
      #expect(deployment.migrationSettings(service).count { $0.key == "postgres.connections" } == 1)
    }
  }
}
