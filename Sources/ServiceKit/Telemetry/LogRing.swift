import CProcess
import Glibc
import Synchronization

/// Log lines go through a bounded ring to a writer thread, so that a slow disk or terminal never
/// stops the loop. When the ring is full, lines are counted and the count is written instead.
package final class LogRing: Sendable {
  /// Lines that may wait for the writer.
  package static let linesMax = 8_192
  /// How long `close` waits for the last lines, in milliseconds.
  package static let closeMillisecondsMax = 1_000

  private struct State {
    var lines: [[UInt8]] = []
    var dropped = 0
    var isClosed = false
    var isFinished = false
  }

  private let state = Mutex(State())
  private let wake: Int32

  package init() {
    wake = tender_wake_create()
    startWriter()
  }

  package func append(_ line: [UInt8]) {
    let isFirst = state.withLock { state in
      guard state.lines.count < Self.linesMax else {
        state.dropped += 1
        return false
      }
      state.lines.append(line)
      return state.lines.count == 1
    }
    if isFirst { tender_wake_signal(wake) }
  }

  /// Writes everything that waits and ends the thread.
  package func close() {
    state.withLock { $0.isClosed = true }
    tender_wake_signal(wake)
    for _ in 0..<Self.closeMillisecondsMax where !state.withLock({ $0.isFinished }) {
      usleep(1_000)
    }
  }

  private func startWriter() {
    let box = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer else { return nil }
        let ring = Unmanaged<LogRing>.fromOpaque(pointer).takeRetainedValue()
        while ring.writeWaiting() { tender_wake_wait(ring.wake) }
        return nil
      }, box.toOpaque())
    if result == 0 { pthread_detach(thread) } else { box.release() }
  }

  /// False once the ring is closed and everything is written.
  private func writeWaiting() -> Bool {
    let (lines, dropped, isClosed) = state.withLock { state in
      defer {
        state.lines = []
        state.dropped = 0
      }
      return (state.lines, state.dropped, state.isClosed)
    }
    var bytes: [UInt8] = []
    for line in lines { bytes.append(contentsOf: line) }
    if dropped > 0 {
      bytes.append(contentsOf: #"{"level":"warning","message":"\#(dropped) lines dropped"}"#.utf8)
      bytes.append(0x0A)
    }
    tender_write_stderr(bytes, Int64(bytes.count))
    if isClosed { state.withLock { $0.isFinished = true } }
    return !isClosed
  }
}
