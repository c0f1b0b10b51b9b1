package import Money

/// The body of an event: made once, stored, signed and sent byte for byte.
package enum EventBody {
  /// - Parameters:
  ///   - type: obeys `EventType`: nothing in it needs escaping.
  ///   - objectJSON: a JSON object, checked with `JSONCheck`.
  package static func bytes(
    type: String, id: EventID, createdAt: Timestamp, sequence: Int64, livemode: Bool,
    objectJSON: String
  ) -> [UInt8] {
    let text = """
      {"type":"\(type)","id":"\(id)","created":\(createdAt.seconds),"sequence":\(sequence),\
      "livemode":\(livemode),"data":{"object":\(objectJSON)}}
      """
    return Array(text.utf8)
  }
}

/// The body of a challenge, and what counts as its answer.
package enum Challenge {
  /// Letters of a challenge value: base 64 (url) of 24 random bytes.
  package static let randomBytes = 24
  package static let type = "endpoint.challenge"

  /// - Parameter value: base 64 (url): nothing in it needs escaping.
  package static func bytes(id: EventID, createdAt: Timestamp, value: String) -> [UInt8] {
    let text = """
      {"type":"\(type)","id":"\(id)","created":\(createdAt.seconds),\
      "data":{"challenge":"\(value)"}}
      """
    return Array(text.utf8)
  }

  /// True for status 200 with the value as the whole body, or with `{"challenge":"<value>"}`;
  /// white space does not count.
  package static func isAnswered(status: Int?, body: [UInt8], value: String) -> Bool {
    guard status == 200, !value.isEmpty else { return false }
    let text = body.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    return text == Array(value.utf8) || text == Array("{\"challenge\":\"\(value)\"}".utf8)
  }
}
