import ArgumentParser
import Glibc

/// Makes missing certificates and renews those past half their life.
struct Certificates: Command {
  static let configuration = CommandConfiguration(
    abstract: "Renew certificates that are past half their life.")

  @OptionGroup var common: CommonOptions
  @Option(
    name: .customLong("operator"),
    help: "Make the certificate of a further operator of this name, or renew it.")
  var person: String?

  struct Answer: Encodable {
    let renewed: [String]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let checkout = try Checkout.find()
    try checkout.requireDeployed()
    var changed = try await Self.renew(checkout)
    if let person {
      let identity = IdentityDescription(
        name: try Caller.operator(person).rawValue, uri: "spiffe://tender/operator/\(person)",
        isServer: false)
      changed += try await CertificateStore(checkout: checkout).renew([identity])
    }
    try output.result(Answer(renewed: changed)) {
      changed.isEmpty ? ["all certificates are valid"] : changed.map { "renewed: \($0)" }
    }
    return .succeeded
  }

  /// Renews everything of this deployment, further operators' included; running services load what changed (SIGHUP).
  /// - Returns: the names of those that changed.
  static func renew(_ checkout: Checkout) async throws -> [String] {
    let store = CertificateStore(checkout: checkout)
    let identities = try await store.renewable(
      CertificateStore.identities(
        merchant: try DemoMerchant.id(checkout), operator: Users.name(geteuid())))
    let changed = try await store.renew(identities)
    guard !changed.isEmpty else { return [] }
    let services = Deployment.services.map(\.name)
    // Everybody reads the authority's file.
    let concerned = changed.contains("ca") ? services : services.filter(changed.contains)
    for report in try SupervisorState(checkout: checkout).reports()
    where concerned.contains(where: { name in
      Replica.names(name, count: Replica.countMax).contains(report.name)
    }) && report.state == "ready" {
      guard let pid = report.pid, Spawn.isAlive(pid, startTicks: report.startTicks) else { continue }
      kill(pid, SIGHUP)
    }
    return changed
  }
}
