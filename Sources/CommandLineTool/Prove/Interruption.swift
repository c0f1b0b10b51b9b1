import Glibc
import Synchronization

/// The processes that stand still now, at most as many as a service has.
private let standing = StandingProcesses()
private let raised = Atomic<Bool>(false)

private final class StandingProcesses: Sendable {
  private let first = Atomic<Int32>(0)
  private let second = Atomic<Int32>(0)
  private let third = Atomic<Int32>(0)
  private let fourth = Atomic<Int32>(0)

  func set(_ processes: [Int32]) {
    func at(_ index: Int) -> Int32 { index < processes.count ? processes[index] : 0 }
    first.store(at(0), ordering: .relaxed)
    second.store(at(1), ordering: .relaxed)
    third.store(at(2), ordering: .relaxed)
    fourth.store(at(3), ordering: .relaxed)
  }

  /// From a signal handler: nothing but loads and `kill`.
  func wake() {
    Self.wake(first.load(ordering: .relaxed))
    Self.wake(second.load(ordering: .relaxed))
    Self.wake(third.load(ordering: .relaxed))
    Self.wake(fourth.load(ordering: .relaxed))
  }

  private static func wake(_ process: Int32) {
    if process > 0 { kill(process, SIGCONT) }
  }
}

/// The signal's handler: only what is safe in one.
private func interrupt(_ number: Int32) {
  standing.wake()
  if raised.exchange(true, ordering: .relaxed) { _exit(128 + number) }
}

/// Ctrl-C: what stands still wakes at once; the run ends in order, unless it is pressed
/// a second time.
enum Interruption {
  private static let pause: Duration = .milliseconds(100)

  struct Interrupted: Error {}

  static func stands(_ processes: [Int32]) { standing.set(processes) }

  static func listen() {
    signal(SIGINT, interrupt)
    signal(SIGTERM, interrupt)
  }

  /// Runs `body`, which is cancelled when somebody interrupts.
  /// - Throws: `Interrupted`, what `body` throws.
  static func during<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        while !raised.load(ordering: .relaxed) {
          do { try await Task.sleep(for: pause) } catch { return nil }
        }
        throw Interrupted()
      }
      defer { group.cancelAll() }
      do {
        while let result = try await group.next() { if let result { return result } }
      } catch {
        // What is cancelled fails in many ways.
        throw raised.load(ordering: .relaxed) ? Interrupted() : error
      }
      throw Interrupted()
    }
  }
}
