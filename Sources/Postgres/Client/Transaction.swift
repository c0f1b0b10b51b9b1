import Reactor

package enum IsolationLevel: String, Sendable {
  case readCommitted = "begin"
  case repeatableRead = "begin isolation level repeatable read"
  case serializable = "begin isolation level serializable"
}

/// An open transaction, lent to a body. It begins with its first statement, in the same round trip,
/// and commits when the body returns. One that is a single `commit(with:)` needs no BEGIN and no
/// COMMIT: statements under one sync are a transaction already.
package struct Transaction: ~Copyable {
  let core: TransactionCore

  /// - Throws: `.misuse` after `commit(with:)`, `.cancelled`, then what the server says,
  ///   `.connectionLost` or `.timeout`; the transaction then has no effect.
  package func query(_ statement: Statement) async throws(PostgresError) -> Rows {
    let rows = try await core.run([statement], commits: false)
    guard let first = rows.first else { throw PostgresError(.connectionLost, "no result") }
    return first
  }

  /// Several statements in one round trip; they must not depend on each other's results. The first
  /// that fails ends the batch.
  package func batch(_ statements: [Statement]) async throws(PostgresError) -> [Rows] {
    guard !statements.isEmpty else { return [] }
    return try await core.run(statements, commits: false)
  }

  /// The last statements and COMMIT in one round trip. Afterwards the transaction takes no more.
  /// - Throws: also `.commitUnknown`: the effect may or may not exist.
  @discardableResult
  package func commit(with statements: [Statement] = []) async throws(PostgresError) -> [Rows] {
    try await core.run(statements, commits: true)
  }
}

/// The transaction whose body the running task is in, so that other waits can be refused.
enum TransactionMarker {
  @TaskLocal static var current: TransactionCore?
}

extension PostgresClient {
  /// Runs the body in a transaction on a pooled connection, then commits.
  ///
  /// The body must await nothing but its own statements: `query` and another `transaction` trap in
  /// debug and throw `.misuse` in release. It may run several times: only 40001, 40P01 and statements
  /// whose plan a migration made stale are repeated, a bounded number of times. When it throws, the transaction is rolled back.
  /// - Throws: the body's error; `.queueFull`, `.unavailable`, `.cancelled` before anything was
  ///   sent; `.rolledBack` if COMMIT found a failed statement that the body hid; `.commitUnknown`
  ///   if the connection was lost during COMMIT.
  package func transaction<R>(
    _ isolation: IsolationLevel = .readCommitted,
    _ body: (borrowing Transaction) async throws -> R
  ) async throws -> R {
    try refuseInsideTransaction()
    return try await retrying { try await self.once(isolation, body) }
  }

  /// Several statements as one transaction in one round trip.
  @discardableResult
  package func transaction(batch statements: [Statement]) async throws -> [Rows] {
    try refuseInsideTransaction()
    return try await retrying { try await self.once(batch: statements) }
  }

  private func retrying<R>(_ body: () async throws -> R) async throws -> R {
    var attempt = 1
    while true {
      do {
        return try await body()
      } catch let error as PostgresError {
        let mayRetry = error.sqlState?.isRetryable == true || error.isStaleStatement
        guard mayRetry, attempt < settings.transactionTriesMax, !Task.isCancelled else {
          throw error
        }
        onLoop { $0.statistics.transactionRetries += 1 }
        try await pause(attempt)
        attempt += 1
      }
    }
  }

  private func once(batch statements: [Statement]) async throws -> [Rows] {
    let core = TransactionCore(
      lease: try await acquire(), client: self.core, isolation: .readCommitted)
    do {
      let rows = try await core.run(statements, commits: true)
      core.end()
      return rows
    } catch {
      await core.rollBackIfOpen()
      core.end()
      throw error
    }
  }

  private func once<R>(
    _ isolation: IsolationLevel,
    _ body: (borrowing Transaction) async throws -> R
  ) async throws -> R {
    let core = TransactionCore(lease: try await acquire(), client: self.core, isolation: isolation)
    do {
      let result = try await TransactionMarker.$current.withValue(core) {
        let transaction = Transaction(core: core)
        return try await body(transaction)
      }
      try await core.commitIfOpen()
      core.end()
      return result
    } catch {
      await core.rollBackIfOpen()
      core.end()
      throw error
    }
  }

  private func acquire() async throws(PostgresError) -> Lease {
    guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before it began") }
    if loop.isCurrent, let lease = core.takeIdle() { return lease }
    let limit = Deadline.within(settings.connectionWaitMax).instant
    let box = TicketBox()
    let result = await withTaskCancellationHandler {
      await withUnsafeContinuation {
        (continuation: UnsafeContinuation<Result<Lease, PostgresError>, Never>) in
        onLoop { core in
          let ticket = PoolTicket(expires: limit) { continuation.resume(returning: $0) }
          ticket.isCancelled = box.isCancelled
          box.ticket = ticket
          core.acquire(ticket)
        }
      }
    } onCancel: {
      loop.execute { [core] in
        box.isCancelled = true
        if let ticket = box.ticket { core.cancel(ticket) }
      }
    }
    return try result.get()
  }

  private func pause(_ attempt: Int) async throws {
    let delay = Backoff.transaction.delay(attempt: attempt)
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      onLoop { core in
        _ = core.loop.schedule(after: delay) { continuation.resume() }
      }
    }
  }

  /// A wait behind other statements while locks are held can be a deadlock that PostgreSQL does not
  /// see: the lock's holder waits in a queue that the lock holds up.
  func refuseInsideTransaction() throws(PostgresError) {
    guard let current = TransactionMarker.current, current.isOpen else { return }
    assertionFailure("the database client was used inside a transaction's body")
    throw PostgresError(.misuse, "the client was used inside a transaction's body")
  }
}

/// Links a cancelled task to its wait. Touch it only on the loop.
private final class TicketBox: @unchecked Sendable {
  var ticket: PoolTicket?
  var isCancelled = false
}
