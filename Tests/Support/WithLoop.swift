package import Reactor

/// Runs the body beside an event loop of its own, and shuts that down afterwards.
package func withEventLoop<R>(
  name: String = "test",
  _ body: (EventLoop) async throws -> R
) async throws -> R {
  let loop = EventLoop(name: name)
  try loop.start()
  do {
    let result = try await body(loop)
    _ = await loop.shutdown(within: .seconds(5))
    return result
  } catch {
    _ = await loop.shutdown(within: .seconds(5))
    throw error
  }
}

/// Runs the operation as tasks of the loop, `count` at once, and waits for all.
package func onLoop<R: Sendable>(
  _ loop: EventLoop,
  count: Int,
  _ operation: @escaping @Sendable (Int) async throws -> R
) async throws -> [R] {
  try await withThrowingTaskGroup(of: (Int, R).self) { group in
    for index in 0..<count {
      group.addTask(executorPreference: loop) { (index, try await operation(index)) }
    }
    var results: [Int: R] = [:]
    for try await (index, result) in group { results[index] = result }
    return (0..<count).compactMap { results[$0] }
  }
}

/// One operation as a task of the loop.
package func onLoop<R: Sendable>(
  _ loop: EventLoop,
  _ operation: @escaping @Sendable () async throws -> R
) async throws -> R {
  guard let result = try await onLoop(loop, count: 1, { _ in try await operation() }).first else {
    throw CancellationError()
  }
  return result
}
