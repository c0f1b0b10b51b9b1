import Glibc
import Synchronization

@testable import Reactor

struct SystemCallFailed: Error {
  let call: String
  let code = errno
}

/// Runs a test with a started loop, and ends it.
func withLoop<R>(
  longJobLimit: Duration = .milliseconds(10), _ body: (EventLoop) async throws -> R
) async throws -> R {
  let loop = EventLoop(name: "test", longJobLimit: longJobLimit)
  try loop.start()
  do {
    let result = try await body(loop)
    await loop.shutdown(within: .seconds(5))
    return result
  } catch {
    await loop.shutdown(within: .seconds(5))
    throw error
  }
}

/// Runs `body` on the loop and waits until it calls its argument; later calls do nothing.
func on<R: Sendable>(
  _ loop: EventLoop, _ body: @escaping @Sendable (@escaping @Sendable (R) -> Void) -> Void
) async -> R {
  await withCheckedContinuation { continuation in
    let once = Mutex<CheckedContinuation<R, Never>?>(continuation)
    loop.execute {
      body { value in once.withLock { $0.take() }?.resume(returning: value) }
    }
  }
}

func socketPair() throws -> (Int32, Int32) {
  var pair: [Int32] = [-1, -1]
  let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
  guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
    throw SystemCallFailed(call: "socketpair")
  }
  return (pair[0], pair[1])
}

/// A value shared by the threads of a test.
final class Shared<Value: Sendable>: Sendable {
  private let state: Mutex<Value>

  init(_ value: Value) {
    state = Mutex(value)
  }

  var value: Value {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  func change(_ body: (inout Value) -> Void) {
    state.withLock { value in
      var copy = value
      body(&copy)
      value = copy
    }
  }
}

/// Threads wait at it until it is opened.
final class Gate: Sendable {
  private let isOpen = Shared(false)

  func open() { isOpen.value = true }

  func wait() {
    while !isOpen.value { usleep(500) }
  }
}
