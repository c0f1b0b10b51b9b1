import Glibc
import Synchronization

/// The process that stands still now; 0 for none.
private let standing = Atomic<Int32>(0)
private let raised = Atomic<Bool>(false)

/// The signal's handler: only what is safe in one.
private func interrupt(_ number: Int32) {
  let process = standing.load(ordering: .relaxed)
  if process > 0 { kill(process, SIGCONT) }
  if raised.exchange(true, ordering: .relaxed) { _exit(128 + number) }
}

/// Ctrl-C: the process that stands still wakes at once; the run ends in order, unless it is pressed
/// a second time.
enum Interruption {
  private static let pause: Duration = .milliseconds(100)

  struct Interrupted: Error {}

  static func stands(_ process: Int32?) { standing.store(process ?? 0, ordering: .relaxed) }

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
