import Synchronization

/// What grpc.health.v1 answers: one status for the process and its services.
package final class HealthState: Sendable {
  private struct State {
    /// Not before the process has said so.
    var isServing = false
    /// Never again: the process stops.
    var hasFinished = false
    var nextWatcher = 0
    var watchers: [Int: AsyncStream<Bool>.Continuation] = [:]
  }

  /// Watchers at once; one more is refused.
  package static let watchersMax = 64

  let services: Set<String>
  private let state = Mutex(State())

  /// - Parameter services: the full names of the services this process serves.
  package init(services: Set<String>) {
    self.services = services
  }

  package var isServing: Bool { state.withLock { $0.isServing } }

  package func set(serving: Bool) {
    let watchers = state.withLock { state -> [AsyncStream<Bool>.Continuation] in
      guard state.isServing != serving, !state.hasFinished else { return [] }
      state.isServing = serving
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.yield(serving) }
  }

  /// The status now and each change of it until the process stops; nil when there are too many
  /// watchers.
  func changes() -> AsyncStream<Bool>? {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Bool.self, bufferingPolicy: .bufferingNewest(4))
    let id: Int? = state.withLock { state in
      guard state.watchers.count < Self.watchersMax else { return nil }
      state.nextWatcher += 1
      continuation.yield(state.isServing)
      if state.hasFinished {
        continuation.finish()
      } else {
        state.watchers[state.nextWatcher] = continuation
      }
      return state.nextWatcher
    }
    guard let id else { return nil }
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.watchers.removeValue(forKey: id) }
    }
    return stream
  }

  /// The process stops: not serving from here on, which every watcher still learns before its watch
  /// ends. A watch that stayed open would hold up the drain of its connection.
  package func finish() {
    set(serving: false)
    let watchers = state.withLock { state in
      state.hasFinished = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.finish() }
  }
}
