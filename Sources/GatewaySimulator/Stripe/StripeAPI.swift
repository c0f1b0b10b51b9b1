import InboundHTTP
import Seal

/// Stripe's `/v1`, as far as the adapter goes.
struct StripeAPI: GatewayAPI {
  let key: SecretBytes
  /// Whether somebody listens to webhooks.
  let announces: Bool
  /// The types they have chosen; nil: all.
  var announcedTypes: Set<String>?
  let tuning: Monitor<Tuning>

  var gateway: Gateway { .stripe }
  var answersKeptMilliseconds: Int64 { 24 * 3_600_000 }
  var storesFailures: Bool { true }

  /// A hold on a card that nobody captured lets go after this long.
  static let holdMilliseconds: Int64 = 7 * 24 * 3_600_000
  static let keyLengthMax = 255

  func route(_ request: Request) -> Routing {
    guard hasAccess(request) else {
      return .refused(
        StripeError(
          status: 401,
          message:
            "Invalid API Key provided. Use the header 'Authorization: Bearer YOUR_SECRET_KEY'."
        ).response
      )
    }
    let segments = request.segments
    guard let (operation, target) = StripeAPI.operation(request.method, segments) else {
      return .refused(
        StripeError(
          status: 404,
          message: "Unrecognized request URL (\(request.method): \(request.path))."
        ).response
      )
    }
    var call = Call(
      operation: operation,
      target: target,
      facts: FaultFacts(gateway: .stripe, operation: operation)
    )
    if request.method == "GET" {
      call.form = Form(fields: request.query)
      return .call(call)
    }
    guard let fields = formDecoded(request.body[...]) else {
      return .refused(StripeError(message: "Invalid request body.").response)
    }
    call.form = Form(fields: fields + request.query)
    return keyed(call, request)
  }

  private func hasAccess(_ request: Request) -> Bool {
    guard let header = request.header("authorization") else { return false }
    if header.hasPrefix("Bearer ") { return matches(key, Array(header.utf8.dropFirst(7))) }
    guard header.hasPrefix("Basic "), let bytes = Base64.decode(String(header.dropFirst(6))) else {
      return false
    }
    // The key is the user name of basic authentication.
    return matches(key, Array(bytes.prefix { $0 != UInt8(ascii: ":") }))
  }

  private func keyed(_ call: Call, _ request: Request) -> Routing {
    var call = call
    if let key = request.header("idempotency-key"), !key.isEmpty {
      guard key.utf8.count <= StripeAPI.keyLengthMax else {
        return .refused(
          StripeError(
            type: "idempotency_error",
            message: "Idempotency keys may be at most \(StripeAPI.keyLengthMax) characters."
          ).response
        )
      }
      call.idempotencyKey = key
    }
    call.endpoint = hash64("POST \(request.path)".utf8)
    // A sum, so that the order of the parameters does not matter.
    call.fingerprint = call.form.fields.reduce(0) { sum, field in
      sum &+ hash64(field.value.utf8, seed: hash64(field.name.utf8))
    }
    call.facts.metadata = call.form.pairs("metadata")
    call.facts.amount = (call.form["amount"] ?? call.form["amount_to_capture"]).flatMap {
      Int64($0)
    }
    call.facts.currency = call.form["currency"]?.uppercased()
    call.facts.idempotencyKey = call.idempotencyKey
    call.facts.method = call.form["payment_method"]
    call.facts.reference = StripeAPI.reference(call)
    if call.operation == .refund { call.target = call.form["payment_intent"] }
    if call.operation == .create, call.form["confirm"] == "true" {
      call.facts.operation = .authorize
    }
    return .call(call)
  }

  /// Stripe has no reference of its own: the metadata's, else the key of the request.
  static func reference(_ call: Call) -> String {
    let metadata = call.form.pairs("metadata")
    for name in ["reference", "attempt"] {
      if let value = metadata.first(where: { $0.0 == name || $0.0.hasSuffix("_" + name) })?.1 {
        return value
      }
    }
    return call.operation == .create ? call.idempotencyKey ?? "" : ""
  }

  private static func operation(
    _ method: String,
    _ path: [String]
  ) -> (Operation, String?)? {
    guard path.first == "v1", path.count >= 2 else { return nil }
    let action = path.count == 4 ? path[3] : nil
    switch (method, path[1], path.count, action) {
    case ("POST", "payment_intents", 2, nil): return (.create, nil)
    case ("GET", "payment_intents", 3, nil):
      return path[2] == "search" ? (.list, path[2]) : (.retrieve, path[2])
    case ("POST", "payment_intents", 4, "confirm"): return (.confirm, path[2])
    case ("POST", "payment_intents", 4, "capture"): return (.capture, path[2])
    case ("POST", "payment_intents", 4, "cancel"): return (.cancel, path[2])
    case ("POST", "refunds", 2, nil): return (.refund, nil)
    case ("GET", "refunds", 3, nil), ("GET", "charges", 3, nil), ("GET", "setup_intents", 3, nil),
      ("GET", "events", 3, nil), ("GET", "disputes", 3, nil):
      return (.retrieve, path[2])
    case ("POST", "setup_intents", 2, nil): return (.setup, nil)
    case ("POST", "reporting", 3, nil) where path[2] == "report_runs": return (.report, nil)
    case ("GET", "reporting", 4, let run?) where path[2] == "report_runs":
      return (.retrieve, run)
    case ("GET", "files", 4, "contents"): return (.report, path[2])
    case ("GET", "events", 2, nil), ("GET", "refunds", 2, nil), ("GET", "payment_intents", 2, nil),
      ("GET", "disputes", 2, nil):
      return (.list, path[1])
    default: return nil
    }
  }

  func execute(_ call: Call, fault: Fault?, _ books: inout Books, now: Int64) -> Outcome {
    switch call.operation {
    case .create: create(call, isUndecided: fault == .timeoutUndecided, &books, now)
    case .confirm: onPayment(call, &books) { confirm($0, call, &$1, now) }
    case .capture: onPayment(call, &books) { capture($0, call, &$1, now) }
    case .cancel: onPayment(call, &books) { cancel($0, call, &$1, now) }
    case .refund: refund(call, failsLate: fault == .modificationFailsLate, &books, now)
    case .setup: setUp(call, &books, now)
    case .retrieve: retrieveRun(call.target ?? "", now) ?? retrieve(call, books)
    case .report: call.target == nil ? createRun(call, now) : contents(call, books)
    case .list: list(call, books, now)
    default: StripeError(status: 404, message: "Unrecognized request URL.").unstored
    }
  }

  private func onPayment(
    _ call: Call,
    _ books: inout Books,
    _ body: (Payment, inout Books) -> Outcome
  ) -> Outcome {
    let id = call.target ?? ""
    guard let payment = books.payments[id], payment.gateway == .stripe else {
      return StripeError.noSuch("payment_intent", id, parameter: "intent", status: 404).unstored
    }
    return body(payment, &books)
  }

  func troubled(_ trouble: KeyTrouble, _ call: Call) -> Response {
    let key = call.idempotencyKey ?? ""
    switch trouble {
    case .inUse: return inUse(key)
    case .reused:
      return StripeError(
        type: "idempotency_error",
        message:
          "Keys for idempotent requests can only be used with the same endpoint and the same "
          + "parameters they were first used with. Try using a key other than '\(key)'."
      ).response
    }
  }

  private func inUse(_ key: String) -> Response {
    StripeError(
      status: 409,
      type: "idempotency_error",
      code: "idempotency_key_in_use",
      message: "There is currently another in-progress request using this Idempotent Key: \(key)."
    ).response
  }

  func failure(_ fault: Fault, _ call: Call) -> Response {
    switch fault {
    case .keyReused: troubled(.reused, call)
    case .notFound where call.operation == .list:
      StripeObjects.list("/v1/" + (call.target ?? ""), hasMore: false) { _ in }
    case .notFound:
      StripeError.noSuch("object", call.target ?? "", parameter: "id", status: 404).response
    case .rateLimited, .rateLimitedReplay:
      StripeError(
        status: 429,
        code: "rate_limit",
        message: "Request rate limit exceeded. You can retry the request later."
      ).response
    case .unavailable:
      StripeError(status: 503, type: "api_error", message: "Stripe is unavailable.").response
    case .keyInUse: inUse("")
    default:
      StripeError(
        status: 500,
        type: "api_error",
        message: "An unknown error occurred on Stripe's side."
      ).response
    }
  }

  func dress(_ response: inout Response, _ call: Call, isReplay: Bool) {
    response.headers.append(("request-id", "req_" + randomText(14, lettersAndDigits)))
    response.headers.append(("stripe-version", "2026-10-28.endive"))
    if let key = call.idempotencyKey { response.headers.append(("idempotency-key", key)) }
    if isReplay { response.headers.append(("idempotent-replayed", "true")) }
    if response.status == 409 || response.status == 429 {
      response.headers.append(("stripe-should-retry", response.status == 409 ? "true" : "false"))
    }
  }
}
