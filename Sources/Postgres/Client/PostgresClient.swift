package import Reactor

/// A database, seen from one event loop. May be used from any task.
///
/// Single statements share a few pipelined connections; transactions take a pooled connection each.
/// Both queues are bounded: what does not fit fails at once with `.queueFull`.
package final class PostgresClient: Sendable {
  package let settings: PostgresSettings
  package let loop: EventLoop
  let core: ClientCore

  package init(_ settings: PostgresSettings, loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    core = ClientCore(settings: settings, loop: loop)
  }

  /// Opens the connections. Afterwards lost ones are reopened by themselves, with back-off.
  /// - Throws: `.unavailable` if the first connection fails; the client is then shut down.
  package func start() async throws(PostgresError) {
    let failure = await withUnsafeContinuation { continuation in
      onLoop { core in core.start { continuation.resume(returning: $0) } }
    }
    guard let failure else { return }
    await shutdown()
    throw failure
  }

  /// Refuses new work, waits for what is out within the limit, closes everything.
  package func shutdown() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      onLoop { core in core.shutDown { continuation.resume() } }
    }
  }

  /// Runs one statement by itself. It is answered by the task's deadline at the latest.
  ///
  /// A statement that meets a lock for longer than the pipelined limit is repeated once on a pooled
  /// connection, so that it holds up nobody else.
  /// - Throws, first that applies: `.misuse` inside a transaction's body (traps in debug),
  ///   `.cancelled`, `.shutDown`, `.queueFull`, `.unavailable`, then what the server says,
  ///   `.timeout` or `.connectionLost` (both may have executed).
  package func query(_ statement: Statement) async throws(PostgresError) -> Rows {
    try refuseInsideTransaction()
    try Self.check([statement])
    guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before sending") }
    let expires = Deadline.current?.instant
    return try await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<Rows, PostgresError>, Never>) in
      onLoop { core in
        let request = QueryRequest(statement, expires: expires, core: core) {
          continuation.resume(returning: $0)
        }
        request.submit()
      }
    }.get()
  }

  /// Counts for metrics.
  package func statistics() async -> PostgresStatistics {
    await withUnsafeContinuation { continuation in
      onLoop { core in continuation.resume(returning: core.snapshot()) }
    }
  }

  func onLoop(_ body: @escaping @Sendable (ClientCore) -> Void) {
    let core = core
    if loop.isCurrent { body(core) } else { loop.execute { body(core) } }
  }

  static func check(_ statements: [Statement]) throws(PostgresError) {
    for statement in statements
    where statement.parameters.slots.count > Statement.parametersMax {
      throw PostgresError(.misuse, "more than \(Statement.parametersMax) parameters")
    }
  }
}

/// One statement on its way, with its detours. Touch it only on the loop.
private final class QueryRequest: @unchecked Sendable {
  private let statement: Statement
  private let expires: MonotonicInstant?
  private let core: ClientCore
  private let completion: (Result<Rows, PostgresError>) -> Void
  private var mayPrepareAgain = true

  init(
    _ statement: Statement,
    expires: MonotonicInstant?,
    core: ClientCore,
    completion: @escaping (Result<Rows, PostgresError>) -> Void
  ) {
    self.statement = statement
    self.expires = expires
    self.core = core
    self.completion = completion
  }

  func submit() {
    let submission = Submission([statement], expires: expires) { self.answered($0) }
    submission.sentAt = core.loop.now
    core.submit(submission)
  }

  private func answered(_ submission: Submission) {
    guard let failure = submission.failure else {
      return finish(submission)
    }
    if failure.isStaleStatement, mayPrepareAgain {
      mayPrepareAgain = false
      return submit()
    }
    guard failure.sqlState == .lockNotAvailable, !core.isShutDown else {
      return completion(.failure(failure))
    }
    core.statistics.lockDetours += 1
    core.submitPooled(
      statement,
      deadline: expires,
      Submission([statement], expires: nil) { self.finish($0) }
    )
  }

  private func finish(_ submission: Submission) {
    if let failure = submission.failure { return completion(.failure(failure)) }
    guard let result = submission.results.first else {
      return completion(
        .failure(PostgresError(.connectionLost, "no result", mayHaveExecuted: true))
      )
    }
    completion(.success(Rows(result: result)))
  }
}
