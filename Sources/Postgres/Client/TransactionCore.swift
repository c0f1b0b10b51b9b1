import Reactor
import Synchronization

/// One transaction's state. `state` is touched only on the loop.
final class TransactionCore: Sendable {
  enum State {
    /// Nothing was sent yet.
    case fresh
    case open
    case committed
    /// A statement of the only batch failed: rolled back with it.
    case refused
    /// Ended without effect, or unknown.
    case ended
  }

  struct Confined: @unchecked Sendable {
    var state = State.fresh
    var isRunning = false
  }

  final class Box: @unchecked Sendable {
    var confined = Confined()
  }

  let lease: Lease
  let client: ClientCore
  private let isolation: IsolationLevel
  let box = Box()
  private let openFlag = Atomic(true)

  init(lease: Lease, client: ClientCore, isolation: IsolationLevel) {
    self.lease = lease
    self.client = client
    self.isolation = isolation
  }

  /// The body has not returned yet.
  var isOpen: Bool { openFlag.load(ordering: .relaxed) }

  // MARK: - For the body

  func run(_ statements: [Statement], commits: Bool) async throws(PostgresError) -> [Rows] {
    guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before sending") }
    try PostgresClient.check(statements)
    return try await send(statements, commits: commits)
  }

  private func send(
    _ statements: [Statement],
    commits: Bool
  ) async throws(PostgresError) -> [Rows] {
    let deadline = Deadline.current?.instant
    return try await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<[Rows], PostgresError>, Never>) in
      onLoop {
        self.submit(statements, commits: commits, deadline: deadline) {
          continuation.resume(returning: $0)
        }
      }
    }.get()
  }

  // MARK: - For the client

  /// What the body did not commit itself. Not cancellable.
  func commitIfOpen() async throws(PostgresError) {
    openFlag.store(false, ordering: .relaxed)
    switch client.loop.isCurrent ? box.confined.state : await stateFromElsewhere() {
    case .open: _ = try await send([], commits: true)
    case .refused: throw Self.hiddenFailure
    case .fresh, .committed, .ended: break
    }
  }

  /// Not cancellable. A connection that cannot roll back is closed, which rolls back as well.
  func rollBackIfOpen() async {
    openFlag.store(false, ordering: .relaxed)
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      onLoop {
        guard self.box.confined.state != .committed, !self.lease.connection.isClosed,
          !self.lease.connection.isReusable
        else { return continuation.resume() }
        self.box.confined.state = .ended
        self.client.statistics.rollbacks += 1
        let limit = self.client.loop.now.advanced(by: self.client.settings.answerGrace)
        self.lease.connection.submit(
          Submission(["rollback"], expires: limit) { _ in continuation.resume() },
          mayDeallocate: false
        )
      }
    }
  }

  func end() {
    onLoop { self.client.release(self.lease) }
  }

  private static let hiddenFailure = PostgresError(
    .rolledBack, "a failed statement was hidden from COMMIT")

  private func stateFromElsewhere() async -> State {
    await withUnsafeContinuation { continuation in
      onLoop { continuation.resume(returning: self.box.confined.state) }
    }
  }

  // MARK: - On the loop

  func submit(
    _ statements: [Statement],
    commits: Bool,
    deadline: MonotonicInstant?,
    _ completion: @escaping (Result<[Rows], PostgresError>) -> Void
  ) {
    let state = box.confined.state
    guard state == .fresh || state == .open, !box.confined.isRunning else {
      let text = box.confined.isRunning ? "a statement is out already" : "the transaction is over"
      return completion(.failure(PostgresError(.misuse, text)))
    }
    guard deadline.map({ $0 > client.loop.now }) ?? true else {
      return completion(.failure(PostgresError(.timeout, "the deadline has passed")))
    }
    if state == .fresh, commits, statements.isEmpty {
      box.confined.state = .committed
      return completion(.success([]))
    }
    // Statements under one sync are a transaction by themselves.
    let isImplicit = state == .fresh && commits && isolation == .readCommitted
    var batch: [Statement] = []
    if state == .fresh {
      client.statistics.transactions += 1
      batch = opening(deadline, isImplicit: isImplicit)
    }
    let prefixCount = batch.count
    batch += statements
    if commits, !isImplicit { batch.append("commit") }
    box.confined.state = .open
    box.confined.isRunning = true
    let submission = Submission(batch, expires: deadline?.advanced(by: client.settings.answerGrace))
    {
      self.box.confined.isRunning = false
      completion(
        self.outcome(
          of: $0, commits: commits, isImplicit: isImplicit, from: prefixCount,
          count: statements.count)
      )
    }
    client.armSweeper()
    lease.connection.submit(submission, mayDeallocate: state == .fresh)
  }

  private func opening(_ deadline: MonotonicInstant?, isImplicit: Bool) -> [Statement] {
    let begin = isImplicit ? [] : [Statement(stringLiteral: isolation.rawValue)]
    guard let deadline else { return begin }
    let left = client.loop.now.duration(to: deadline)
    // The session's own limit is nearer.
    guard left < client.settings.statementTimeout else { return begin }
    return begin + ["select set_config('statement_timeout', \(String(left.milliseconds)), true)"]
  }

  private func outcome(
    of submission: Submission,
    commits: Bool,
    isImplicit: Bool,
    from prefix: Int,
    count: Int
  ) -> Result<[Rows], PostgresError> {
    if let failure = submission.failure {
      if isImplicit {
        box.confined.state = .refused
        client.statistics.rollbacks += 1
      }
      return .failure(commits ? failedCommit(failure) : failedStatement(failure))
    }
    let results = submission.results
    guard results.count == prefix + count + (commits && !isImplicit ? 1 : 0) else {
      lease.connection.close()
      return .failure(failedCommit(PostgresError(.connectionLost, "results are missing")))
    }
    if commits {
      guard isImplicit || results.last?.commandTag == "COMMIT" else {
        box.confined.state = .ended
        client.statistics.rollbacks += 1
        return .failure(Self.hiddenFailure)
      }
      box.confined.state = .committed
      client.statistics.commits += 1
    }
    return .success(results[prefix..<prefix + count].map { Rows(result: $0) })
  }

  /// Without COMMIT a lost connection leaves no effect.
  func failedStatement(_ failure: PostgresError) -> PostgresError {
    var failure = failure
    failure.mayHaveExecuted = false
    return failure
  }

  private func failedCommit(_ failure: PostgresError) -> PostgresError {
    guard failure.code == .connectionLost || failure.code == .timeout else {
      return failedStatement(failure)
    }
    guard failure.mayHaveExecuted else { return failure }
    box.confined.state = .ended
    client.statistics.commitsUnknown += 1
    return PostgresError(
      .commitUnknown,
      "the connection ended during COMMIT",
      mayHaveExecuted: true
    )
  }

  func onLoop(_ body: @escaping @Sendable () -> Void) {
    if client.loop.isCurrent { body() } else { client.loop.execute(body) }
  }
}
