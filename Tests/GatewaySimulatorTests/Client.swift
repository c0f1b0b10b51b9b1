import Foundation
import Glibc
import InboundHTTP
import Seal

@testable import GatewaySimulator

/// What a client sees of one exchange, down to the socket.
enum Seen: Equatable {
  case answer(Int)
  /// The connection ended before the first byte.
  case empty
  /// Fewer bytes than announced.
  case short
  case reset
  case silent
  case refused
}

struct Answer {
  var seen: Seen
  var headers: [String: String] = [:]
  var body: [UInt8] = []

  var status: Int { if case .answer(let status) = seen { status } else { 0 } }
  var json: JSON { JSON(parsing: body) ?? .null }
  var text: String { String(decoding: body, as: UTF8.self) }
}

/// One blocking HTTP/1.1 connection, so that tests see what happens on the wire.
final class Connection {
  private var descriptor: Int32 = -1
  private let port: UInt16
  private let limitMilliseconds: Int

  init(port: UInt16, limitMilliseconds: Int = 60_000) {
    self.port = port
    self.limitMilliseconds = limitMilliseconds
  }

  deinit { end() }

  func end() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  func open() -> Bool {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(
      tv_sec: limitMilliseconds / 1000,
      tv_usec: (limitMilliseconds % 1000) * 1000
    )
    setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_RCVTIMEO,
      &limit,
      socklen_t(MemoryLayout<timeval>.size)
    )
    var address = loopbackAddress(port)
    return withUnsafeBytes(of: &address) { bytes in
      connect(
        descriptor,
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(MemoryLayout<sockaddr_in>.size)
      ) == 0
    }
  }

  @discardableResult
  func send(
    _ method: String,
    _ path: String,
    headers: [String: String] = [:],
    body: String = ""
  ) -> Bool {
    if descriptor < 0, !open() { return false }
    var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if method == "POST" { head += "Content-Length: \(body.utf8.count)\r\n" }
    return sendAll(descriptor, Array((head + "\r\n" + body).utf8))
  }

  func sendRaw(_ text: String) { _ = sendAll(descriptor, Array(text.utf8)) }

  func receive() -> Answer {
    var bytes: [UInt8] = []
    while true {
      if let answer = Connection.whole(bytes) { return answer }
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count > 0 {
        bytes += chunk[..<count]
        continue
      }
      let code = errno
      defer { end() }
      if count == 0 { return Answer(seen: bytes.isEmpty ? .empty : .short) }
      return Answer(seen: code == ECONNRESET ? .reset : .silent)
    }
  }

  func exchange(
    _ method: String,
    _ path: String,
    headers: [String: String] = [:],
    body: String = ""
  ) -> Answer {
    send(method, path, headers: headers, body: body) ? receive() : Answer(seen: .refused)
  }

  private static func whole(_ bytes: [UInt8]) -> Answer? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    var lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
    var headers: [String: String] = [:]
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    let start = text[..<end.upperBound].utf8.count
    let length = Int(headers["content-length"] ?? "0") ?? 0
    guard bytes.count >= start + length else { return nil }
    return Answer(
      seen: .answer(status),
      headers: headers,
      body: Array(bytes[start..<(start + length)])
    )
  }
}

/// Both gateways in this process on free ports, with empty books.
final class Gateways {
  static let merchantAccount = "TestMerchant"
  static let webhookSecret = "whsec_test_secret"
  static let hmacKey = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"

  let simulator: Simulator
  let path: String

  init(webhookPort: UInt16? = nil, events: Set<String>? = nil) throws {
    path = NSTemporaryDirectory() + "books-\(UUID().uuidString)"
    var settings = Gateways.settings(path)
    if let webhookPort {
      settings.stripeWebhookURL = "http://127.0.0.1:\(webhookPort)/stripe"
      settings.adyenWebhookURL = "http://127.0.0.1:\(webhookPort)/adyen"
    }
    settings.stripeWebhookEvents = events
    simulator = try Simulator(settings)
  }

  deinit {
    simulator.stop()
    unlink(path)
  }

  static func settings(_ path: String) -> SimulatorSettings {
    var settings = SimulatorSettings(
      booksPath: path,
      stripeKey: SecretBytes(text: "sk_test_1"),
      adyenKey: SecretBytes(text: "adyen_key"),
      adyenMerchantAccount: merchantAccount
    )
    settings.stripeWebhookSecret = SecretBytes(text: webhookSecret)
    settings.adyenSigningKey = Hex.decode(hmacKey).map { SecretBytes($0) }
    return settings
  }

  var ports: Ports {
    Ports(
      stripe: simulator.stripePort,
      adyen: simulator.adyenPort,
      control: simulator.controlPort
    )
  }
}

/// The three ports and how to talk to each.
struct Ports {
  let stripe: UInt16
  let adyen: UInt16
  let control: UInt16

  static func stripeHeaders(_ key: String?) -> [String: String] {
    var headers = [
      "Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded",
    ]
    headers["Idempotency-Key"] = key
    return headers
  }

  static func adyenHeaders(_ key: String?) -> [String: String] {
    var headers = ["X-API-Key": "adyen_key", "Content-Type": "application/json"]
    headers["Idempotency-Key"] = key
    return headers
  }

  @discardableResult
  func stripe(
    _ method: String,
    _ path: String,
    _ body: String = "",
    key: String? = nil,
    limitMilliseconds: Int = 60_000
  ) -> Answer {
    Connection(port: stripe, limitMilliseconds: limitMilliseconds)
      .exchange(method, path, headers: Ports.stripeHeaders(key), body: body)
  }

  @discardableResult
  func adyen(
    _ path: String,
    _ body: String,
    key: String? = nil,
    limitMilliseconds: Int = 60_000
  ) -> Answer {
    Connection(port: adyen, limitMilliseconds: limitMilliseconds)
      .exchange("POST", "/v71" + path, headers: Ports.adyenHeaders(key), body: body)
  }

  @discardableResult
  func control(_ method: String, _ path: String, _ body: String = "") -> Answer {
    Connection(port: control).exchange(method, path, body: body)
  }

  func summary(_ query: String = "") -> JSON { control("GET", "/books/summary" + query).json }

  func payment(_ id: String) -> JSON? {
    control("GET", "/books").json["payments"]?.items?.first { $0["id"]?.text == id }
  }

  /// Asks again until `condition` holds; the duties of the simulator run on their own thread.
  func eventually(_ condition: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(60)
    while Date() < end {
      if condition() { return true }
      usleep(5000)
    }
    return false
  }
}

func stripePayment(
  _ method: String = "pm_card_visa",
  amount: Int = 4999,
  capture: String = "automatic",
  extra: String = ""
) -> String {
  "amount=\(amount)&currency=eur&confirm=true&payment_method=\(method)&capture_method=\(capture)"
    + "&metadata[intent]=pi1&metadata[operation]=op1&metadata[reference]=ref1" + extra
}

func adyenPayment(
  _ method: String = "stored_visa",
  amount: Int = 4999,
  manual: Bool = true,
  reference: String = "ref1",
  extra: String = ""
) -> String {
  """
  {"amount":{"value":\(amount),"currency":"EUR"},"reference":"\(reference)",\
  "merchantAccount":"TestMerchant","paymentMethod":{"type":"scheme",\
  "storedPaymentMethodId":"\(method)"},"additionalData":{"manualCapture":"\(manual)"},\
  "metadata":{"intent":"pi1","operation":"op1"}\(extra)}
  """
}

func adyenChange(_ amount: Int? = nil, reference: String = "change1") -> String {
  let money = amount.map { ",\"amount\":{\"value\":\($0),\"currency\":\"EUR\"}" } ?? ""
  return "{\"merchantAccount\":\"TestMerchant\",\"reference\":\"\(reference)\"\(money)}"
}
