import Glibc

/// Stack of every thread: enough for a handler, small enough for thousands of connections.
private let threadStackBytes = 512 * 1024

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a detached thread. False if the system has none left.
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setstacksize(&attributes, threadStackBytes)
  pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
  let box = Unmanaged.passRetained(ThreadBody(body))
  var thread = pthread_t()
  let failed = pthread_create(
    &thread,
    &attributes,
    { argument in
      guard let argument else { return nil }
      Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      return nil
    },
    box.toOpaque()
  )
  if failed != 0 {
    box.release()
    return false
  }
  return true
}

/// A failed system call, for the one line an operator reads.
package struct SystemError: Error, CustomStringConvertible {
  package let operation: String
  package let code: Int32

  package init(_ operation: String, code: Int32 = errno) {
    self.operation = operation
    self.code = code
  }

  package var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

package func sleepMilliseconds(_ milliseconds: Int64) {
  guard milliseconds > 0 else { return }
  var rest = timespec(
    tv_sec: Int(milliseconds / 1000),
    tv_nsec: Int(milliseconds % 1000) * 1_000_000
  )
  var left = timespec()
  while nanosleep(&rest, &left) != 0 && errno == EINTR { rest = left }
}
