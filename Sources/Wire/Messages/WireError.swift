/// Why a message was refused. It names the field, never the value.
package struct WireError: Error, Equatable, Sendable {
  /// In the order in which they are looked for; `missing` to `cardData` field by field.
  package enum Reason: String, Sendable, CaseIterable {
    /// The encoding is longer than the method allows.
    case messageTooLong = "MESSAGE_TOO_LONG"
    /// Not an encoding of this message.
    case malformed = "MESSAGE_MALFORMED"
    /// The decoded message would take more memory than the method allows.
    case memoryExhausted = "MESSAGE_TOO_COMPLEX"
    case missing = "FIELD_REQUIRED"
    case tooMany = "FIELD_TOO_MANY"
    case tooLong = "FIELD_TOO_LONG"
    case invalidUTF8 = "TEXT_INVALID_UTF8"
    case containsNUL = "TEXT_CONTAINS_NUL"
    case invalidID = "ID_INVALID"
    case cardData = "SENSITIVE_DATA_REJECTED"
    case unknownEnum = "ENUM_UNKNOWN"
    case outOfRange = "NUMBER_OUT_OF_RANGE"
  }

  package let reason: Reason
  /// Such as `entries[3].amount.currency`; empty when it is about the whole message.
  package private(set) var path: String

  package init(_ reason: Reason, at path: String = "") {
    self.reason = reason
    self.path = path
  }

  /// The same error seen from the message that holds the field.
  func inside(_ field: StaticString, index: Int? = nil) -> WireError {
    var error = self
    let place = index.map { "\(field)[\($0)]" } ?? "\(field)"
    error.path = path.isEmpty ? place : "\(place).\(path)"
    return error
  }

  /// Refused for its size rather than for what it says: RESOURCE_EXHAUSTED.
  package var isTooLarge: Bool { reason == .messageTooLong || reason == .memoryExhausted }

  /// What is wrong, for people.
  package var explanation: String {
    switch reason {
    case .messageTooLong: "the message is longer than the method allows"
    case .malformed: "the message cannot be decoded"
    case .memoryExhausted: "the message takes more memory than the method allows"
    case .missing: "must be given"
    case .tooMany: "has too many elements"
    case .tooLong: "is too long"
    case .invalidUTF8: "is not UTF-8"
    case .containsNUL: "contains a NUL character"
    case .invalidID: "is not an id of this kind"
    case .cardData: "looks like a card number, which is never accepted"
    case .unknownEnum: "is not a known value"
    case .outOfRange: "is out of range"
    }
  }
}
