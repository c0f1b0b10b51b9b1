import Glibc
import Testing

@testable import Reactor

@Suite struct WorkersTests {
  @Test func workRunsOffTheLoopAndTheCallerReturnsToIt() async throws {
    let workers = try Workers(threadCount: 1)
    defer { workers.shutdown() }
    try await withLoop { loop in
      try await withTaskExecutorPreference(loop) {
        let onLoop = try await workers.run { EventLoop.current != nil }
        #expect(!onLoop)
        #expect(loop.isCurrent)
      }
    }
  }

  @Test func aFullQueueRefusesAndRecovers() async throws {
    let workers = try Workers(threadCount: 1, queuedMax: 2)
    defer { workers.shutdown() }
    let gate = Gate()
    try await withLoop { loop in
      let running = Shared(0)
      // One runs, then two wait: each is there before the next is sent.
      for index in 0..<3 {
        loop.spawn(name: "caller") {
          _ = try? await workers.run {
            running.change { $0 += 1 }
            gate.wait()
          }
        }
        while running.value < 1 || workers.queuedCount < index { await Task.yield() }
      }
      await #expect(throws: WorkersError.queueFull) { try await workers.run {} }
      gate.open()
      while running.value < 3 { await Task.yield() }
      let seven = try await workers.run { 7 }
      #expect(seven == 7)
    }
  }

  @Test func whatBodyThrowsIsThrown() async throws {
    let workers = try Workers()
    await #expect(throws: SystemCallFailed.self) {
      try await workers.run { throw SystemCallFailed(call: "test") }
    }
    workers.shutdown()
    await #expect(throws: WorkersError.stopped) { try await workers.run {} }
  }

  @Test func workWhoseDeadlinePassedDoesNotStart() async throws {
    let workers = try Workers(threadCount: 1)
    defer { workers.shutdown() }
    await Deadline.$current.withValue(.after(.zero)) {
      await #expect(throws: WorkersError.deadlinePassed) { try await workers.run {} }
    }
  }
}
