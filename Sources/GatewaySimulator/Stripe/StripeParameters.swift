/// Which parameters Stripe's calls take; anything else is `parameter_unknown`.
enum StripeParameters {
  /// Texts that are stored and shown again, nothing more.
  static let echoed = [
    "customer", "description", "receipt_email", "return_url", "setup_future_usage",
    "statement_descriptor", "statement_descriptor_suffix", "transfer_group",
  ]

  static let create = Set(
    echoed + [
      "amount", "currency", "automatic_payment_methods", "capture_method", "confirm",
      "confirmation_method", "error_on_requires_action", "expand", "mandate", "mandate_data",
      "metadata", "off_session", "payment_method", "payment_method_data",
      "payment_method_options", "payment_method_types", "radar_options", "shipping",
      "use_stripe_sdk",
    ]
  )
  static let confirm: Set<String> = [
    "capture_method", "error_on_requires_action", "expand", "mandate", "mandate_data",
    "off_session", "payment_method", "payment_method_options", "payment_method_types",
    "radar_options", "receipt_email", "return_url", "setup_future_usage", "shipping",
    "use_stripe_sdk",
  ]
  static let capture: Set<String> = [
    "amount_to_capture", "expand", "final_capture", "metadata", "payment_details",
    "statement_descriptor", "statement_descriptor_suffix",
  ]
  static let cancel: Set<String> = ["cancellation_reason", "expand"]
  static let refund: Set<String> = [
    "amount", "charge", "currency", "expand", "instructions_email", "metadata", "origin",
    "payment_intent", "reason",
  ]
  static let setup: Set<String> = [
    "automatic_payment_methods", "confirm", "customer", "description", "expand", "metadata",
    "payment_method", "payment_method_options", "payment_method_types", "return_url", "usage",
    "mandate_data",
  ]

  /// `created[gte]`, `[gt]`, `[lte]`, `[lt]`, or `created` alone: seconds since 1970; nil if one is
  /// no number.
  static func createdSpan(_ form: Form) -> ClosedRange<Int64>? {
    var (from, to): (Int64, Int64) = (0, .max)
    for (name, text) in form.fields where name.hasPrefix("created") {
      guard let seconds = Int64(text), seconds >= 0, seconds < .max else { return nil }
      switch name {
      case "created": (from, to) = (max(from, seconds), min(to, seconds))
      case "created[gte]": from = max(from, seconds)
      case "created[gt]": from = max(from, seconds + 1)
      case "created[lte]": to = min(to, seconds)
      case "created[lt]": to = min(to, seconds - 1)
      default: return nil
      }
    }
    return from <= to ? from...to : Int64.max - 1...Int64.max
  }

  static let cancellationReasons: Set<String> = [
    "abandoned", "duplicate", "fraudulent", "requested_by_customer",
  ]
  static let refundReasons: Set<String> = ["duplicate", "fraudulent", "requested_by_customer"]

  /// The most that Stripe takes, in minor units; and the least for the large currencies.
  static let amountMax: Int64 = 99_999_999
  static let amountMin: [String: Int64] = ["EUR": 50, "USD": 50, "GBP": 30, "CHF": 50, "JPY": 50]

  static let currencies = Set(
    """
    AED AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EUR GBP GEL HKD HUF IDR ILS INR ISK JPY KRW KWD \
    MAD MXN MYR NOK NZD PEN PHP PLN QAR RON RSD SAR SEK SGD THB TND TRY TWD UAH USD UYU VND ZAR
    """.split(separator: " ").map(String.init)
  )

  /// The first parameter that the call does not take. `metadata[a]` counts as `metadata`.
  static func firstUnknown(_ form: Form, _ known: Set<String>) -> String? {
    for field in form.fields where !known.contains(field.name) {
      let name = String(Substring(field.name.utf8.prefix { $0 != UInt8(ascii: "[") }))
      if !known.contains(name) { return name }
    }
    return nil
  }
}
