import Reactor

/// The seat of one pipelined connection: opens it, and again after it was lost. Touch it only on
/// the loop.
final class PipelineSlot {
  private unowned let core: ClientCore
  private(set) var connection: Connection?
  private var connector: Connector?
  private var pause: TimerToken?
  private var failures = 0
  /// Called with nil once connected, or with the first failure.
  var onFirstOutcome: ((PostgresError?) -> Void)?

  init(core: ClientCore) {
    self.core = core
  }

  func open() {
    guard !core.isShutDown else { return }
    let connector = Connector(loop: core.loop, limit: core.settings.connectTimeout)
    self.connector = connector
    connector.open(core.settings.parameters(for: .pipelined)) { [weak self] outcome in
      self?.opened(outcome)
    }
  }

  private func opened(_ outcome: Result<OpaquePointer, PostgresError>) {
    connector = nil
    do {
      let connection = try Connection(
        loop: core.loop,
        handle: outcome.get(),
        settings: core.settings
      )
      connection.onClosed = { [weak self] in self?.lost() }
      self.connection = connection
      failures = 0
      core.statistics.connectionsOpened += 1
      report(nil)
      core.submitBacklog()
    } catch {
      core.lastConnectFailure = error
      report(error)
      retryLater()
    }
  }

  private func report(_ failure: PostgresError?) {
    let report = onFirstOutcome
    onFirstOutcome = nil
    report?(failure)
  }

  private func lost() {
    connection = nil
    core.statistics.connectionsLost += 1
    retryLater()
  }

  private func retryLater() {
    guard !core.isShutDown else { return }
    failures += 1
    pause = core.loop.schedule(after: Backoff.reconnect.delay(attempt: failures)) { [weak self] in
      self?.open()
    }
  }

  /// Answers callers whose deadline passed, and drops a connection that does not answer at all.
  func sweep(_ now: MonotonicInstant) {
    guard let connection else { return }
    connection.forEachSubmission { submission in
      guard let expires = submission.expires, expires <= now, !submission.isAnswered else { return }
      core.statistics.timeouts += 1
      submission.fail(
        PostgresError(.timeout, "the deadline passed during a statement", mayHaveExecuted: true)
      )
      submission.finish()
    }
    if let oldest = connection.oldest, core.deadline(of: oldest) <= now { connection.close() }
  }

  func close() {
    connector?.cancel()
    connector = nil
    pause?.cancel()
    connection?.close()
  }
}
