internal import CLinux
internal import Glibc
internal import Reactor

extension EventLoop {
  /// Runs `work` on the loop: at once when already there.
  func perform(_ work: @escaping @Sendable () -> Void) {
    if isCurrent { work() } else { execute(work) }
  }

  /// Runs `work` on the loop and returns its result.
  func run<Result: Sendable>(
    _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    if isCurrent { return try work() }
    return try await withUnsafeThrowingContinuation { continuation in
      execute { continuation.resume(with: Swift.Result { try work() }) }
    }
  }
}

/// What the connections of one transport share on their loop. On the loop only.
final class TurnShare {
  private let loop: EventLoop
  private let handshakeStepsMax: Int
  private var handshakeSteps = 0
  /// Where bytes are read and decrypted to, by whichever connection has its turn.
  let input: UnsafeMutableRawBufferPointer
  /// Where frames are collected before they are encrypted.
  var output: [UInt8] = []
  private var later: [() -> Void] = []
  private var wakeup: Int32 = -1
  private var registration: Registration?

  init(loop: EventLoop, limits: TransportLimits) {
    self.loop = loop
    handshakeStepsMax = limits.turnHandshakeSteps
    input = .allocate(byteCount: limits.turnBytes, alignment: 16)
    output.reserveCapacity(limits.turnBytes + 32 * 1024)
  }

  deinit {
    input.deallocate()
    if wakeup >= 0 { close(wakeup) }
  }

  /// Whether a handshake step may run in this turn. One that may not is asked again by epoll,
  /// which is level-triggered, in the next.
  func admitHandshakeStep() -> Bool {
    guard handshakeSteps < handshakeStepsMax else { return false }
    if handshakeSteps == 0 {
      nonisolated(unsafe) let share = self
      // Runs after all descriptors of this turn had their say.
      loop.execute { share.handshakeSteps = 0 }
    }
    handshakeSteps += 1
    return true
  }

  /// Runs `work` in the next turn, after the other descriptors had theirs.
  func nextTurn(_ work: @escaping () -> Void) {
    do {
      try openWakeup()
    } catch {
      // Without a descriptor: still soon, only without letting others go first.
      nonisolated(unsafe) let work = work
      loop.execute { work() }
      return
    }
    later.append(work)
    if later.count == 1 { tender_eventfd_signal(wakeup) }
  }

  func shutdown() {
    registration?.remove()
    registration = nil
    later = []
  }

  private func openWakeup() throws(LoopError) {
    guard registration == nil else { return }
    if wakeup < 0 { wakeup = tender_eventfd() }
    registration = try loop.add(fd: wakeup, .read) { [unowned self] _ in
      tender_eventfd_clear(wakeup)
      let due = later
      later = []
      for work in due { work() }
    }
  }
}
