package import GatewayCore

/// Stripe's list of payments, newest first: what this account's books hold of a span of time.
package enum StripePaymentList {
  package static func list(from: Int64, after: String?) -> GatewayRequest {
    StripeList.request("/v1/payment_intents", from: from, after: after)
  }

  package static func read(
    _ facts: TransferFacts, after: String?
  ) -> StripeListPage<ListedPayment> {
    StripeList.read(
      facts, after: after, unreadable: "a payment without id, time or mode", item: listed)
  }

  private static func listed(_ intent: StripePaymentIntent) -> ListedPayment? {
    guard let id = intent.id, (try? GatewayPath.segment(id)) != nil, let created = intent.created,
      let isLive = intent.livemode
    else { return nil }
    let amount = intent.amount.flatMap { units in
      intent.currency.flatMap {
        GatewayUnits.stripe.amount(units: units, currency: $0.uppercased())
      }
    }
    let mode: Attempt.Mode? =
      switch intent.capture_method {
      case "manual": .authorizeOnly
      case "automatic", "automatic_async": .charge
      default: nil
      }
    let method: MethodType? =
      switch intent.payment_method_types ?? [] {
      case ["card"]: .card
      case ["sepa_debit"]: .sepaDebit
      default: nil
      }
    return ListedPayment(
      reference: id, createdSeconds: created, isLive: isLive, amount: amount, mode: mode,
      method: method, ownReference: intent.metadata?[StripeGateway.referenceKey],
      metadata: intent.metadata?.values ?? [:])
  }
}
