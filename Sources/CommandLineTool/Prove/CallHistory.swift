import Synchronization

/// One call of the load and what came of it, as its caller saw it.
struct CallRecord: Sendable, Equatable {
  enum Method: String, Sendable {
    case create, confirm, capture, cancel
  }

  enum Answer: Sendable, Equatable {
    /// `bytes`: the whole answer, encoded.
    case intent(id: String, status: String, version: UInt64, bytes: [UInt8], isReplayed: Bool)
    /// Refused for good: the stored answer of its key.
    case refused(code: String, reason: String)
    /// No answer, or one that asks to come again: nothing is known of it.
    case unknown(reason: String)
  }

  let payment: Int
  let merchant: Int
  let method: Method
  let key: String
  /// Tells requests with the same key apart.
  let payload: String
  let startedAt: Int64
  let endedAt: Int64
  let answer: Answer

  var isDefinite: Bool {
    if case .unknown = answer { false } else { true }
  }
}

/// One look at a payment.
struct ReadRecord: Sendable, Equatable {
  let intent: String
  let status: String
  let version: UInt64
  let startedAt: Int64
  let endedAt: Int64
}

/// What another merchant was told about a payment that is not its own.
struct StrangerRecord: Sendable, Equatable {
  let intent: String
  /// `NOT_FOUND`, or whatever else.
  let answer: String
}

/// Everything that callers saw, in the order it ended.
final class CallHistory: Sendable {
  struct Records: Sendable {
    var calls: [CallRecord] = []
    var reads: [ReadRecord] = []
    var strangers: [StrangerRecord] = []
    /// Payments whose callers have all left.
    var ended = 0
  }

  private let state = Mutex(Records())

  func add(_ call: CallRecord) { state.withLock { $0.calls.append(call) } }
  func add(_ read: ReadRecord) { state.withLock { $0.reads.append(read) } }
  func endPayment() { state.withLock { $0.ended += 1 } }
  func add(_ stranger: StrangerRecord) { state.withLock { $0.strangers.append(stranger) } }

  var records: Records { state.withLock { $0 } }
}
