/// A request as it came in.
package struct Request: Sendable {
  package var method: String
  /// Without the query, still percent-encoded.
  package var path: String
  package var query: [(name: String, value: String)] = []
  /// Names in lower case.
  package var headers: [(name: String, value: String)] = []
  package var body: [UInt8] = []
  package var keepsAlive = true

  package init(
    method: String, path: String, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: [UInt8] = [], keepsAlive: Bool = true
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
    self.keepsAlive = keepsAlive
  }

  package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
  package func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// `/v1/payment_intents/pi_1` → ["v1", "payment_intents", "pi_1"]
  package var segments: [String] { path.split(separator: "/").map(String.init) }
}

/// An answer before it is put on the wire.
package struct Response: Sendable {
  package var status: Int
  package var headers: [(name: String, value: String)] = []
  package var contentType = "application/json"
  package var body: [UInt8]

  package init(
    status: Int, headers: [(name: String, value: String)] = [],
    contentType: String = "application/json", body: [UInt8]
  ) {
    self.status = status
    self.headers = headers
    self.contentType = contentType
    self.body = body
  }

  package func bytes(keepsAlive: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256 + body.count)
    func add(_ text: String) { bytes.append(contentsOf: text.utf8) }
    add("HTTP/1.1 \(status) \(Response.reason(status))\r\n")
    add("Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n")
    for header in headers {
      add(header.name)
      add(": ")
      add(header.value)
      add("\r\n")
    }
    add(keepsAlive ? "\r\n" : "Connection: close\r\n\r\n")
    bytes.append(contentsOf: body)
    return bytes
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 303: "See Other"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 413: "Content Too Large"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Entity"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}

/// How an answer leaves, or does not.
package enum Delivery: Sendable, Equatable {
  case whole
  /// Whole, but only after a while.
  case late(milliseconds: Int64)
  /// The announced length, then fewer bytes, then the end of the connection.
  case cut
  /// The connection ends without a byte; by RST if `reset`.
  case closed(reset: Bool)
  /// Nothing, until the client gives up.
  case silence
}

package struct Exchange: Sendable {
  package var response: Response
  package var delivery: Delivery = .whole

  package init(response: Response, delivery: Delivery = .whole) {
    self.response = response
    self.delivery = delivery
  }
}

/// What the handler may know of the connection.
package struct ConnectionFacts: Sendable {
  /// Requests answered on it before this one; above 0 the connection was kept alive.
  package let served: Int
}

/// `a%20b+c` → `a b c`; nil if an escape is broken or the result is no UTF-8.
package func percentDecoded(_ bytes: ArraySlice<UInt8>) -> String? {
  guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
    return String(validating: bytes, as: UTF8.self)
  }
  var result: [UInt8] = []
  result.reserveCapacity(bytes.count)
  var index = bytes.startIndex
  while index < bytes.endIndex {
    if bytes[index] == UInt8(ascii: "%") {
      guard index + 2 < bytes.endIndex, let high = hexDigit(bytes[index + 1]),
        let low = hexDigit(bytes[index + 2])
      else { return nil }
      result.append(high << 4 | low)
      index += 3
    } else {
      result.append(bytes[index] == UInt8(ascii: "+") ? 0x20 : bytes[index])
      index += 1
    }
  }
  return String(validating: result, as: UTF8.self)
}

package func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// `a=1&b%5Bc%5D=2` → [("a","1"), ("b[c]","2")], in order; nil if malformed.
package func formDecoded(_ bytes: ArraySlice<UInt8>) -> [(name: String, value: String)]? {
  var fields: [(name: String, value: String)] = []
  for part in bytes.split(separator: UInt8(ascii: "&")) {
    let halves = part.split(
      separator: UInt8(ascii: "="),
      maxSplits: 1,
      omittingEmptySubsequences: false
    )
    guard let name = percentDecoded(halves[0]),
      let value = halves.count == 2 ? percentDecoded(halves[1]) : ""
    else { return nil }
    fields.append((name, value))
  }
  return fields
}
