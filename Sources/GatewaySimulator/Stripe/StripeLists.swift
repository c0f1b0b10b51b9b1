import InboundHTTP

/// Lists, newest first, by page: `limit` 1 to 100 (10), `starting_after` or `ending_before` the id
/// of an item, `created` bounds.
extension StripeAPI {
  /// Events are listed for 30 days.
  static let eventsListedMilliseconds: Int64 = 30 * 86_400_000

  func list(_ call: Call, _ books: Books, _ now: Int64) -> Outcome {
    if call.target == "search" { return search(call.form, books, now) }
    guard let span = StripeParameters.createdSpan(call.form) else {
      return StripeError.invalidInteger("created", "Invalid timestamp").unstored
    }
    func fits(_ createdAt: Int64) -> Bool { span.contains(createdAt / 1000) }
    switch call.target {
    case "events":
      let types = call.form.values("type") + call.form.values("types")
      let undelivered = call.form["delivery_success"] == "false"
      let events = books.events.reversed().lazy.filter { event in
        event.gateway == .stripe && fits(event.createdAt)
          && (types.isEmpty || types.contains(event.type))
          && now - event.createdAt < StripeAPI.eventsListedMilliseconds
          && (!undelivered || event.isUndelivered)
      }
      return page(call, events, \.id) { event, out in out.raw(nil, event.body) }
    case "refunds":
      let payment = call.form["payment_intent"]
      let ids = payment.map { books.refundsOfPayment[$0] ?? [] } ?? books.refundOrder
      let refunds = ids.reversed().lazy.compactMap { books.refunds[$0] }
        .filter { $0.gateway == .stripe && fits($0.createdAt) }
      return page(call, refunds, \.id) { refund, out in
        let chargeID = books.payments[refund.paymentID]?.chargeID
        StripeObjects.write(refund, chargeID: chargeID, nil, to: &out)
      }
    case "disputes":
      let payment = call.form["payment_intent"]
      let disputes = books.disputeOrder.reversed().lazy.compactMap { books.disputes[$0] }
        .filter {
          $0.gateway == .stripe && fits($0.createdAt) && (payment == nil || $0.paymentID == payment)
        }
      return page(call, disputes, \.id) { dispute, out in
        StripeObjects.write(dispute, of: books.payments[dispute.paymentID], nil, to: &out)
      }
    default:
      // In the order of their creation: the newest that fit, and none behind the oldest.
      let payments = books.paymentOrder.reversed().lazy.compactMap { books.payments[$0] }
        .drop { $0.createdAt / 1000 > span.upperBound }
        .prefix { $0.createdAt / 1000 >= span.lowerBound }
        .filter { $0.gateway == .stripe }
      return page(call, payments, \.id) { payment, out in
        StripeObjects.write(payment, nil, to: &out)
      }
    }
  }

  private func page<Item>(
    _ call: Call,
    _ items: some Sequence<Item>,
    _ id: (Item) -> String,
    _ write: (Item, inout JSONWriter) -> Void
  ) -> Outcome {
    let limit = call.form["limit"].map { Int($0) ?? 0 } ?? 10
    guard (1...100).contains(limit) else {
      return StripeError.invalidInteger("limit", "Limit must be 1 to 100.").unstored
    }
    let all = Array(items)
    var rest = all[...]
    for (name, isAfter) in [("starting_after", true), ("ending_before", false)] {
      guard let cursor = call.form[name] else { continue }
      guard let index = all.firstIndex(where: { id($0) == cursor }) else {
        return StripeError.noSuch("object", cursor, parameter: name, status: 400).unstored
      }
      rest = isAfter ? rest[(index + 1)...] : rest[..<index]
    }
    // Backwards, the page is the one next to the cursor.
    let page = call.form["ending_before"] == nil ? rest.prefix(limit) : rest.suffix(limit)
    return Outcome(
      response: StripeObjects.list("/v1/" + (call.target ?? ""), hasMore: rest.count > limit) {
        out in for item in page { write(item, &out) }
      },
      isStored: false
    )
  }

  /// `query=metadata['reference']:'x'`, and nothing else of Stripe's query language. What was made
  /// within `search_ms` is not found yet, as at Stripe.
  private func search(_ form: Form, _ books: Books, _ now: Int64) -> Outcome {
    let query = form["query"] ?? ""
    let parts = query.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 5, parts[0] == "metadata[", parts[2] == "]:", parts[4].isEmpty else {
      return StripeError(message: "Unsupported search query.", parameter: "query").unstored
    }
    let visible = now - tuning.search
    let found = books.paymentOrder.reversed().lazy.compactMap { books.payments[$0] }.filter {
      $0.gateway == .stripe && $0.createdAt <= visible
        && $0.metadata.contains { $0.0 == parts[1] && $0.1 == parts[3] }
    }
    return Outcome(
      response: .json(200) { out in
        out.text("object", "search_result")
        out.array("data") { out in
          for payment in found.prefix(100) { StripeObjects.write(payment, nil, to: &out) }
        }
        out.flag("has_more", false)
        out.text("url", "/v1/payment_intents/search")
      },
      isStored: false
    )
  }
}
