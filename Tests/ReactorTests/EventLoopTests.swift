import Glibc
import Testing

@testable import Reactor

@Suite struct EventLoopTests {
  @Test func tasksRunOnTheLoopAndReturnToItAfterEachWait() async throws {
    try await withLoop { loop in
      await withTaskExecutorPreference(loop) {
        #expect(loop.isCurrent)
        #expect(EventLoop.current === loop)
        try? await loop.sleep(for: .milliseconds(1))
        #expect(loop.isCurrent)
        async let child = loop.isCurrent
        #expect(await child)
        await Task.yield()
        #expect(loop.isCurrent)
      }
      #expect(!loop.isCurrent)
      #expect(EventLoop.current == nil)
    }
  }

  @Test func workFromManyThreadsRunsOnceEachInOrderPerThread() async throws {
    try await withLoop { loop in
      let count = 5_000
      let seen = Shared([Int: [Int]]())
      await withTaskGroup(of: Void.self) { group in
        for sender in 0..<8 {
          group.addTask {
            for number in 0..<count {
              loop.execute { seen.change { $0[sender, default: []].append(number) } }
            }
          }
        }
      }
      await withTaskExecutorPreference(loop) {}
      let result = seen.value
      #expect(result.count == 8)
      for numbers in result.values { #expect(numbers == Array(0..<count)) }
    }
  }

  @Test func executeOnTheLoopIsNeverInline() async throws {
    try await withLoop { loop in
      let order: [Int] = await on(loop) { done in
        let order = Shared<[Int]>([])
        loop.execute { order.change { $0.append(2) } }
        order.change { $0.append(1) }
        loop.execute { done(order.value) }
      }
      #expect(order == [1, 2])
    }
  }

  @Test func endlessJobsDoNotStarveDescriptors() async throws {
    try await withLoop { loop in
      let (near, far) = try socketPair()
      defer { close(near); close(far) }
      let spinning = Shared(true)
      let got: Bool = await on(loop) { done in
        @Sendable func spin() {
          if spinning.value { loop.execute(spin) }
        }
        spin()
        _ = try? loop.add(fd: near, .read) { _ in
          spinning.value = false
          done(true)
        }
        _ = write(far, "x", 1)
      }
      #expect(got)
    }
  }

  @Test func shutdownNamesWhatDidNotEndAndCancelsIt() async throws {
    let loop = EventLoop(name: "test")
    try loop.start()
    loop.spawn(name: "quick") {}
    loop.spawn(name: "stuck") {
      while !Task.isCancelled { try? await loop.sleep(for: .seconds(60)) }
    }
    let abandoned = await loop.shutdown(within: .milliseconds(500))
    #expect(abandoned == ["stuck"])
    #expect(loop.spawnedCount == 0)
    #expect(await loop.shutdown(within: .seconds(1)) == [])
  }

  @Test func shutdownWaitsForWorkThatEnds() async throws {
    let loop = EventLoop(name: "test")
    try loop.start()
    let finished = Shared(false)
    loop.spawn(name: "slow") {
      try? await loop.sleep(for: .milliseconds(30))
      finished.value = true
    }
    #expect(await loop.shutdown(within: .seconds(10)) == [])
    #expect(finished.value)
  }

  @Test func aTaskOnTheLoopMayAwaitItsShutdown() async throws {
    let loop = EventLoop(name: "test")
    try loop.start()
    let after = await withTaskExecutorPreference(loop) {
      await loop.shutdown(within: .seconds(1))
      await Task.yield()
      await #expect(throws: CancellationError.self) { try await loop.sleep(for: .zero) }
      return loop.isCurrent
    }
    #expect(after)
  }

  @Test func sleepersEndWithTheLoop() async throws {
    let loop = EventLoop(name: "test")
    try loop.start()
    let sleeper = loop.spawn(name: "sleeper") {
      await #expect(throws: CancellationError.self) { try await loop.sleep(for: .seconds(600)) }
    }
    while await on(loop, { $0(loop.wheel.count) }) == 0 {}
    await loop.stop()
    await sleeper.value
  }

  @Test func spawnedWorkDoesNotInheritTheDeadline() async throws {
    try await withLoop { loop in
      let inherited: Deadline? = await Deadline.$current.withValue(.after(.seconds(1))) {
        await withCheckedContinuation { continuation in
          loop.spawn(name: "own") { continuation.resume(returning: Deadline.current) }
        }
      }
      #expect(inherited == nil)
    }
  }

  @Test func longJobsAreCounted() async throws {
    try await withLoop { loop in
      #expect(loop.statistics.longJobs == 0)
      await withTaskExecutorPreference(loop) { _ = usleep(20_000) }
      await withTaskExecutorPreference(loop) {}
      let statistics = await on(loop) { done in loop.execute { done(loop.statistics) } }
      #expect(statistics.longJobs >= 1)
      #expect(statistics.longestJobNanoseconds >= 20_000_000)
      #expect(statistics.longestTurnNanoseconds >= 20_000_000)
    }
  }
}
