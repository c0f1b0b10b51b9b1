internal import CNghttp2

/// A failure of the HTTP/2 connection as a whole. The text is nghttp2's and holds no peer's data.
struct HTTP2Error: Error, CustomStringConvertible {
  let code: Int32

  var description: String { "HTTP/2: \(String(cString: nghttp2_strerror(code)))" }
}

/// RFC 9113's error codes that the transport sends.
enum HTTP2ErrorCode: UInt32 {
  case noError = 0x0
  case protocolError = 0x1
  case internalError = 0x2
  case refusedStream = 0x7
  case cancel = 0x8
  case enhanceYourCalm = 0xB
}
