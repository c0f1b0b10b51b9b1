import CCurl

/// Where a URL points, read by libcurl's own parser: what is checked and what is dialled cannot
/// differ by a second parser's opinion.
struct Endpoint: Sendable, Hashable {
  let scheme: String
  /// Without brackets.
  let host: String
  let port: UInt16

  static let urlBytesMax = 8_192

  /// Nil for anything but an absolute http or https URL without user, password or zone.
  init?(_ url: String) {
    guard url.utf8.count <= Self.urlBytesMax, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let handle = curl_url()
    else { return nil }
    defer { curl_url_cleanup(handle) }
    let strict = UInt32(CURLU_DISALLOW_USER)
    guard curl_url_set(handle, CURLUPART_URL, url, strict) == CURLUE_OK,
      let scheme = Self.part(handle, CURLUPART_SCHEME), scheme == "https" || scheme == "http",
      var host = Self.part(handle, CURLUPART_HOST), !host.isEmpty,
      let digits = Self.part(handle, CURLUPART_PORT), let port = UInt16(digits), port > 0,
      Self.part(handle, CURLUPART_ZONEID) == nil
    else { return nil }
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    self.scheme = scheme
    self.host = host
    self.port = port
  }

  private static func part(_ handle: OpaquePointer, _ part: CURLUPart) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK, let text
    else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}

extension OutboundRequest {
  static let headersMax = 64
  private static let reserved: Set<String> = [
    "expect", "content-length", "connection", "transfer-encoding", "te", "upgrade",
  ]

  /// Whether the headers can be sent as they are: no line breaks, nothing that frames the message.
  var hasSendableHeaders: Bool {
    headers.count <= Self.headersMax
      && headers.allSatisfy { field in
        !field.name.isEmpty && field.name.utf8.allSatisfy(Self.isTokenByte)
          && field.value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
          && !Self.reserved.contains(field.name.lowercased())
      }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
