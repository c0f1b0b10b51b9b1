import Logging
import Reactor
import Synchronization
import Testing

@testable import ServiceKit

/// A worker's rounds: at the start, when woken, after a failure, and never after the end.
@Suite(.timeLimit(.minutes(1))) struct WorkerLoopTests {
  /// Far longer than any test: whatever runs, runs for another reason than the interval.
  static let never = Duration.seconds(3_600)

  private func with(
    every interval: Duration = never, afterFailure: Duration = never,
    _ body: (WorkerLoop) async throws -> Void
  ) async throws {
    let loop = EventLoop(name: "test")
    try loop.start()
    let worker = WorkerLoop(
      "test worker", loop: loop, logger: Logger(label: "test"), every: interval,
      afterFailure: afterFailure)
    do {
      try await body(worker)
      await worker.shutdown()
      #expect(await loop.shutdown(within: .seconds(5)).isEmpty)
    } catch {
      await loop.shutdown(within: .seconds(5))
      throw error
    }
  }

  @Test func theFirstRoundComesAtTheStartAndAWakeBringsTheNext() async throws {
    try await with { worker in
      let (rounds, sign) = AsyncStream.makeStream(of: Void.self)
      worker.start { sign.yield() }
      var iterator = rounds.makeAsyncIterator()
      await iterator.next()
      for _ in 0..<3 {
        worker.wake()
        await iterator.next()
      }
    }
  }

  @Test func aWakeDuringARoundStartsAnother() async throws {
    try await with { worker in
      let (rounds, sign) = AsyncStream.makeStream(of: Void.self)
      let (gate, open) = AsyncStream.makeStream(of: Void.self)
      worker.start {
        sign.yield()
        for await _ in gate { break }
      }
      var iterator = rounds.makeAsyncIterator()
      await iterator.next()
      worker.wake()
      open.yield()
      await iterator.next()
      open.yield()
    }
  }

  @Test func theIntervalBringsRoundsAndSoDoesThePauseAfterAFailure() async throws {
    struct Trouble: Error {}
    for fails in [false, true] {
      let short = Duration.milliseconds(1)
      try await with(
        every: fails ? Self.never : short, afterFailure: fails ? short : Self.never
      ) { worker in
        let (rounds, sign) = AsyncStream.makeStream(of: Void.self)
        worker.start {
          sign.yield()
          if fails { throw Trouble() }
        }
        var iterator = rounds.makeAsyncIterator()
        for _ in 0..<3 { await iterator.next() }
      }
    }
  }

  @Test func theEndCancelsTheRoundUnderWayWaitsForItAndBringsNoOther() async throws {
    let count = Mutex(0)
    let ended = Mutex(false)
    try await with(every: .milliseconds(1)) { worker in
      let (rounds, sign) = AsyncStream.makeStream(of: Void.self)
      worker.start {
        count.withLock { $0 += 1 }
        sign.yield()
        // Ends by cancellation only.
        let (nothing, silent) = AsyncStream.makeStream(of: Void.self)
        for await _ in nothing {}
        silent.finish()
        ended.withLock { $0 = true }
      }
      var iterator = rounds.makeAsyncIterator()
      await iterator.next()
      await worker.shutdown()
      #expect(ended.withLock { $0 })
      worker.wake()
    }
    #expect(count.withLock { $0 } == 1)
  }

  @Test func theEndDoesNotWaitForTheInterval() async throws {
    try await with { worker in
      let (rounds, sign) = AsyncStream.makeStream(of: Void.self)
      worker.start { sign.yield() }
      var iterator = rounds.makeAsyncIterator()
      await iterator.next()
      await worker.shutdown()
    }
  }

  @Test func pausesStayWithinATenthOfTheInterval() {
    let pause = Duration.seconds(10)
    #expect(WorkerLoop.jittered(pause, by: -1) == .seconds(9))
    #expect(WorkerLoop.jittered(pause, by: 0) == pause)
    #expect(WorkerLoop.jittered(pause, by: 1) == .seconds(11))
  }
}
