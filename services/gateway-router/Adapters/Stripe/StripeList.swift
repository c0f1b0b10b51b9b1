import GatewayCore

/// A page of one of Stripe's lists: newest first, read backwards.
package enum StripeListPage<Item: Sendable & Hashable>: Sendable, Hashable {
  case items([Item], hasMore: Bool)
  /// The item after which the page should begin is not in the list any more.
  case cursorUnknown
  case failed(String)
}

/// What Stripe's lists have in common.
package enum StripeList {
  package static let pageSize = 100
  /// What is read of a page, in bytes: ten thousand for each of its items.
  package static let pageBytesMax = 1 << 20

  static func request(
    _ path: String, from: Int64, after: String?, types: [String] = []
  ) -> GatewayRequest {
    var form = FormEncoding()
    form.add("created[gte]", String(from))
    form.add("limit", String(pageSize))
    form.add("starting_after", after)
    for type in types { form.add("types[]", type) }
    return GatewayRequest(
      method: .get, path: path + "?" + String(decoding: form.bytes, as: UTF8.self),
      headers: [StripeGateway.versionHeader], body: [], idempotencyKey: nil, hasMoneyEffect: false)
  }

  /// Takes longer than the reactor may be held up: call it on a worker.
  /// - Parameter item: nil refuses the page: nothing may be left out of the books.
  static func read<Element: Decodable, Item>(
    _ facts: TransferFacts, after: String?, unreadable: String, item: (Element) -> Item?
  ) -> StripeListPage<Item> {
    guard facts.stage == .answered, let status = facts.status else { return .failed("no answer") }
    if after != nil, status == 400 || status == 404 { return .cursorUnknown }
    guard status == 200, !facts.isTruncated,
      let list = JSONReading.decode(
        StripePage<Element>.self, from: facts.body, sizeMax: pageBytesMax),
      list.object == "list", let hasMore = list.has_more
    else { return .failed("HTTP \(status)") }
    let items = list.data.compactMap(item)
    guard items.count == list.data.count else { return .failed(unreadable) }
    guard !hasMore || !items.isEmpty else { return .failed("an empty page with more behind") }
    return .items(items, hasMore: hasMore)
  }
}
