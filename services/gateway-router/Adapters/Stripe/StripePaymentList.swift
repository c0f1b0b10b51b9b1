package import GatewayCore

/// Stripe's list of payments, newest first: what this account's books hold of a span of time.
package enum StripePaymentList {
  package static let pageSize = 100
  /// What is read of a page, in bytes: ten thousand for each of its payments.
  package static let pageBytesMax = 1 << 20

  package enum Page: Sendable, Hashable {
    case payments([ListedPayment], hasMore: Bool)
    /// The payment after which the page should begin is not there any more.
    case cursorUnknown
    case failed(String)
  }

  package static func list(from: Int64, after: String?) -> GatewayRequest {
    var form = FormEncoding()
    form.add("created[gte]", String(from))
    form.add("limit", String(pageSize))
    form.add("starting_after", after)
    return GatewayRequest(
      method: .get, path: "/v1/payment_intents?" + String(decoding: form.bytes, as: UTF8.self),
      headers: [StripeGateway.versionHeader], body: [], idempotencyKey: nil, hasMoneyEffect: false)
  }

  /// Takes longer than the reactor may be held up: call it on a worker. A payment without id or
  /// time refuses the page: nothing may be left out of the books.
  package static func read(_ facts: TransferFacts, after: String?) -> Page {
    guard facts.stage == .answered, let status = facts.status else { return .failed("no answer") }
    if after != nil, status == 400 || status == 404 { return .cursorUnknown }
    guard status == 200, !facts.isTruncated,
      let list = JSONReading.decode(
        StripePage<StripePaymentIntent>.self, from: facts.body, sizeMax: pageBytesMax),
      list.object == "list"
    else { return .failed("HTTP \(status)") }
    var payments: [ListedPayment] = []
    for intent in list.data {
      guard let payment = listed(intent) else {
        return .failed("a payment without id, time or mode")
      }
      payments.append(payment)
    }
    guard list.has_more != true || !payments.isEmpty else {
      return .failed("an empty page with more behind")
    }
    return .payments(payments, hasMore: list.has_more == true)
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
