import ArgumentParser
import Glibc

/// The supervisor's own process; `up` starts it.
struct Supervise: Command {
  static let configuration = CommandConfiguration(
    abstract: "Keep the deployment's processes running (started by up).", shouldDisplay: false)

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    // libldap, which libpq brings along, would start GnuTLS in every service: 0.7 MB each for nothing.
    setenv("GNUTLS_NO_IMPLICIT_INIT", "1", 1)
    var supervisor = try Supervisor.make(try Checkout.find())
    try supervisor.run()
    return .succeeded
  }
}
