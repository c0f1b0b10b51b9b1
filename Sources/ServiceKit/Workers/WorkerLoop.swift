package import Logging
package import Reactor
import Synchronization

/// Runs a worker's rounds until it is stopped: one at the start, one after each interval, one at
/// once when woken; never two at a time. What a round throws is logged, and the next one comes
/// after a pause.
package final class WorkerLoop: Sendable {
  /// Pauses are shorter or longer by up to this share, so that replicas do not look in step.
  package static let jitterShare = 0.1
  /// The usual pause after a round that failed.
  package static let failurePause = Duration.seconds(1)

  private let name: StaticString
  private let loop: EventLoop
  private let logger: Logger
  private let interval: Duration
  private let failurePause: Duration
  private let gather: Duration
  private let signal: WakeSignal
  private let task = Mutex<Task<Void, Never>?>(nil)

  /// - Parameters:
  ///   - name: what the log and a shutdown call it.
  ///   - gather: after a wake-up, how long work gathers before the round.
  package init(
    _ name: StaticString, loop: EventLoop, logger: Logger, every interval: Duration,
    afterFailure failurePause: Duration = WorkerLoop.failurePause, gather: Duration = .zero
  ) {
    self.name = name
    self.loop = loop
    self.logger = logger
    self.interval = interval
    self.failurePause = failurePause
    self.gather = gather
    signal = WakeSignal(loop: loop)
  }

  package convenience init(
    _ name: StaticString, _ environment: ServiceEnvironment, every interval: Duration,
    afterFailure failurePause: Duration = WorkerLoop.failurePause, gather: Duration = .zero
  ) {
    self.init(
      name, loop: environment.loop, logger: environment.logger, every: interval,
      afterFailure: failurePause, gather: gather)
  }

  /// Call it once.
  package func start(_ round: @escaping @Sendable () async throws -> Void) {
    let spawned = loop.spawn(name: name) { [self] in await run(round) }
    task.withLock { $0 = spawned }
  }

  /// There is work: the next round does not wait for the interval. From any thread; a call during
  /// a round starts another one after it.
  package func wake() { signal.raise() }

  /// No further round; the one under way is cancelled.
  package func stop() {
    signal.stop()
    task.withLock { $0 }?.cancel()
  }

  /// The same, and waits for the round under way.
  package func shutdown() async {
    stop()
    await task.withLock { $0 }?.value
  }

  private func run(_ round: @Sendable () async throws -> Void) async {
    while !signal.isStopped {
      var pause = interval
      do {
        try await round()
      } catch {
        if signal.isStopped || Task.isCancelled { return }
        logger.warning("a round failed", metadata: ["worker": "\(name)", "error": "\(error)"])
        pause = failurePause
      }
      let isWoken = await signal.wait(atMost: Self.jittered(pause, by: .random(in: -1...1)))
      if isWoken, gather > .zero, !signal.isStopped { await signal.pause(gather) }
    }
  }

  /// - Parameter share: −1 for the shortest, 1 for the longest.
  static func jittered(_ pause: Duration, by share: Double) -> Duration {
    pause * (1 + jitterShare * share)
  }
}
