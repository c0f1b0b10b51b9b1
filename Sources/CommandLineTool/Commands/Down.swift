import ArgumentParser

/// Ends everything, in reverse order.
struct Down: Command {
  static let configuration = CommandConfiguration(
    abstract: "Stop everything; with --purge also remove all data.")

  @OptionGroup var common: CommonOptions
  @Flag(help: "Remove the database, certificates, settings and logs too.")
  var purge = false

  struct Answer: Encodable {
    let stopped: Bool
    let purged: Bool
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let checkout = try Checkout.find()
    guard Files.exists(checkout.home) else {
      try output.result(Answer(stopped: false, purged: false)) { ["nothing runs here"] }
      return .succeeded
    }
    try checkout.prepare()
    try checkout.lock()
    var progress = Progress(total: purge ? 2 : 1, output: output)
    try await progress.step("Stopping") {
      try await SupervisorState(checkout: checkout).stop()
      return "stopped"
    }
    if purge {
      try await progress.step("Removing all data") {
        let cluster = try Cluster.load(checkout)
        // A copy of another checkout's .tender must not remove the original's cluster.
        if let cluster, cluster.checkout == checkout.root || !Files.exists(cluster.checkout) {
          try await cluster.purge(checkout)
        }
        try await Shell.check(
          "removing \(checkout.home)", "rm", ["-rf", "--", checkout.home], directory: "/")
        return "removed"
      }
    }
    try output.result(Answer(stopped: true, purged: purge)) { [] }
    return .succeeded
  }
}
