internal import GRPCCore
internal import Reactor

/// A suspended reader or writer of a call. On the loop only; resumed exactly once.
final class Waiter<Value: Sendable>: @unchecked Sendable {
  private var continuation: UnsafeContinuation<Value, any Error>?
  private(set) var isCancelled = false

  func park(_ continuation: UnsafeContinuation<Value, any Error>) {
    self.continuation = continuation
  }

  func resume(_ result: Result<Value, any Error>) {
    guard let continuation else { return }
    self.continuation = nil
    continuation.resume(with: result)
  }

  /// The waiting task was cancelled, maybe before it was parked.
  func cancel() {
    isCancelled = true
    resume(.failure(Self.cancellation))
  }

  static var cancellation: RPCError {
    RPCError(code: .cancelled, message: "The task that waited on the call was cancelled.")
  }
}

/// Suspends the task until `begin`, run on the loop, has the waiter resumed.
func waiting<Value: Sendable>(
  on loop: EventLoop, _ begin: @escaping @Sendable (Waiter<Value>) -> Void
) async throws -> Value {
  let waiter = Waiter<Value>()
  return try await withTaskCancellationHandler {
    try await withUnsafeThrowingContinuation { continuation in
      loop.perform {
        waiter.park(continuation)
        if waiter.isCancelled { waiter.cancel() } else { begin(waiter) }
      }
    }
  } onCancel: {
    loop.execute { waiter.cancel() }
  }
}
