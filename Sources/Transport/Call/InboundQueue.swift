internal import GRPCCore

/// What a call has received and its reader has not taken yet, in order: metadata, messages, end.
/// Its size is bounded by the stream's window.
struct InboundQueue {
  /// How the peer's side of the stream ended.
  enum End {
    /// The client said all it had to say.
    case finished
    case status(Status, Metadata)
    case failed(RPCError)
  }

  /// What a reader gets.
  enum Next {
    case part(InboundPart)
    case end
    case failed(RPCError)
    case nothingYet
  }

  private var metadata: Metadata?
  // Most calls hold one message: no array for them.
  private var first: [UInt8]?
  private var rest: [[UInt8]] = []
  private var restStart = 0
  private var end: End?
  private var isEndTaken = false

  /// Whether the peer's side has ended, read or not.
  var hasEnded: Bool { end != nil }

  mutating func add(metadata: Metadata) {
    guard end == nil else { return }
    self.metadata = metadata
  }

  mutating func add(message: [UInt8]) {
    guard end == nil else { return }
    if first == nil, restStart == rest.count {
      first = message
    } else {
      rest.append(message)
    }
  }

  /// Ends the queue; a second end is ignored. After a failure nothing that waits is delivered.
  mutating func finish(_ end: End) {
    guard self.end == nil else { return }
    self.end = end
    if case .failed = end {
      metadata = nil
      first = nil
      rest = []
      restStart = 0
    }
  }

  mutating func next() -> Next {
    if let metadata {
      self.metadata = nil
      return .part(.metadata(metadata))
    }
    if let message = takeMessage() { return .part(.message(message)) }
    guard let end else { return .nothingYet }
    guard !isEndTaken else { return .end }
    isEndTaken = true
    switch end {
    case .finished: return .end
    case .status(let status, let metadata): return .part(.status(status, metadata))
    case .failed(let error): return .failed(error)
    }
  }

  private mutating func takeMessage() -> [UInt8]? {
    if let first {
      self.first = nil
      return first
    }
    guard restStart < rest.count else { return nil }
    let message = rest[restStart]
    rest[restStart] = []
    restStart += 1
    if restStart == rest.count {
      rest.removeAll(keepingCapacity: true)
      restStart = 0
    }
    return message
  }
}
