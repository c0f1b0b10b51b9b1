package import GatewayCore

/// Stripe's list of refunds, newest first: what this account's books hold of a span of time.
package enum StripeRefundList {
  package static func list(from: Int64, after: String?) -> GatewayRequest {
    StripeList.request("/v1/refunds", from: from, after: after)
  }

  package static func read(
    _ facts: TransferFacts, after: String?
  ) -> StripeListPage<ListedRefund> {
    StripeList.read(facts, after: after, unreadable: "a refund without id or time", item: listed)
  }

  private static func listed(_ refund: StripeRefund) -> ListedRefund? {
    guard let id = refund.id, let created = refund.created else { return nil }
    return ListedRefund(
      reference: id, createdSeconds: created,
      amount: refund.amount.flatMap { units in
        refund.currency.flatMap {
          GatewayUnits.stripe.amount(units: units, currency: $0.uppercased())
        }
      },
      paymentReference: refund.payment_intent ?? "",
      ownReference: refund.metadata?[StripeGateway.referenceKey])
  }
}
