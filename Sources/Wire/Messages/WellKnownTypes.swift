package import Money

// The parts of google.protobuf that the generator cannot know.

extension GoogleProtobuf.Timestamp {
  /// To the microsecond.
  package init(_ timestamp: Timestamp) {
    self.init(seconds: timestamp.seconds, nanos: timestamp.nanosecondsOfSecond)
  }

  /// To the microsecond, rounded down.
  package var timestamp: Timestamp { Timestamp(seconds: seconds, nanoseconds: Int64(nanos)) }
}

extension Timestamp {
  package init(_ timestamp: GoogleProtobuf.Timestamp) { self = timestamp.timestamp }
}

extension GoogleProtobuf.Duration {
  package init(milliseconds: Int64) {
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    self.init(seconds: seconds, nanos: Int32(rest) * 1_000_000)
  }

  /// Rounded towards zero; the largest number when it does not fit.
  package var milliseconds: Int64 {
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    let (sum, overflowAgain) = whole.addingReportingOverflow(Int64(nanos) / 1_000_000)
    return overflow || overflowAgain ? (seconds < 0 ? .min : .max) : sum
  }
}

extension GoogleProtobuf.AnyValue {
  private static let typePrefix = "type.googleapis.com/"

  package init<M: WireMessage>(packing message: M) {
    self.init(typeURL: Self.typePrefix + M.fullName, value: message.encode())
  }

  /// Nil when it holds another type or cannot be decoded.
  package func unpack<M: WireMessage>(_ type: M.Type) -> M? {
    guard typeURL == Self.typePrefix + M.fullName else { return nil }
    return try? M(decoding: value, strict: false)
  }
}
