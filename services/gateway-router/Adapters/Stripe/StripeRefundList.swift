package import GatewayCore

/// Stripe's list of refunds, newest first: what this account's books hold of a span of time.
package enum StripeRefundList {
  package static func list(from: Int64, after: String?) -> GatewayRequest {
    var form = FormEncoding()
    form.add("created[gte]", String(from))
    form.add("limit", String(StripePaymentList.pageSize))
    form.add("starting_after", after)
    return GatewayRequest(
      method: .get, path: "/v1/refunds?" + String(decoding: form.bytes, as: UTF8.self),
      headers: [StripeGateway.versionHeader], body: [], idempotencyKey: nil, hasMoneyEffect: false)
  }

  package enum Page: Sendable, Hashable {
    case refunds([ListedRefund], hasMore: Bool)
    /// The refund after which the page should begin is not there any more.
    case cursorUnknown
    case failed(String)
  }

  /// Takes longer than the reactor may be held up: call it on a worker.
  package static func read(_ facts: TransferFacts, after: String?) -> Page {
    guard facts.stage == .answered, let status = facts.status else { return .failed("no answer") }
    if after != nil, status == 400 || status == 404 { return .cursorUnknown }
    guard status == 200, !facts.isTruncated,
      let list = JSONReading.decode(
        StripePage<StripeRefund>.self, from: facts.body, sizeMax: StripePaymentList.pageBytesMax),
      list.object == "list"
    else { return .failed("HTTP \(status)") }
    var refunds: [ListedRefund] = []
    for refund in list.data {
      guard let id = refund.id, let created = refund.created else {
        return .failed("a refund without id or time")
      }
      refunds.append(
        ListedRefund(
          reference: id, createdSeconds: created,
          amount: refund.amount.flatMap { units in
            refund.currency.flatMap {
              GatewayUnits.stripe.amount(units: units, currency: $0.uppercased())
            }
          },
          paymentReference: refund.payment_intent ?? "",
          ownReference: refund.metadata?[StripeGateway.referenceKey]))
    }
    guard list.has_more != true || !refunds.isEmpty else {
      return .failed("an empty page with more behind")
    }
    return .refunds(refunds, hasMore: list.has_more == true)
  }
}
