import Reactor

/// The connections of one client and the queues in front of them. Touch it only on the loop.
final class ClientCore: @unchecked Sendable {
  /// How often overdue statements and waits are looked for.
  static let sweepInterval = Duration.milliseconds(25)

  let settings: PostgresSettings
  let loop: EventLoop
  var statistics = PostgresStatistics()
  var isShutDown = false
  var lastConnectFailure: PostgresError?

  /// Statements that wait for a pipelined connection.
  var backlog = RingBuffer<Submission>()
  var slots: [PipelineSlot] = []

  var pool: PoolMachine<Int>
  var pooled: [Int: Connection] = [:]
  var connectors: [Int: Connector] = [:]
  var tickets: [Int: PoolTicket] = [:]
  var nextTicket = 0

  private var sweeper: TimerToken?

  init(settings: PostgresSettings, loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    pool = PoolMachine(
      connectionsMin: settings.pooledConnectionsMin,
      connectionsMax: settings.pooledConnectionsMax,
      waitersMax: settings.poolWaitersMax
    )
  }

  // MARK: - Life

  /// - Parameter completion: called once, when the first pipelined connection is up or has failed.
  func start(_ completion: @escaping (PostgresError?) -> Void) {
    var waiting: ((PostgresError?) -> Void)? = completion
    slots = (0..<max(1, settings.pipelinedConnections)).map { _ in PipelineSlot(core: self) }
    for slot in slots {
      slot.onFirstOutcome = { failure in
        waiting?(failure)
        waiting = nil
      }
      slot.open()
    }
    perform(pool.start())
  }

  /// Refuses what waits, lets what is out finish within the limit, then closes.
  func shutDown(_ completion: @escaping () -> Void) {
    isShutDown = true
    while let submission = backlog.popFirst() {
      submission.fail(PostgresError(.shutDown, "the database client is shut down"))
      submission.finish()
    }
    perform(pool.shutDown())
    waitUntilIdle(until: loop.now.advanced(by: settings.shutdownLimit), completion)
  }

  private func waitUntilIdle(until limit: MonotonicInstant, _ completion: @escaping () -> Void) {
    let isIdle = slots.allSatisfy { ($0.connection?.depth ?? 0) == 0 } && pool.leasedCount == 0
    guard isIdle || loop.now >= limit else {
      _ = loop.schedule(after: .milliseconds(10)) { [self] in
        waitUntilIdle(until: limit, completion)
      }
      return
    }
    for slot in slots { slot.close() }
    for connector in connectors.values { connector.cancel() }
    connectors = [:]
    for connection in pooled.values { connection.close() }
    sweeper?.cancel()
    sweeper = nil
    completion()
  }

  // MARK: - Single statements

  func submit(_ submission: Submission) {
    statistics.queries += 1
    guard !isShutDown else { return refuse(submission, .shutDown, "the client is shut down") }
    armSweeper()
    var best: Connection?
    for slot in slots {
      guard let connection = slot.connection else { continue }
      if best.map({ connection.depth < $0.depth }) ?? true { best = connection }
    }
    guard let best else {
      guard backlog.count < settings.pipelineDepthMax else {
        return refuse(submission, .queueFull, "too many statements wait for the database")
      }
      return backlog.append(submission)
    }
    guard best.depth < settings.pipelineDepthMax else {
      return refuse(submission, .queueFull, "too many statements wait for the database")
    }
    best.submit(submission, mayDeallocate: true)
  }

  func refuse(_ submission: Submission, _ code: PostgresError.Code, _ message: String) {
    statistics.refused += 1
    submission.fail(PostgresError(code, message))
    submission.finish()
  }

  /// A pipelined connection came up.
  func submitBacklog() {
    var waiting = backlog
    backlog.removeAll()
    while let submission = waiting.popFirst() { submit(submission) }
  }

  // MARK: - Time

  func armSweeper() {
    guard sweeper == nil, !isShutDown || pool.leasedCount > 0 else { return }
    sweeper = loop.schedule(after: Self.sweepInterval) { [self] in sweep() }
  }

  private func sweep() {
    sweeper = nil
    let now = loop.now
    sweepBacklog(now)
    sweepTickets(now)
    for slot in slots { slot.sweep(now) }
    for connection in pooled.values {
      guard let oldest = connection.oldest, (oldest.expires ?? deadline(of: oldest)) <= now else {
        continue
      }
      // The server should have answered by now: only closing gets the caller an answer.
      statistics.timeouts += 1
      oldest.fail(PostgresError(.timeout, "no answer in time", mayHaveExecuted: true))
      connection.close()
    }
    let isBusy =
      !backlog.isEmpty || !tickets.isEmpty || slots.contains { ($0.connection?.depth ?? 0) > 0 }
      || pool.leasedCount > 0
    if isBusy { armSweeper() }
  }

  /// When a submission's connection counts as dead.
  func deadline(of submission: Submission) -> MonotonicInstant {
    submission.sentAt.advanced(by: settings.statementTimeout + settings.answerGrace)
  }

  private func sweepBacklog(_ now: MonotonicInstant) {
    let overdue = backlog.remove { submission in
      let limit = submission.sentAt.advanced(by: settings.connectionWaitMax)
      return min(limit, submission.expires ?? limit) <= now
    }
    for submission in overdue {
      statistics.timeouts += 1
      submission.fail(unavailable)
      submission.finish()
    }
  }

  private func sweepTickets(_ now: MonotonicInstant) {
    for ticket in tickets.values.filter({ $0.expires <= now }) {
      statistics.timeouts += 1
      giveUp(ticket, unavailable)
    }
  }

  var unavailable: PostgresError {
    guard pool.connectionCount == 0, let failure = lastConnectFailure else {
      return PostgresError(.unavailable, "no connection became free in time")
    }
    return PostgresError(.unavailable, failure.message)
  }

  func snapshot() -> PostgresStatistics {
    var copy = statistics
    copy.pipelinedConnections = slots.count { $0.connection != nil }
    copy.pooledConnections = pool.connectionCount
    copy.pooledIdle = pool.idleCount
    copy.pooledLeased = pool.leasedCount
    copy.poolWaiting = pool.waitingCount
    copy.inFlight = slots.reduce(0) { $0 + ($1.connection?.depth ?? 0) }
    copy.queryWaiting = backlog.count
    return copy
  }
}
