import Glibc
import Testing

@testable import Reactor

@Suite struct BlockingTests {
  @Test func aBlockingCallOnTheLoopIsCounted() async throws {
    try await withLoop { loop in
      BlockingGuard.check("test")
      await withTaskExecutorPreference(loop) { BlockingGuard.check("test") }
      let calls = await on(loop) { done in loop.execute { done(loop.statistics.blockingCalls) } }
      // The snapshot is of the last whole turn: ask until that turn has ended.
      var seen = calls
      while seen == 0 {
        seen = await on(loop) { done in loop.execute { done(loop.statistics.blockingCalls) } }
      }
      #expect(seen == 1)
    }
  }

  @Test func theTripwireAborts() async {
    await #expect(processExitsWith: .failure) {
      BlockingGuard.mode = .abort
      let loop = EventLoop(name: "test")
      try loop.start()
      await withTaskExecutorPreference(loop) { BlockingGuard.check("test") }
    }
  }

  @Test func theWatchdogSeesAStall() async throws {
    try await withLoop { loop in
      let watchdog = StallWatchdog(loop: loop, limit: .milliseconds(20))
      await withTaskExecutorPreference(loop) {
        // Stalls until it is seen, for however long a busy machine takes.
        for _ in 0..<1_000 where watchdog.stalls == 0 { usleep(20_000) }
      }
      // A busy machine may stall the loop by itself, too.
      #expect(watchdog.stalls >= 1)
      watchdog.stop()
    }
  }

  @Test func theWatchdogAborts() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let loop = EventLoop(name: "test")
      try loop.start()
      let watchdog = StallWatchdog(loop: loop, limit: .milliseconds(20), action: .abort)
      await withTaskExecutorPreference(loop) { _ = sleep(10) }
      watchdog.stop()
    }
  }
}
