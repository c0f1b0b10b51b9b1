import Synchronization

/// One call of the load and what came of it, as its caller saw it.
struct CallRecord: Sendable, Equatable {
  enum Method: String, Sendable {
    case create, confirm, capture, cancel, refund
  }

  enum Answer: Sendable, Equatable {
    /// `bytes`: the whole answer, encoded.
    case intent(id: String, status: String, version: UInt64, bytes: [UInt8], isReplayed: Bool)
    case refund(
      id: String, status: String, amountMinor: Int64, version: UInt64, bytes: [UInt8],
      isReplayed: Bool)
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

  /// The answer of a payment that was stored before.
  var isReplay: Bool {
    if case .intent(_, _, _, _, let isReplayed) = answer { isReplayed } else { false }
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

/// A request that no state allows, and what was answered.
struct MisuseRecord: Sendable, Equatable {
  enum Kind: String, Sendable, CaseIterable {
    /// By a merchant whose payment it is not.
    case strangerReads, strangerRefunds
    case refundOfNothing, refundBelowNothing, refundInOtherCurrency

    var isStranger: Bool { self == .strangerReads || self == .strangerRefunds }

    /// Code and reason.
    var refusal: String {
      switch self {
      case .strangerReads, .strangerRefunds: "notFound PAYMENT_INTENT_NOT_FOUND"
      case .refundOfNothing, .refundBelowNothing: "invalidArgument AMOUNT_NOT_POSITIVE"
      case .refundInOtherCurrency: "invalidArgument CURRENCY_MISMATCH"
      }
    }
  }

  let kind: Kind
  let intent: String
  let answer: String
}

/// Everything that callers saw, in the order it ended.
final class CallHistory: Sendable {
  struct Records: Sendable {
    var calls: [CallRecord] = []
    var reads: [ReadRecord] = []
    var misuses: [MisuseRecord] = []
    /// Payments whose callers have all left.
    var ended = 0
  }

  private let state = Mutex(Records())

  func add(_ call: CallRecord) { state.withLock { $0.calls.append(call) } }
  func add(_ read: ReadRecord) { state.withLock { $0.reads.append(read) } }
  func endPayment() { state.withLock { $0.ended += 1 } }
  func add(_ misuse: MisuseRecord) { state.withLock { $0.misuses.append(misuse) } }

  /// Whether some caller was told for good what became of a key.
  func isAnswered(_ key: String, merchant: Int) -> Bool {
    state.withLock {
      $0.calls.contains { $0.key == key && $0.merchant == merchant && $0.isDefinite }
    }
  }

  /// Payments that callers know of, with their merchants' places.
  var known: [String: Int] {
    state.withLock { records in
      var known: [String: Int] = [:]
      for call in records.calls {
        if case .intent(let id, _, _, _, _) = call.answer { known[id] = call.merchant }
      }
      return known
    }
  }

  var records: Records { state.withLock { $0 } }
}
