import Synchronization

/// Spawned tasks that have not ended, behind its mutex.
struct TaskTable {
  struct Entry {
    let name: StaticString
    var task: Task<Void, Never>?
  }

  var entries: [UInt64: Entry] = [:]
  var nextID: UInt64 = 0
  var idleWaiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]

  mutating func takeIdleWaiters() -> [CheckedContinuation<Bool, Never>] {
    guard entries.isEmpty else { return [] }
    defer { idleWaiters = [:] }
    return Array(idleWaiters.values)
  }
}

extension EventLoop {
  /// How long cancelled tasks get to end at shutdown.
  static let cancelGrace: Duration = .milliseconds(500)

  /// Starts a task that prefers this loop and is counted until it ends. Task-locals, priority and
  /// cancellation of the caller are not inherited: the work belongs to the process.
  /// - Parameter name: what `shutdown` calls it.
  @discardableResult
  package func spawn(
    name: StaticString, _ operation: @Sendable @escaping () async -> Void
  ) -> Task<Void, Never> {
    let id = tasks.withLock { table in
      table.nextID += 1
      table.entries[table.nextID] = TaskTable.Entry(name: name)
      return table.nextID
    }
    let task = Task.detached(executorPreference: self) {
      await operation()
      self.ended(id)
    }
    // The task may have ended already; then there is no entry to complete.
    tasks.withLock { $0.entries[id]?.task = task }
    return task
  }

  private func ended(_ id: UInt64) {
    let waiters = tasks.withLock { table in
      table.entries[id] = nil
      return table.takeIdleWaiters()
    }
    for waiter in waiters { waiter.resume(returning: true) }
  }

  /// Spawned tasks that have not ended.
  package var spawnedCount: Int { tasks.withLock { $0.entries.count } }

  /// Suspends for at least `duration` (resolution 10 ms).
  /// - Throws: `CancellationError`, at once, when the task is cancelled or the loop ends.
  package func sleep(for duration: Duration) async throws {
    let sleeper = Sleeper()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        sleeper.begin(on: self, for: duration, continuation)
      }
    } onCancel: {
      sleeper.cancel(on: self)
    }
  }

  /// Waits for spawned tasks, cancels those that are left after `limit`, and ends the thread. Call
  /// it after the owners of descriptors have closed. Safe to call from a task on this loop, and
  /// more than once.
  /// - Returns: the names of the tasks that did not end within `limit`.
  @discardableResult
  package func shutdown(within limit: Duration) async -> [String] {
    guard inbox.withLock({ $0.phase }) == .running else { return [] }
    var abandoned: [String] = []
    if await !idle(within: limit) {
      let left = tasks.withLock { Array($0.entries.values) }
      abandoned = left.map { $0.name.description }.sorted()
      for entry in left { entry.task?.cancel() }
      _ = await idle(within: Self.cancelGrace)
    }
    await stop()
    return abandoned
  }

  /// Whether all spawned tasks ended in time.
  private func idle(within limit: Duration) async -> Bool {
    await withCheckedContinuation { continuation in
      let id: UInt64? = tasks.withLock { table in
        guard !table.entries.isEmpty else { return nil }
        table.nextID += 1
        table.idleWaiters[table.nextID] = continuation
        return table.nextID
      }
      guard let id else {
        continuation.resume(returning: true)
        return
      }
      execute {
        self.schedule(after: limit) {
          let waiter = self.tasks.withLock { $0.idleWaiters.removeValue(forKey: id) }
          waiter?.resume(returning: false)
        }
      }
    }
  }

  /// Ends the thread; what sleeps is cancelled.
  func stop() async {
    await withCheckedContinuation { continuation in
      let ended = inbox.withLock { inbox in
        if inbox.phase == .running { inbox.phase = .stopping }
        guard inbox.phase == .stopping else { return true }
        inbox.stopWaiters.append(continuation)
        return false
      }
      if ended {
        continuation.resume()
      } else {
        execute {}
      }
    }
  }
}

/// One sleep: resumed exactly once, by its timer, by cancellation, or by the end of the loop.
private final class Sleeper: Sendable {
  private enum State {
    case new
    case waiting(CheckedContinuation<Void, any Error>, TimerToken?)
    case ended
  }

  private let state = Mutex(State.new)

  func begin(
    on loop: EventLoop, for duration: Duration, _ continuation: CheckedContinuation<Void, any Error>
  ) {
    let cancelled = state.withLock { state in
      if case .ended = state { return true }
      state = .waiting(continuation, nil)
      return false
    }
    if cancelled {
      continuation.resume(throwing: CancellationError())
    } else if loop.isCurrent {
      arm(on: loop, for: duration)
    } else {
      loop.execute { self.arm(on: loop, for: duration) }
    }
  }

  private func arm(on loop: EventLoop, for duration: Duration) {
    guard loop.acceptsTimers else {
      end(throwing: CancellationError())
      return
    }
    let token = loop.wheel.arm(
      after: duration, now: .now, discarded: { self.end(throwing: CancellationError()) },
      { self.end(throwing: nil) })
    let isWaiting = state.withLock { state in
      guard case .waiting(let continuation, _) = state else { return false }
      state = .waiting(continuation, token)
      return true
    }
    if !isWaiting { token.cancel() }
  }

  func cancel(on loop: EventLoop) {
    guard let token = end(throwing: CancellationError()) else { return }
    loop.execute { token.cancel() }
  }

  @discardableResult
  private func end(throwing error: (any Error)?) -> TimerToken? {
    let (continuation, token) = state.withLock { state in
      defer { state = .ended }
      guard case .waiting(let continuation, let token) = state else {
        return (CheckedContinuation<Void, any Error>?.none, TimerToken?.none)
      }
      return (continuation, token)
    }
    if let error { continuation?.resume(throwing: error) } else { continuation?.resume() }
    return token
  }
}
