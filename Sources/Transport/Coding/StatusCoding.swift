internal import GRPCCore

/// Status codes between the wire, HTTP/2 and GRPCCore.
enum StatusCoding {
  /// A `grpc-status` value: one or two digits; anything else, however long, is `unknown`.
  static func parse(_ bytes: some Collection<UInt8>) -> Status.Code {
    guard bytes.count == 1 || bytes.count == 2 else { return .unknown }
    var number = 0
    for byte in bytes {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return .unknown }
      number = number * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return Status.Code(rawValue: number) ?? .unknown
  }

  /// What the end of a stream by RST_STREAM means to a caller.
  static func status(resetCode: UInt32) -> Status {
    switch resetCode {
    case 0x7:
      Status(code: .unavailable, message: "The peer refused the stream; nothing was processed.")
    case 0x8: Status(code: .cancelled, message: "The peer cancelled the call.")
    case 0xB: Status(code: .resourceExhausted, message: "The peer asks for calm.")
    case 0xC: Status(code: .permissionDenied, message: "The peer requires more security.")
    default: Status(code: .internalError, message: "The stream was reset (code \(resetCode)).")
    }
  }

  /// A `:status` value of three digits; nil when it is none.
  static func parseHTTPStatus(_ bytes: some Collection<UInt8>) -> Int? {
    guard bytes.count == 3 else { return nil }
    var number = 0
    for byte in bytes {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      number = number * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return number
  }
}
