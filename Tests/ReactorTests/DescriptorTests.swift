import Glibc
import Testing

@testable import Reactor

@Suite struct DescriptorTests {
  @Test func readinessIsReportedUntilItIsConsumed() async throws {
    try await withLoop { loop in
      let (near, far) = try socketPair()
      defer { close(near); close(far) }
      let calls: Int = await on(loop) { done in
        nonisolated(unsafe) var calls = 0
        nonisolated(unsafe) var registration: Registration?
        registration = try? loop.add(fd: near, .read) { readiness in
          #expect(readiness == .read)
          calls += 1
          if calls == 3 {
            registration?.remove()
            done(calls)
          }
        }
        _ = write(far, "x", 1)
      }
      #expect(calls == 3)
    }
  }

  @Test func aHandlerMayRemoveAnotherWhoseEventWasAlreadyRead() async throws {
    try await withLoop { loop in
      let pairs = [try socketPair(), try socketPair()]
      defer { for pair in pairs { close(pair.0); close(pair.1) } }
      let calls: Int = await on(loop) { done in
        nonisolated(unsafe) var calls = 0
        nonisolated(unsafe) var both: [Registration] = []
        for pair in pairs {
          let added = try? loop.add(fd: pair.0, .read) { _ in
            calls += 1
            // A new registration takes over the freed place: it must not get the old event.
            for registration in both { registration.remove() }
            for pair in pairs {
              _ = try? loop.add(fd: pair.1, .read) { _ in calls += 100 }
            }
            loop.schedule(after: .milliseconds(20)) { done(calls) }
          }
          if let added { both.append(added) }
        }
        for pair in pairs { _ = write(pair.1, "x", 1) }
      }
      #expect(calls == 1)
    }
  }

  @Test func hangUpShowsAsReadAndWrite() async throws {
    try await withLoop { loop in
      let (near, far) = try socketPair()
      defer { close(near) }
      let readiness: Readiness = await on(loop) { done in
        nonisolated(unsafe) var registration: Registration?
        registration = try? loop.add(fd: near, .read) { readiness in
          registration?.remove()
          done(readiness)
        }
        close(far)
      }
      #expect(readiness == [.read, .write])
    }
  }

  @Test func anEmptyInterestIsSilentAndCanBeWidenedAgain() async throws {
    try await withLoop { loop in
      let (near, far) = try socketPair()
      defer { close(near); close(far) }
      let order: [String] = await on(loop) { done in
        nonisolated(unsafe) var order: [String] = []
        let registration = try? loop.add(fd: near, []) { _ in
          order.append("ready")
          done(order)
        }
        _ = write(far, "x", 1)
        loop.schedule(after: .milliseconds(30)) {
          order.append("widened")
          #expect(throws: Never.self) { try registration?.update(.read) }
        }
      }
      #expect(order == ["widened", "ready"])
    }
  }

  @Test func aReusedDescriptorNumberIsTakenOver() async throws {
    try await withLoop { loop in
      let failures: Int = await on(loop) { done in
        nonisolated(unsafe) var failures = 0
        for _ in 0..<100 {
          guard let (near, far) = try? socketPair() else { continue }
          guard let registration = try? loop.add(fd: near, .read, { _ in }) else {
            failures += 1
            continue
          }
          // Closed before the removal, as libcurl may do.
          close(near)
          close(far)
          registration.remove()
        }
        done(failures)
      }
      #expect(failures == 0)
    }
  }

  @Test func aClosedDescriptorIsRefusedWithTheSystemsReason() async throws {
    try await withLoop { loop in
      let error: LoopError? = await on(loop) { done in
        do throws(LoopError) {
          _ = try loop.add(fd: 9_999, .read) { _ in }
          done(nil)
        } catch {
          done(error)
        }
      }
      #expect(error == .system(call: "epoll_ctl", errno: EBADF))
    }
  }
}
