package import ArgumentParser
import Glibc

/// `tender`, the command line: one file per command in `Commands/`.
package struct Program: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "tender",
    abstract: "Runs and operates Tender, a payment platform.",
    discussion: """
      Exit codes: 0 succeeded, 1 books differ or a promise is broken, 2 declined, 3 processing, \
      64 wrong usage, 69 unavailable.
      """,
    subcommands: [
      Up.self, Down.self, Status.self, Doctor.self, Certificates.self, Supervise.self, Pay.self,
      Continue.self, RefundCommand.self, SetupCommand.self, Show.self, Subscribe.self, Events.self,
      LedgerCommand.self, MerchantCommand.self, RoutingCommand.self, RecoveryCommand.self,
      RestoreCommand.self, NotificationsCommand.self, ReportsCommand.self, ReconCommand.self,
      MetricsCommand.self, KeysCommand.self, Listen.self, DemoCommand.self, ProveCommand.self,
      BenchCommand.self, RegisterDemo.self,
    ])

  package init() {}

  /// Reads the command line, runs the command, and ends the process with its exit code.
  package static func start() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      end(ExitCode.success, "")
    } catch {
      end(exitCode(for: error), fullMessage(for: error))
    }
  }

  /// Without the libraries' exit handlers: they free what threads of connections that end still use,
  /// and aborted a command that had said its result (status 134).
  private static func end(_ code: ExitCode, _ text: String) -> Never {
    if !text.isEmpty {
      (code == .success ? Stream.standardOutput : Stream.standardError).write(text + "\n")
    }
    _exit(code.rawValue)
  }
}
