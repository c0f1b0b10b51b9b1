import Glibc
import InboundHTTP
import Seal

extension Announcer.Target {
  private static var answerSecondsMax: Int { 10 }

  /// Posts a body with the signature of `signed`. True for a 2xx answer.
  func post(_ body: [UInt8], signedAs signed: [UInt8]) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var limit = timeval(tv_sec: Self.answerSecondsMax, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var address = loopbackAddress(port)
    let isConnected = withUnsafeBytes(of: &address) { bytes in
      connect(
        descriptor,
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(MemoryLayout<sockaddr_in>.size)
      ) == 0
    }
    guard isConnected else { return false }
    var head = "POST \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\n"
    head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
    if let secret {
      // By the machine's clock: the receiver compares it with its own.
      let seconds = machineMilliseconds() / 1000
      let signature = Signatures.stripe(signed, seconds: seconds, secret: secret)
      head += "Stripe-Signature: \(signature)\r\n"
    }
    head += "User-Agent: gateway-sim\r\nConnection: close\r\n\r\n"
    guard sendAll(descriptor, Array(head.utf8) + body) else { return false }
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &answer, answer.count, 0)
    return count >= 12 && String(decoding: answer[..<12], as: UTF8.self).hasPrefix("HTTP/1.1 2")
  }

  /// `http://127.0.0.1:8080/stripe`; anything that is not loopback HTTP is refused, because
  /// nothing of a test gateway may leave the machine.
  init?(url: String, secret: SecretBytes?, types: Set<String>?) {
    guard url.hasPrefix("http://") else { return nil }
    let rest = url.dropFirst(7)
    let authority = rest.prefix { $0 != "/" }
    let parts = authority.split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1]), port > 0,
      parts[0] == "127.0.0.1" || parts[0] == "localhost"
    else { return nil }
    let path = rest.dropFirst(authority.count)
    self.init(
      port: port,
      host: String(parts[0]),
      path: path.isEmpty ? "/" : String(path),
      secret: secret,
      types: types
    )
  }
}
