internal import GRPCCore
internal import Reactor

/// A call's inbound parts as GRPCCore reads them. One task reads at a time; the window reopens as
/// parts are taken.
struct CallReader<Part: InboundConvertible>: AsyncSequence, Sendable {
  typealias Element = Part
  typealias Failure = any Error

  let call: Call

  func makeAsyncIterator() -> Iterator { Iterator(call: call) }

  struct Iterator: AsyncIteratorProtocol {
    let call: Call

    mutating func next(isolation: isolated (any Actor)?) async throws(any Error) -> Part? {
      // Whoever resumed this task may have done so elsewhere.
      if call.loop.isCurrent {
        switch call.poll() {
        case .part(let part): return Part(part)
        case .end: return nil
        case .failed(let error): throw error
        case .nothingYet: break
        }
      }
      let call = call
      let part = try await waiting(on: call.loop) { call.read($0) }
      return part.flatMap { Part($0) }
    }

    mutating func next() async throws -> Part? {
      try await next(isolation: nil)
    }
  }
}

/// A call's outbound parts as GRPCCore writes them. Suspends while too much is queued.
struct CallWriter<Part: OutboundConvertible>: ClosableRPCWriterProtocol {
  typealias Element = Part

  let call: Call

  func write(_ element: Part) async throws {
    let call = call
    if case .metadata = element.outbound { try await moveIfNeeded() }
    if call.loop.isCurrent {
      try call.send(element.outbound)
      guard call.isCongested else { return }
      return try await waiting(on: call.loop) { call.waitForRoom($0) }
    }
    let part = element.outbound
    try await waiting(on: call.loop) { waiter in
      do {
        try call.send(part)
        call.waitForRoom(waiter)
      } catch {
        waiter.resume(.failure(error))
      }
    }
  }

  /// A connection may drain between the call's start and its first part, and so may the next.
  private func moveIfNeeded() async throws {
    let call = call
    for _ in 0..<call.limits.movesMax {
      let reacquire = try await call.loop.run { call.needsConnection ? call.reacquire : nil }
      guard let reacquire else { return }
      let connection = try await reacquire()
      try await call.loop.run { call.move(to: connection) }
    }
  }

  func write(contentsOf elements: some Sequence<Part>) async throws {
    for element in elements { try await write(element) }
  }

  func finish() async {
    let call = call
    call.loop.perform { call.finishWriting(nil) }
  }

  func finish(throwing error: any Error) async {
    let call = call
    call.loop.perform { call.finishWriting(error) }
  }
}
