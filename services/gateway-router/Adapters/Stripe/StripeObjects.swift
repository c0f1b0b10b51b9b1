/// The parts of Stripe's objects that are read. Everything is optional: a missing field is judged
/// where it matters.
struct StripePaymentIntent: Decodable {
  var id: String?
  var object: String?
  var amount: Int64?
  var amount_received: Int64?
  var currency: String?
  var status: String?
  var metadata: StringValues?
  var last_payment_error: StripeError?
  var next_action: NextAction?
  /// Read where payments are listed.
  var created: Int64?
  var livemode: Bool?
  var capture_method: String?
  var payment_method_types: [String]?

  struct NextAction: Decodable {
    var redirect_to_url: Redirect?
    struct Redirect: Decodable { var url: String? }
  }
}

struct StripeError: Decodable {
  var type: String?
  var code: String?
  var decline_code: String?
  var advice_code: String?
  var network_decline_code: String?
  var network_advice_code: String?
  /// Absent inside `last_payment_error`.
  var payment_intent: Box?
  /// Beside the refusal of a set-up.
  var setup_intent: RefusedSetup?

  /// What names it; the rest would be a cycle.
  struct RefusedSetup: Decodable {
    var id: String?
    var object: String?
    var metadata: StringValues?
  }

  /// Breaks the cycle between an intent and its last error.
  final class Box: Decodable {
    let intent: StripePaymentIntent

    init(from decoder: any Decoder) throws { intent = try StripePaymentIntent(from: decoder) }
  }
}

struct StripeErrorBody: Decodable {
  var error: StripeError
}

struct StripeRefund: Decodable {
  var id: String?
  var object: String?
  var amount: Int64?
  var currency: String?
  var status: String?
  var failure_reason: String?
  var payment_intent: String?
  var metadata: StringValues?
  /// Read where refunds are listed.
  var created: Int64?
}

struct StripePage<Item: Decodable>: Decodable {
  var object: String?
  var data: [Item]
  var has_more: Bool?
}

struct StripeKind: Decodable {
  var id: String?
  var object: String?
}

struct StripeSetupIntent: Decodable {
  var id: String?
  var object: String?
  var status: String?
  var metadata: StringValues?
  var last_setup_error: StripeError?
}
