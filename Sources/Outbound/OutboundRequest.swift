/// One HTTP/1.1 call. Printing it shows the method and the size of the body only: the URL's path,
/// headers and body may be secret.
package struct OutboundRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether a second arrival changes nothing, so that libcurl may send it again by itself.
    package var isReadOnly: Bool { self == .get || self == .head }
  }

  package var method: Method
  /// Absolute, http or https, without user and password.
  package var url: String
  /// In order; names and values are sent as they are. `Expect`, `Content-Length`, `Connection` and
  /// `Transfer-Encoding` are not allowed; `Host` is derived from the URL unless given.
  package var headers: [HeaderField]
  package var body: [UInt8]
  /// For everything: waiting for a place, resolving, connecting, head and body. Bounded by the
  /// task's deadline as well.
  package var timeout: Duration
  /// Bytes of the response body that are kept; a longer body ends the transfer.
  package var responseBytesMax: Int
  /// The addresses that may be dialled; nil for hosts that the operator has configured.
  package var addressPolicy: AddressPolicy?

  package static let responseBytesMaxDefault = 1 << 20

  package init(
    _ method: Method, _ url: String, headers: [HeaderField] = [], body: [UInt8] = [],
    timeout: Duration, responseBytesMax: Int = responseBytesMaxDefault,
    addressPolicy: AddressPolicy? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.responseBytesMax = responseBytesMax
    self.addressPolicy = addressPolicy
  }
}

extension OutboundRequest: CustomStringConvertible {
  package var description: String { "\(method.rawValue), \(body.count) bytes" }
}

/// One header line. Printing it shows the name only.
package struct HeaderField: Sendable, Hashable {
  package let name: String
  package let value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension HeaderField: CustomStringConvertible {
  package var description: String { name }
}

extension HeaderField: CustomDebugStringConvertible {
  package var debugDescription: String { name }
}
