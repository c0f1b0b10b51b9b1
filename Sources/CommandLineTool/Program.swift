package import ArgumentParser

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
      RefundCommand.self, Show.self, Subscribe.self, Events.self, LedgerCommand.self,
      MerchantCommand.self, RoutingCommand.self, RecoveryCommand.self, RestoreCommand.self,
      NotificationsCommand.self, ReportsCommand.self, ReconCommand.self, MetricsCommand.self,
      KeysCommand.self, Listen.self, DemoCommand.self, ProveCommand.self, BenchCommand.self,
      RegisterDemo.self,
    ])

  package init() {}

  /// Reads the command line, runs the command, and ends the process with its exit code.
  package static func start() async { await main() }
}
