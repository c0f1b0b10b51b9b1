import InboundHTTP

/// The page of the payer's bank (3DS), on each gateway's own port: one form, approve or refuse. Needs
/// no key: whoever has its address is the payer.
struct ChallengePage: Sendable {
  static let folder = "3ds"

  private let token: String
  private let isPost: Bool
  private let answer: String?

  /// Nil for a request to the gateway's API.
  init?(_ request: Request) {
    let segments = request.segments
    guard segments.count == 2, segments[0] == Self.folder,
      request.method == "GET" || request.method == "POST"
    else { return nil }
    token = segments[1]
    isPost = request.method == "POST"
    answer = isPost ? formDecoded(request.body[...])?.last { $0.name == "answer" }?.value : nil
  }

  /// A new page's address; as the client has addressed the gateway.
  static func address(host: String) -> String {
    "http://\(host)/\(folder)/" + randomText(32, lettersAndDigits)
  }

  static func token(of address: String) -> String {
    address.split(separator: "/").last.map(String.init) ?? ""
  }

  func respond(_ api: any GatewayAPI, _ core: Core) -> Response {
    let shown = core.commit { books, now -> Shown in
      guard let id = books.paymentOfChallenge[token], let payment = books.payments[id],
        payment.gateway == api.gateway, payment.challenge.map(Self.token) == token
      else { return .unknown }
      if !isPost { return payment.isAtChallenge ? .page(payment) : .over(payment) }
      guard answer == "approve" || answer == "refuse" else { return .unclear }
      if payment.isAtChallenge {
        api.challenge(id, succeeds: answer == "approve", &books, now: now)
      }
      // Who presses twice is sent back twice.
      return books.payments[id].flatMap { api.returnAddress($0) }.map { .back($0) }
        ?? .over(payment)
    }
    switch shown {
    case .page(let payment): return page(payment)
    case .back(let address):
      return Response(
        status: 303, headers: [("Location", address)], contentType: Self.contentType, body: [])
    case .over(let payment):
      return html(410, "<p>Nothing is to be done any more: \(payment.status.rawValue).</p>")
    case .unclear: return html(400, "<p>The form says <code>answer</code>: approve or refuse.</p>")
    case .unknown: return html(404, "<p>There is no such page.</p>")
    case nil: return html(500, "<p>The disk under the books failed.</p>")
    }
  }

  private enum Shown {
    case page(Payment)
    case back(String)
    case over(Payment)
    case unclear
    case unknown
  }

  private static let contentType = "text/html; charset=utf-8"

  private func page(_ payment: Payment) -> Response {
    html(
      200,
      """
      <p>A test bank asks: pay \(payment.amount) minor units of \(payment.currency)?</p>
      <form method="post" action="/\(Self.folder)/\(token)">
      <button name="answer" value="approve">approve</button>
      <button name="answer" value="refuse">refuse</button>
      </form>
      """)
  }

  private func html(_ status: Int, _ body: String) -> Response {
    let text =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>3DS</title></head>"
      + "<body>\(body)</body></html>\n"
    return Response(
      status: status, headers: [("Cache-Control", "no-store")], contentType: Self.contentType,
      body: Array(text.utf8))
  }
}

extension Payment {
  /// Its payer has something to do and has not done it.
  var isAtChallenge: Bool { status == .requiresAction && challengeAnswer == nil }

  /// `address` with parameters of the gateway's behind whatever query it has.
  static func appending(_ parameters: [(String, String)], to address: String) -> String {
    let query = parameters.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
    return address + (address.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + query
  }

  private static func percentEncoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default:
        let digits = Array("0123456789ABCDEF".utf8)
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
