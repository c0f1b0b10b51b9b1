import ArgumentParser
import Glibc

/// Makes missing certificates and renews those past half their life.
struct Certificates: Command {
  static let configuration = CommandConfiguration(
    abstract: "Renew certificates that are past half their life.")

  @OptionGroup var common: CommonOptions
  @Flag(help: .private) var signalChange = false

  struct Answer: Encodable {
    let renewed: [String]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let checkout = try Checkout.find()
    try checkout.requireDeployed()
    let changed = try await Self.renew(checkout)
    try output.result(Answer(renewed: changed)) {
      changed.isEmpty ? ["all certificates are valid"] : changed.map { "renewed: \($0)" }
    }
    if signalChange && !changed.isEmpty { throw ExitCode(Supervisor.renewedStatus) }
    return .succeeded
  }

  /// Renews everything of this deployment.
  static func renew(_ checkout: Checkout) async throws -> [String] {
    let identities = CertificateStore.identities(
      merchant: try DemoMerchant.id(checkout), operator: Users.name(geteuid()))
    return try await CertificateStore(checkout: checkout).renew(identities)
  }
}
