/// Threads for what must not run on a loop: file I/O and more than 1 ms of CPU. Bounded in threads
/// and in what may wait for one.
package final class Workers: Sendable {
  package static let threadCountDefault = 2
  package static let queuedMaxDefault = 256

  private let queue: BlockingQueue<@Sendable () -> Void>

  /// The threads start at once.
  /// - Throws: `WorkersError.noThreads`.
  package init(
    name: String = "worker", threadCount: Int = threadCountDefault,
    queuedMax: Int = queuedMaxDefault
  ) throws(WorkersError) {
    let queue = BlockingQueue<@Sendable () -> Void>(countMax: queuedMax)
    self.queue = queue
    for index in 0..<max(1, threadCount) {
      let started = Thread.start(name: "\(name)-\(index)") {
        while let work = queue.pop() { work() }
      }
      guard started else {
        queue.close()
        throw .noThreads
      }
    }
  }

  deinit { queue.close() }

  /// Pieces of work that wait for a thread.
  package var queuedCount: Int { queue.count }

  /// Runs `body` on a worker; the caller resumes where it was. Once accepted it runs, even if the
  /// caller is cancelled, unless its deadline has passed before it starts.
  /// - Throws: `WorkersError.stopped`; `.queueFull`; `.deadlinePassed`; what `body` throws.
  package func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    let deadline = Deadline.current
    return try await withCheckedThrowingContinuation { continuation in
      let pushed = queue.push {
        if let deadline, deadline.isPast {
          continuation.resume(throwing: WorkersError.deadlinePassed)
        } else {
          continuation.resume(with: Result(catching: body))
        }
      }
      switch pushed {
      case .accepted: break
      case .full: continuation.resume(throwing: WorkersError.queueFull)
      case .closed: continuation.resume(throwing: WorkersError.stopped)
      }
    }
  }

  /// Accepts nothing more; what is queued still runs.
  package func shutdown() {
    queue.close()
  }
}

package enum WorkersError: Error, Sendable, Hashable {
  case stopped
  /// As much waits as may; try again later.
  case queueFull
  case deadlinePassed
  /// The system gave no thread.
  case noThreads
}
