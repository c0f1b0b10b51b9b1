import Reactor

extension Transaction {
  /// Streams rows into a table, a piece at a time: the next is asked for when the kernel has taken
  /// the one before, so that memory holds one piece however many there are.
  ///
  /// - Parameters:
  ///   - target: the table and its columns, such as `staging (id, amount_minor)`: written in the
  ///     code, never input.
  ///   - next: makes the next piece, nil after the last. Like the body, it awaits nothing of the
  ///     client's.
  /// - Returns: how many rows the server has stored.
  /// - Throws: what `next` throws; `.misuse` for a piece above 8 MiB, or while a statement is out;
  ///   `.cancelled`; what the server says, `.connectionLost` or `.timeout`. The transaction then
  ///   has no effect.
  @discardableResult
  package func copy(
    into target: String,
    _ next: () async throws -> CopyRows?
  ) async throws -> Int {
    try await core.copy("copy \(target) from stdin (format binary)", next)
  }
}

extension TransactionCore {
  func copy(_ sql: String, _ next: () async throws -> CopyRows?) async throws -> Int {
    guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before sending") }
    try await begin(sql, Deadline.current?.instant)
    do {
      try await put(CopyRows.header)
      while let rows = try await next() {
        guard rows.bytes.count <= CopyRows.bytesMax else {
          throw PostgresError(.misuse, "a piece of rows has more than \(CopyRows.bytesMax) bytes")
        }
        guard !Task.isCancelled else {
          throw PostgresError(.cancelled, "cancelled while rows were sent")
        }
        try await put(rows.bytes)
      }
      try await put(CopyRows.trailer)
    } catch {
      // What the server says to that is the consequence, not the reason.
      do { _ = try await end(isGivenUp: true) } catch {}
      throw error
    }
    return try await end(isGivenUp: false)
  }

  private func begin(_ sql: String, _ deadline: MonotonicInstant?) async throws(PostgresError) {
    _ = try await step { answer in
      guard self.box.confined.state != .fresh else {
        return self.submit([], commits: false, deadline: deadline) {
          switch $0 {
          case .success: self.start(sql, deadline, answer)
          case .failure(let error): answer(.failure(error))
          }
        }
      }
      self.start(sql, deadline, answer)
    }
  }

  private func start(
    _ sql: String, _ deadline: MonotonicInstant?, _ answer: @escaping CopyRun.Answer
  ) {
    guard box.confined.state == .open, !box.confined.isRunning else {
      let text = box.confined.isRunning ? "a statement is out already" : "the transaction is over"
      return answer(.failure(PostgresError(.misuse, text)))
    }
    let limit = deadline ?? client.loop.now.advanced(by: client.settings.statementTimeout)
    box.confined.isRunning = true
    lease.connection.beginCopy(sql, expires: limit.advanced(by: client.settings.answerGrace)) {
      if case .failure = $0 { self.box.confined.isRunning = false }
      answer($0)
    }
  }

  private func put(_ bytes: [UInt8]) async throws(PostgresError) {
    // An empty piece is none.
    guard !bytes.isEmpty else { return }
    _ = try await step { self.lease.connection.putCopy(bytes, $0) }
  }

  private func end(isGivenUp: Bool) async throws(PostgresError) -> Int {
    try await step { answer in
      self.lease.connection.endCopy(isGivenUp: isGivenUp) {
        self.box.confined.isRunning = false
        answer($0)
      }
    }
  }

  private func step(
    _ body: @escaping @Sendable (@escaping CopyRun.Answer) -> Void
  ) async throws(PostgresError) -> Int {
    let result = await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<Int, PostgresError>, Never>) in
      onLoop { body { continuation.resume(returning: $0) } }
    }
    do throws(PostgresError) {
      return try result.get()
    } catch {
      throw failedStatement(error)
    }
  }
}
