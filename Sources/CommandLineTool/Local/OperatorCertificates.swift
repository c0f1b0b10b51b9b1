import Glibc

/// The certificate of a further operator, as `tender certificates --operator NAME` makes it, or as
/// another authority's was put beside the others.
struct OperatorCertificate: Sendable {
  let identity: IdentityDescription
  /// By this checkout's authority, the current one or the one before: renewed with the others.
  let isOurs: Bool
  let isDue: Bool
  /// `2026-12-12 03:45:00Z`.
  let ends: String
}

extension CertificateStore {
  /// More of them are not looked at.
  static let operatorsMax = 200
  private static let prefix = "operator-"
  private static let suffix = ".pem"

  /// Those of further operators, by name.
  func furtherOperators() async throws -> [OperatorCertificate] {
    var found: [OperatorCertificate] = []
    for name in try furtherOperatorNames().prefix(Self.operatorsMax) {
      let identity = IdentityDescription(
        name: name, uri: "spiffe://tender/operator/\(name.dropFirst(Self.prefix.utf8.count))",
        isServer: false)
      found.append(
        OperatorCertificate(
          identity: identity, isOurs: try await isOurs(identity), isDue: try await isDue(name),
          ends: try await end(of: name)))
    }
    return found
  }

  /// Everything that is renewed here: the deployment's identities, and further operators' that this
  /// authority has made.
  func renewable(_ identities: [IdentityDescription]) async throws -> [IdentityDescription] {
    identities + (try await furtherOperators()).filter(\.isOurs).map(\.identity)
  }

  private func furtherOperatorNames() throws -> [String] {
    guard let directory = opendir(checkout.certificates) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let file = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard file.hasPrefix(Self.prefix), file.hasSuffix(Self.suffix) else { continue }
      let name = String(file.dropLast(Self.suffix.utf8.count))
      let person = String(name.dropFirst(Self.prefix.utf8.count))
      guard name != Caller.approver.rawValue, (try? Caller.operator(person)) != nil else { continue }
      names.append(name)
    }
    return names.sorted()
  }

  /// Whatever its time: an expired one is renewed all the same.
  private func isOurs(_ identity: IdentityDescription) async throws -> Bool {
    guard Files.exists(key(identity.name)) else { return false }
    let verified = try await Shell.run(
      "openssl",
      ["verify", "-no_check_time", "-CAfile", authority, certificate(identity.name)])
    let uris = try await uris(of: identity.name)
    return verified.succeeded && uris == [identity.uri]
  }

  private func end(of name: String) async throws -> String {
    let shown = try await Shell.run(
      "openssl",
      ["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", certificate(name)])
    return shown.output.split(separator: "=").last.map { $0.filter { !$0.isNewline } }
      ?? "an unknown time"
  }
}
