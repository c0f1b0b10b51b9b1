import InboundHTTP
import Seal

/// Adyen Checkout v71, as far as the adapter goes.
struct AdyenAPI: GatewayAPI {
  let key: SecretBytes
  let merchantAccount: String
  /// nil: notifications are not signed.
  let signingKey: SecretBytes?
  let announces: Bool
  let tuning: Monitor<Tuning>

  var gateway: Gateway { .adyen }
  var answersKeptMilliseconds: Int64 { 7 * 24 * 3_600_000 }
  var storesFailures: Bool { false }

  static let keyLengthMax = 64
  static let referenceLengthMax = 80
  static let returnURLLengthMax = 1_024

  func route(_ request: Request) -> Routing {
    guard matches(key, Array((request.header("x-api-key") ?? "").utf8)) else {
      return .refused(
        AdyenError(
          status: 401,
          code: "000",
          message: "HTTP Status Response - Unauthorized",
          type: "security"
        ).response
      )
    }
    if let report = routeReport(request) { return report }
    guard request.method == "POST",
      let (operation, target) = AdyenAPI.operation(request.segments)
    else {
      return .refused(
        AdyenError(status: 404, code: "000", message: "Not Found", type: "validation").response
      )
    }
    guard let json = JSON(parsing: request.body), case .object = json else {
      return .refused(
        AdyenError(
          status: 400,
          code: "702",
          message: "Required object is not provided or not JSON",
          type: "validation"
        ).response
      )
    }
    // What payers bring back names its payment by itself.
    guard operation == .details || json["merchantAccount"]?.text == merchantAccount else {
      return .refused(
        AdyenError(
          status: 403,
          code: "901",
          message: "Invalid Merchant Account",
          type: "security"
        ).response
      )
    }
    var call = Call(
      operation: operation,
      target: target,
      facts: FaultFacts(gateway: .adyen, operation: operation)
    )
    call.json = json
    return keyed(call, request)
  }

  private func keyed(_ call: Call, _ request: Request) -> Routing {
    var call = call
    if let key = request.header("idempotency-key"), !key.isEmpty {
      guard key.utf8.count <= AdyenAPI.keyLengthMax else {
        return .refused(
          AdyenError(
            code: "704",
            message: "Idempotency key is longer than \(AdyenAPI.keyLengthMax).",
            type: "validation"
          ).response
        )
      }
      call.idempotencyKey = key
    }
    call.endpoint = hash64("POST \(request.path)".utf8)
    call.fingerprint = hash64(request.body)
    call.facts.idempotencyKey = call.idempotencyKey
    call.facts.amount = call.json["amount"]?["value"]?.int
    call.facts.currency = call.json["amount"]?["currency"]?.text
    call.facts.metadata = call.json["metadata"]?.pairs ?? []
    call.facts.method = call.json["paymentMethod"]?["storedPaymentMethodId"]?.text
    switch call.operation {
    case .authorize: call.facts.reference = call.json["reference"]?.text ?? ""
    case .technicalCancel: call.facts.reference = call.json["paymentReference"]?.text ?? ""
    default: break
    }
    return .call(call)
  }

  /// The path of the test system begins with the version, the live one with `checkout`.
  private static func operation(_ path: [String]) -> (Operation, String?)? {
    let path = path.first == "checkout" ? Array(path.dropFirst()) : path
    guard path.first == "v71", path.count >= 2 else { return nil }
    switch (path[1], path.count, path.count == 4 ? path[3] : "") {
    case ("payments", 2, _): return (.authorize, nil)
    case ("payments", 3, _) where path[2] == "details": return (.details, nil)
    case ("cancels", 2, _): return (.technicalCancel, nil)
    case ("payments", 4, "captures"): return (.capture, path[2])
    case ("payments", 4, "cancels"): return (.cancel, path[2])
    case ("payments", 4, "refunds"): return (.refund, path[2])
    case ("payments", 4, "reversals"): return (.reversal, path[2])
    default: return nil
    }
  }

  func execute(_ call: Call, fault: Fault?, _ books: inout Books, now: Int64) -> Outcome {
    switch call.operation {
    case .authorize: authorize(call, &books, now)
    case .details: details(call, &books, now)
    case .report: report(call, books)
    default: modify(call, fault: fault, &books, now)
    }
  }

  func troubled(_ trouble: KeyTrouble, _ call: Call) -> Response {
    var response = AdyenError(
      code: "704",
      message: "Request already processed or in progress",
      type: "validation"
    ).response
    if trouble == .inUse { response.headers.append(("transient-error", "true")) }
    return response
  }

  func failure(_ fault: Fault, _ call: Call) -> Response {
    var response: Response
    switch fault {
    case .keyReused: response = troubled(.reused, call)
    case .notFound:
      response =
        AdyenError(
          code: "167", message: "Original pspReference required for this operation",
          type: "validation"
        ).response
    case .rateLimited, .rateLimitedReplay:
      response =
        AdyenError(status: 429, code: "905_3", message: "Too many requests", type: "security")
        .response
    case .unavailable:
      response =
        AdyenError(
          status: 503,
          code: "703",
          message: "Required resource temporarily unavailable",
          type: "internal"
        ).response
      response.headers.append(("transient-error", "true"))
    case .keyInUse:
      response =
        AdyenError(
          code: "704",
          message: "Request already processed or in progress",
          type: "validation"
        ).response
      response.headers.append(("transient-error", "true"))
    default:
      response =
        AdyenError(status: 500, code: "905", message: "Internal error", type: "internal")
        .response
    }
    return response
  }

  func dress(_ response: inout Response, _ call: Call, isReplay: Bool) {
    // The echoed key is all that shows a replay; the body is the first one's.
    if let key = call.idempotencyKey { response.headers.append(("idempotency-key", key)) }
  }

  func authenticate(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64) -> Bool {
    guard var payment = books.payments[id], payment.gateway == .adyen,
      payment.status == .requiresAction
    else { return false }
    if succeeds {
      approve(&payment, now)
    } else {
      payment.status = .refused
      payment.refusal = "authentication_required"
    }
    books.put(.payment(payment))
    announceAuthorisation(payment, &books, now)
    return true
  }
}

/// Adyen's error body.
struct AdyenError {
  var status = 422
  let code: String
  let message: String
  let type: String

  var response: Response {
    .json(status) { out in
      out.number("status", Int64(status))
      out.text("errorCode", code)
      out.text("message", message)
      out.text("errorType", type)
    }
  }

  var unstored: Outcome { Outcome(response: response, isStored: false) }
}
