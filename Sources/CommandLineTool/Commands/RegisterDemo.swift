import ArgumentParser

/// Registers the demo merchant's payment methods; `up` does it as its last step.
struct RegisterDemo: Command {
  static let configuration = CommandConfiguration(
    commandName: "register-demo", abstract: "Register the demo merchant's payment methods.",
    shouldDisplay: false)

  @OptionGroup var common: CommonOptions

  struct Answer: Encodable {
    let registered: [String]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let made = try await ServiceSession.with(try Checkout.find()) {
      try await DemoData.register($0)
    }
    try output.result(Answer(registered: made)) {
      made.isEmpty ? ["all are registered"] : made.map { "registered: \($0)" }
    }
    return .succeeded
  }
}
