/// The command line of a service: `run` or `migrate` with `--settings FILE`, or `--version`.
package struct CommandArguments: Sendable, Hashable {
  package enum Command: String, Sendable { case run, migrate, version }

  package var command: Command
  package var settingsFile: String?

  package struct UsageError: Error, CustomStringConvertible {
    package let description: String
  }

  package init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments.dropFirst()
    var command: Command?
    var file: String?
    while let word = rest.popFirst() {
      switch word {
      case "run", "migrate":
        guard command == nil else { throw UsageError(description: "Give one command, not two.") }
        command = Command(rawValue: word)
      case "--version": command = .version
      case "--settings":
        guard let path = rest.popFirst() else {
          throw UsageError(description: "--settings needs the path of a file.")
        }
        file = path
      default:
        throw UsageError(
          description: "Unknown word `\(word)`. Usage: run|migrate [--settings FILE], --version.")
      }
    }
    guard let command else {
      throw UsageError(description: "Usage: run|migrate [--settings FILE], --version.")
    }
    self.command = command
    self.settingsFile = file
  }
}
