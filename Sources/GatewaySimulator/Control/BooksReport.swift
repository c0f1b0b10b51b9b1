import InboundHTTP

/// What an auditor reads: the books as they are, and sums over a part of them.
struct BooksReport {
  /// nil or empty: no condition.
  var referencePrefix: String?
  var intent: String?
  var gateway: Gateway?
  var from: Int64 = 0

  init(_ request: Request) {
    referencePrefix = request.parameter("reference_prefix")
    intent = request.parameter("intent")
    gateway = request.parameter("gateway").flatMap(Gateway.init)
    from = request.parameter("from").flatMap { Int64($0) } ?? 0
  }

  private func covers(_ payment: Payment) -> Bool {
    if let gateway, payment.gateway != gateway { return false }
    if let referencePrefix, !payment.reference.hasPrefix(referencePrefix) { return false }
    if let intent, payment.metadatum("intent") != intent {
      return false
    }
    return true
  }

  private func payments(_ books: Books) -> [Payment] {
    books.paymentOrder.compactMap { books.payments[$0] }.filter(covers)
  }

  /// SetupIntents belong to no payment.
  private func setups(_ books: Books) -> [Setup] {
    guard gateway != .adyen, intent == nil else { return [] }
    return books.setups.values.filter { setup in
      let reference = setup.metadata.first { $0.0 == "reference" }?.1 ?? ""
      return reference.hasPrefix(referencePrefix ?? "")
    }.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
  }

  /// `GET /books`
  func full(_ books: Books) -> Response {
    let payments = payments(books)
    let ids = Set(payments.map(\.id))
    let references = Set(payments.map(\.reference))
    return .json(200) { out in
      out.array("payments") { out in for payment in payments { payment.write(nil, to: &out) } }
      out.array("refunds") { out in
        for refund in books.refundOrder.compactMap({ books.refunds[$0] })
        where ids.contains(refund.paymentID) { refund.write(nil, to: &out) }
      }
      out.array("modifications") { out in
        for modification in books.modificationOrder.compactMap({ books.modifications[$0] })
        where ids.contains(modification.target) || references.contains(modification.target) {
          modification.write(nil, to: &out)
        }
      }
      out.array("setups") { out in
        for setup in setups(books) { setup.write(nil, to: &out) }
      }
      out.array("disputes") { out in
        for dispute in books.disputeOrder.compactMap({ books.disputes[$0] })
        where ids.contains(dispute.paymentID) { dispute.write(nil, to: &out) }
      }
    }
  }

  /// `GET /books/requests`: what was asked for, in its order; `from` counts from 0.
  func requests(_ books: Books) -> Response {
    let first = books.requestCount - Int64(books.requests.count)
    let skipped = max(0, from - first)
    let covered = books.requests.dropFirst(Int(min(skipped, Int64(books.requests.count))))
      .filter { request in
        (gateway == nil || request.gateway == gateway)
          && request.reference.hasPrefix(referencePrefix ?? "")
      }
    return .json(200) { out in
      out.number("accepted", books.requestCount)
      out.number("first_kept", first)
      out.array("requests") { out in for request in covered { request.write(nil, to: &out) } }
    }
  }

  private func moved(_ books: Books) -> [Movement] {
    books.movements.filter { movement in
      movement.number > from && (gateway == nil || movement.gateway == gateway)
        && (intent == nil || books.payments[movement.paymentID]?.metadatum("intent") == intent)
    }
  }

  /// `GET /books/movements`: every change of what a gateway owes, with its fee.
  func movements(_ books: Books) -> Response {
    let moved = moved(books)
    return .json(200) { out in
      out.array("movements") { out in for movement in moved { movement.write(nil, to: &out) } }
    }
  }

  /// `GET /books/payouts`
  func payouts(_ books: Books, now: Int64) -> Response {
    let payouts = Payout.made(by: now, of: moved(books))
    return .json(200) { out in
      out.array("payouts") { out in for payout in payouts { payout.write(to: &out) } }
    }
  }

  /// `GET /books/summary`
  func summary(_ books: Books) -> Response {
    let payments = payments(books)
    return .json(200) { out in
      BooksReport.sums(payments, to: &out)
      out.object("gateways") { out in
        for gateway in Gateway.allCases {
          out.object(gateway.rawValue) { inner in
            BooksReport.sums(payments.filter { $0.gateway == gateway }, to: &inner)
          }
        }
      }
    }
  }

  private static func sums(_ payments: [Payment], to out: inout JSONWriter) {
    func count(_ condition: (Payment) -> Bool) -> Int64 { Int64(payments.count(where: condition)) }
    out.number("payments", Int64(payments.count))
    out.number("charges", count { $0.captured > 0 })
    out.number("held", count { $0.status == .requiresCapture })
    out.number("processing", count { $0.status == .processing })
    out.number("canceled", count { $0.status == .canceled })
    out.number("declined", count { $0.refusal != nil })
    amounts("captured", payments, { $0.captured }, to: &out)
    amounts("refunded", payments, { $0.refunded }, to: &out)
    amounts("disputed", payments, { $0.disputed }, to: &out)
    amounts("net", payments, { $0.captured - $0.refunded - $0.disputed }, to: &out)
    amounts(
      "held_amount",
      payments,
      { $0.status == .requiresCapture ? $0.authorized : 0 },
      to: &out
    )
    var chargesOfIntent: [String: Int] = [:]
    for payment in payments where payment.captured - payment.refunded > 0 {
      guard let intent = payment.metadatum("intent") else { continue }
      chargesOfIntent[intent, default: 0] += 1
    }
    out.number("intents_charged", Int64(chargesOfIntent.count))
    out.array("intents_charged_twice") { out in
      for intent in chargesOfIntent.filter({ $0.value > 1 }).keys.sorted() { out.text(nil, intent) }
    }
  }

  private static func amounts(
    _ name: String,
    _ payments: [Payment],
    _ amount: (Payment) -> Int64,
    to out: inout JSONWriter
  ) {
    var sums: [String: Int64] = [:]
    for payment in payments where amount(payment) != 0 {
      sums[payment.currency, default: 0] += amount(payment)
    }
    out.object(name) { out in
      for currency in sums.keys.sorted() { out.number(currency, sums[currency]) }
    }
  }
}
