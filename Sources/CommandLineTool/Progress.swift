import Glibc

/// Numbered steps, `[2/9] Building: 12 s`, said again at least every five seconds while one runs.
/// On a terminal the line rewrites itself; elsewhere, lines only.
struct Progress: Sendable {
  static let secondsBetweenLines: Int64 = 5

  let total: Int
  let stream: Stream
  private(set) var number: Int

  /// - Parameter done: steps that another program has already shown, counted in `total`.
  init(total: Int, done: Int = 0, output: Output) {
    self.total = total + done
    self.number = done
    stream = output.json ? .standardError : .standardOutput
  }

  /// Runs `body` as the next step; what it returns is said at its end.
  mutating func step(_ title: String, _ body: () async throws -> String) async throws {
    number += 1
    let head = "[\(number)/\(total)] \(title)"
    let start = MonotonicClock.milliseconds
    let stream = stream
    let note = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await Self.tick(head, since: start, on: stream) }
      defer { group.cancelAll() }
      return try await body()
    }
    let seconds = (MonotonicClock.milliseconds - start) / 1000
    stream.write("\(stream.isTerminal ? "\r\u{1B}[K" : "")\(head): \(note) (\(seconds) s)\n")
  }

  /// Begins a step that shows its own progress.
  mutating func begin(_ title: String) {
    number += 1
    stream.write("[\(number)/\(total)] \(title)\n")
  }

  private static func tick(_ head: String, since start: Int64, on stream: Stream) async throws {
    let interval: Int64 = stream.isTerminal ? 1 : secondsBetweenLines
    while true {
      try await Task.sleep(for: .seconds(interval))
      let seconds = (MonotonicClock.milliseconds - start) / 1000
      stream.write(
        stream.isTerminal ? "\r\u{1B}[K\(head): \(seconds) s" : "\(head): \(seconds) s\n")
    }
  }
}

/// The two clocks of the tool.
enum MonotonicClock {
  static var milliseconds: Int64 { read(CLOCK_MONOTONIC) / 1000 }

  static var microseconds: Int64 { read(CLOCK_MONOTONIC) }

  /// Milliseconds since 1970.
  static var wallMilliseconds: Int64 { read(CLOCK_REALTIME) / 1000 }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}
