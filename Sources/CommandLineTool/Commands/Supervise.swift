import ArgumentParser

/// The supervisor's own process; `up` starts it.
struct Supervise: Command {
  static let configuration = CommandConfiguration(
    abstract: "Keep the deployment's processes running (started by up).", shouldDisplay: false)

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    var supervisor = try Supervisor.make(try Checkout.find())
    try supervisor.run()
    return .succeeded
  }
}
