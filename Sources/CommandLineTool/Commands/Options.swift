import ArgumentParser

/// What every command understands.
struct CommonOptions: ParsableArguments {
  @Flag(help: "Print one JSON value instead of lines for people.")
  var json = false

  var output: Output { Output(json: json) }
}

/// A command whose failures become one line and the agreed exit code.
protocol Command: AsyncParsableCommand {
  var common: CommonOptions { get }

  /// The command's work.
  func perform(_ output: Output) async throws -> ExitStatus
}

extension Command {
  func run() async throws {
    let output = common.output
    let status: ExitStatus
    do {
      status = try await perform(output)
    } catch let failure as Failure {
      output.failure(failure)
      throw ExitCode(failure.status.rawValue)
    } catch let error as CallFailure {
      output.failure(error.failure)
      throw ExitCode(error.failure.status.rawValue)
    }
    if status != .succeeded { throw ExitCode(status.rawValue) }
  }
}
