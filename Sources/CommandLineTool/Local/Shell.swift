import Subprocess
import SystemPackage

/// Other programs, run to their end.
enum Shell {
  /// Above this much output, something is wrong with the program.
  static let outputLimitBytes = 4 << 20

  struct Result: Sendable {
    let status: Int32
    let output: String
    let error: String

    var succeeded: Bool { status == 0 }
    /// The last line it complained with, or printed.
    var lastLine: String {
      let text = error.contains { !$0.isWhitespace } ? error : output
      return text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "no message"
    }
  }

  /// Runs a program found on PATH or by its path, with `input` as its standard input.
  static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    directory: String? = nil, input: String = ""
  ) async throws -> Result {
    var changes: [Environment.Key: String?] = ["LC_ALL": "C.UTF-8"]
    for (name, value) in environment { changes[Environment.Key(stringLiteral: name)] = value }
    do {
      let result = try await Subprocess.run(
        program.contains("/") ? .path(FilePath(program)) : .name(program),
        arguments: Arguments(arguments),
        environment: .inherit.updating(changes),
        workingDirectory: directory.map { FilePath($0) },
        input: .string(input),
        output: .string(limit: outputLimitBytes),
        error: .string(limit: outputLimitBytes))
      return Result(
        status: result.terminationStatus.code, output: result.standardOutput,
        error: result.standardError)
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw Failure(
        "\(program) is not installed", next: "run deploy/up, which installs what is missing")
    }
  }

  /// As `run`; a status other than 0 is a failure that names `what`.
  @discardableResult
  static func check(
    _ what: String, _ program: String, _ arguments: [String],
    environment: [String: String] = [:], directory: String? = nil, input: String = ""
  ) async throws -> String {
    let result = try await run(
      program, arguments, environment: environment, directory: directory, input: input)
    guard result.succeeded else {
      throw Failure("\(what) failed", next: result.lastLine)
    }
    return result.output
  }
}

extension TerminationStatus {
  /// The exit code, or 128 + the signal's number, as a shell has it.
  var code: Int32 {
    switch self {
    case .exited(let code): Int32(code)
    case .signaled(let signal): 128 + Int32(signal)
    }
  }
}
