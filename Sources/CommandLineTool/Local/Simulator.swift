/// `gateway-sim`: test gateways over plain HTTP on this machine; no database, no identity.
enum Simulator {
  /// Names in endpoints.json; `gateway-sim` itself is its control port.
  static let stripe = "gateway-sim-stripe"
  static let adyen = "gateway-sim-adyen"
  /// Names of secrets, shared with gateway-router.
  static let stripeKey = "stripe.key"
  static let stripeAccount = "acct_local"
  static let stripeWebhookSecret = "stripe.webhook"
  static let adyenKey = "adyen.key"
  static let adyenWebhookKey = "adyen.webhook"
  static let adyenMerchantAccount = "TenderLocal"

  /// What an endpoint at Stripe is set up for: ends that no answer tells of. Not every step of every
  /// payment, which the answers say already.
  static let stripeWebhookEvents = [
    "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled",
    "refund.updated", "refund.failed", "charge.dispute.created",
    "charge.dispute.closed",
  ]

  static let description = ServiceDescription(
    name: "gateway-sim", schema: nil, listeners: [("", stripe), ("", adyen)], arguments: arguments)

  /// The keys are worth nothing outside this checkout, so that they may be arguments.
  static func arguments(_ deployment: Deployment) throws -> [String] {
    let checkout = deployment.checkout
    let endpoints = deployment.endpoints
    let router = "http://\(endpoints.address("gateway-router-inbound"))"
    func port(_ name: String) -> String { String(endpoints.addresses[name]?.port ?? 0) }
    return [
      "--control-port", port("gateway-sim"), "--stripe-port", port(stripe),
      "--adyen-port", port(adyen), "--books", checkout.books + "/gateway-sim",
      // Its books must outlive a killed process, not a power cut: a real gateway's disk is not this
      // machine's, and would otherwise be measured with ours.
      "--no-sync",
      "--stripe-key", try checkout.makeSecret(stripeKey),
      "--adyen-key", try checkout.makeSecret(adyenKey),
      "--adyen-merchant-account", adyenMerchantAccount,
      "--webhook-url-stripe", router + "/stripe",
      "--webhook-secret-stripe", try checkout.makeSecret(stripeWebhookSecret),
      "--webhook-events-stripe", stripeWebhookEvents.joined(separator: ","),
      "--webhook-url-adyen", router + "/adyen",
      "--webhook-key-adyen", try checkout.makeSecret(adyenWebhookKey),
    ]
  }
}
