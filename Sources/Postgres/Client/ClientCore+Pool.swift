import Reactor

/// A wait for a pooled connection. Touch it only on the loop.
final class PoolTicket: @unchecked Sendable {
  let expires: MonotonicInstant
  var number = 0
  /// Set by a cancelled task, perhaps before the wait began.
  var isCancelled = false
  private var completion: ((Result<Lease, PostgresError>) -> Void)?

  init(
    expires: MonotonicInstant,
    completion: @escaping (Result<Lease, PostgresError>) -> Void
  ) {
    self.expires = expires
    self.completion = completion
  }

  func finish(_ result: Result<Lease, PostgresError>) {
    let completion = completion
    self.completion = nil
    completion?(result)
  }
}

/// A pooled connection in somebody's hands.
struct Lease: @unchecked Sendable {
  let id: Int
  let connection: Connection
}

extension ClientCore {
  /// A connection that is free right now.
  func takeIdle() -> Lease? {
    guard let id = pool.takeIdle() else { return nil }
    guard let connection = pooled[id] else {
      perform(pool.released(id, isReusable: false))
      return nil
    }
    armSweeper()
    return Lease(id: id, connection: connection)
  }

  func acquire(_ ticket: PoolTicket) {
    guard !isShutDown else {
      return ticket.finish(.failure(PostgresError(.shutDown, "the client is shut down")))
    }
    guard !ticket.isCancelled else {
      return ticket.finish(.failure(PostgresError(.cancelled, "cancelled before it began")))
    }
    nextTicket += 1
    ticket.number = nextTicket
    tickets[ticket.number] = ticket
    armSweeper()
    perform(pool.acquire(ticket.number))
  }

  func cancel(_ ticket: PoolTicket) {
    ticket.isCancelled = true
    guard tickets[ticket.number] != nil else { return }
    giveUp(ticket, PostgresError(.cancelled, "cancelled while waiting for a connection"))
  }

  func giveUp(_ ticket: PoolTicket, _ error: PostgresError) {
    guard pool.cancel(ticket.number) else { return }
    tickets[ticket.number] = nil
    ticket.finish(.failure(error))
  }

  func release(_ lease: Lease) {
    perform(pool.released(lease.id, isReusable: lease.connection.isReusable))
  }

  func perform(_ actions: [PoolMachine<Int>.Action]) {
    for action in actions { perform(action) }
  }

  private func perform(_ action: PoolMachine<Int>.Action) {
    switch action {
    case .open(let id): open(id)
    case .close(let id): pooled.removeValue(forKey: id)?.close()
    case .refuse(let number):
      statistics.refused += 1
      let error =
        isShutDown
        ? PostgresError(.shutDown, "the client is shut down")
        : PostgresError(.queueFull, "too many transactions wait for the database")
      tickets.removeValue(forKey: number)?.finish(.failure(error))
    case .pause(let attempt):
      _ = loop.schedule(after: Backoff.reconnect.delay(attempt: attempt)) { [weak self] in
        guard let self, !isShutDown else { return }
        perform(pool.retry())
      }
    case .lease(let id, let number):
      guard let connection = pooled[id], let ticket = tickets.removeValue(forKey: number) else {
        perform(pool.released(id, isReusable: pooled[id] != nil))
        return
      }
      ticket.finish(.success(Lease(id: id, connection: connection)))
    }
  }

  private func open(_ id: Int) {
    let connector = Connector(loop: loop, limit: settings.connectTimeout)
    connectors[id] = connector
    connector.open(settings.parameters(for: .pooled)) { [weak self] outcome in
      self?.opened(id, outcome)
    }
  }

  private func opened(_ id: Int, _ outcome: Result<OpaquePointer, PostgresError>) {
    connectors[id] = nil
    do {
      let connection = try Connection(loop: loop, handle: outcome.get(), settings: settings)
      connection.onClosed = { [weak self] in self?.lost(id) }
      pooled[id] = connection
      statistics.connectionsOpened += 1
      perform(pool.opened(id))
    } catch {
      lastConnectFailure = error
      perform(pool.openingFailed(id))
    }
  }

  private func lost(_ id: Int) {
    // Closed by the pool itself: it knows already.
    guard pooled.removeValue(forKey: id) != nil else { return }
    statistics.connectionsLost += 1
    perform(pool.closed(id))
  }

  /// Runs one statement alone on a pooled connection.
  func submitPooled(_ statement: Statement, deadline: MonotonicInstant?, _ original: Submission) {
    let limit = loop.now.advanced(by: settings.connectionWaitMax)
    let ticket = PoolTicket(expires: min(deadline ?? limit, limit)) { [self] outcome in
      switch outcome {
      case .failure(let error):
        original.fail(error)
        original.finish()
      case .success(let lease):
        let expires = deadline?.advanced(by: settings.answerGrace)
        let repeated = Submission([statement], expires: expires) { [self] repeated in
          if let failure = repeated.failure { original.fail(failure) }
          for result in repeated.results { original.add(result) }
          original.finish()
          release(lease)
        }
        lease.connection.submit(repeated, mayDeallocate: true)
      }
    }
    acquire(ticket)
  }
}
