import Synchronization

/// Wakes the one task that waits for it; remembers a signal that came while nobody waited.
package final class WakeSignal: Sendable {
  /// Touched only on the loop.
  private final class Box: @unchecked Sendable {
    var isRaised = false
    var isDeaf = false
    var timer: TimerToken?
    var waiting: UnsafeContinuation<Bool, Never>?
  }

  private let loop: EventLoop
  private let box = Box()
  private let stopped = Atomic(false)

  package init(loop: EventLoop) {
    self.loop = loop
  }

  /// Nobody waits any more, and nobody will.
  package var isStopped: Bool { stopped.load(ordering: .acquiring) }

  /// Ends the wait, or the next one. From any thread; cheap.
  package func raise() {
    onLoop { box in
      box.isRaised = true
      if !box.isDeaf { Self.fire(box) }
    }
  }

  /// Ends the wait and every later one at once. From any thread.
  package func stop() {
    stopped.store(true, ordering: .releasing)
    onLoop { Self.fire($0) }
  }

  /// Waits for a signal, for `limit`, or for `stop`. Cancelling the waiting task stops the signal.
  /// - Parameter deaf: a signal is remembered, but does not shorten the wait.
  /// - Returns: whether a signal ended the wait.
  @discardableResult
  package func wait(atMost limit: Duration, deaf: Bool = false) async -> Bool {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        onLoop { [self] in begin($0, atMost: limit, deaf: deaf, continuation) }
      }
    } onCancel: {
      stop()
    }
  }

  /// Lets signals gather: those that come meanwhile are answered by what follows the pause.
  package func pause(_ duration: Duration) async {
    await wait(atMost: duration, deaf: true)
    onLoop { $0.isRaised = false }
  }

  private func begin(
    _ box: Box, atMost limit: Duration, deaf: Bool, _ continuation: UnsafeContinuation<Bool, Never>
  ) {
    guard !isStopped, loop.acceptsTimers, deaf || !box.isRaised else {
      box.isRaised = false
      return continuation.resume(returning: true)
    }
    box.isDeaf = deaf
    box.waiting = continuation
    box.timer = loop.wheel.arm(
      after: limit, now: .now, discarded: { Self.fire(box) }, { Self.fire(box) })
  }

  private static func fire(_ box: Box) {
    guard let waiting = box.waiting else { return }
    box.timer?.cancel()
    box.timer = nil
    box.waiting = nil
    let isSignal = box.isRaised && !box.isDeaf
    if isSignal { box.isRaised = false }
    box.isDeaf = false
    waiting.resume(returning: isSignal)
  }

  private func onLoop(_ body: @escaping @Sendable (Box) -> Void) {
    let box = box
    if loop.isCurrent { body(box) } else { loop.execute { body(box) } }
  }
}
