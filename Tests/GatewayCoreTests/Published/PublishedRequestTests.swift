import Foundation
import GatewayAdapters
import Money
import ReportFormats
import Testing

@testable import GatewayCore

/// Every request that an adapter makes, in every mode and with every field at its limit, as the
/// vendors publish it.
struct PublishedRequestTests {
  /// The longest reference there is.
  static let reference = GatewayReference.cancel(
    AttemptID(bits: .max), try: GatewayReference.tryMax)

  static func orders() -> [AuthorizeOrder] {
    var orders: [AuthorizeOrder] = []
    let metadata = AuthorizeOrder.metadata(
      intent: PaymentIntentID(bits: .max), operation: OperationID(bits: .max),
      keyProof: String(repeating: "f", count: 64), merchant: MerchantID(bits: .max),
      paymentMethod: PaymentMethodID(bits: .max), captureMethod: .automatic, isOffSession: false,
      sequence: Operation.attemptsMax)
    for method in [MethodType.card, .sepaDebit] {
      for mode in [Attempt.Mode.authorizeOnly, .charge] {
        for offSession in [false, true] {
          for isFull in [false, true] {
            orders.append(
              AuthorizeOrder(
                reference: .authorize(AttemptID(bits: .max)), account: "Main",
                amount: isFull ? Amount(.eur, minor: 99_999_999) : Amount(.eur, minor: 1),
                mode: mode, method: method,
                methodReference: String(repeating: "m", count: isFull ? 64 : 1),
                customerReference: isFull ? String(repeating: "c", count: 256) : nil,
                isOffSession: offSession,
                statementDescriptor: isFull ? "Books & <More> \u{e9}\u{20ac} 12345" : nil,
                metadata: metadata,
                returnURL: "https://shop.example/"
                  + String(repeating: "r", count: isFull ? 1_003 : 1)))
          }
        }
      }
    }
    return orders
  }

  static func setup(isFull: Bool) -> SetupOrder {
    SetupOrder(
      reference: .setup(SetupIntentID(bits: .max)), account: "Main", currency: .eur,
      methodReference: String(repeating: "m", count: isFull ? 64 : 1),
      customerReference: isFull ? String(repeating: "c", count: 256) : nil,
      metadata: SetupOrder.metadata(
        merchant: MerchantID(bits: .max), paymentMethod: PaymentMethodID(bits: .max)),
      returnURL: "https://shop.example/" + String(repeating: "r", count: isFull ? 1_003 : 1))
  }

  static func requests(_ gateway: any Gateway) throws -> [GatewayRequest] {
    let modify = ModifyOrder(
      reference: reference, account: "Main",
      paymentReference: String(repeating: "p", count: 255),
      amount: Amount(.eur, minor: 99_999_999))
    let targets: [CancelOrder.Target] = [
      .payment("pi_1"), .own(.authorize(AttemptID(bits: .max))),
    ]
    let cancels = targets.flatMap { target in
      [false, true].map {
        CancelOrder(reference: reference, account: "Main", target: target, mayBeCaptured: $0)
      }
    }
    let finds = [nil, "pi_1"].map {
      FindOrder(reference: reference, createdSeconds: 0...4_000_000_000, after: $0)
    }
    var requests = try orders().map { try gateway.authorize($0) }
    requests += [try gateway.capture(modify), try gateway.refund(modify)]
    for isFull in [false, true] { requests.append(try gateway.setUp(setup(isFull: isFull))) }
    var optional: [GatewayRequest?] = [try gateway.get(setup: "seti_1")]
    for order in cancels { optional.append(try gateway.cancel(order)) }
    for order in finds { optional.append(try gateway.find(order)) }
    optional.append(try gateway.get(payment: "pi_1", key: reference))
    for count in [1, RedirectResult.bytesMax] {
      guard let result = RedirectResult([UInt8](repeating: UInt8(ascii: "!"), count: count)) else {
        continue
      }
      optional.append(try gateway.details(DetailsOrder(reference: reference, result: result)))
    }
    optional.append(try gateway.get(refund: "re_1"))
    optional.append(try gateway.refunds(of: "pi_1", after: nil))
    optional.append(try gateway.refunds(of: "pi_1", after: "re_1"))
    return requests + optional.compactMap(\.self)
  }

  static func violations(
    _ request: GatewayRequest, _ gateway: any Gateway, _ shapes: [PublishedShape]
  ) -> [String] {
    guard let shape = shapes.first(where: { $0.describes(request) }) else {
      return ["\(request.method.rawValue) \(request.path) is not published"]
    }
    return shape.violations(request, credentials: gateway.authentication(apiKey: "k"))
  }

  @Test func everyRequestIsAsPublished() throws {
    let pairs: [(any Gateway, [PublishedShape])] = [
      (StripeGateway(), PublishedRequests.stripe), (AdyenGateway(), PublishedRequests.adyen),
    ]
    for (gateway, shapes) in pairs {
      let requests = try Self.requests(gateway)
      for request in requests {
        let found = Self.violations(request, gateway, shapes)
        #expect(found.isEmpty, "\(gateway.name) \(request.path): \(found)")
      }
      // No shape is there in vain.
      for shape in shapes {
        #expect(requests.contains { shape.describes($0) }, "\(gateway.name) \(shape.path)")
      }
    }
  }

  @Test func reportRequestsAreAsPublished() throws {
    let (start, end) = (Timestamp(seconds: 0), Timestamp(seconds: 4_000_000_000))
    let key = String(repeating: "k", count: 64)
    let stripe = [
      try #require(
        StripeReports().create(.payoutReconciliation, from: start, until: end, key: key)),
      try #require(try StripeReports().get(run: "frr_1")),
      try StripeReports().download("file_1", account: "Main"),
    ]
    for request in stripe {
      #expect(Self.violations(request, StripeGateway(), PublishedRequests.stripeReports) == [])
    }
    #expect(stripe.count == PublishedRequests.stripeReports.count)
    let file = try AdyenReports().download(
      "settlement_detail_report_batch_7.csv", account: "Main")
    #expect(Self.violations(file, AdyenGateway(), PublishedRequests.adyenReports) == [])
  }

  /// The check sees what it is there for.
  @Test(arguments: [
    ("amount=4999&", "", "amount is missing"), ("amount=4999", "amount=49.99", "no integer"),
    ("amount=4999", "amount=100000000", "out of bounds"), ("currency=eur", "currency=euro", "bounds"),
    ("capture_method=manual", "capture_method=later", "published values"),
    ("confirm=true", "confirm=1", "another type"), ("confirm=true", "confirmed=true", "unknown"),
    ("payment_method_types%5B%5D", "payment_method_types", "nested otherwise"),
    ("metadata%5Bintent%5D", "metadata%5Breference%5D", "a key twice"),
    ("customer=cus_1", "customer=cus_1&customer=cus_2", "too often"),
  ])
  func theCheckFindsMistakesInForms(text: String, other: String, expected: String) throws {
    var request = try StripeGateway().authorize(RequestTests.order())
    let body = String(decoding: request.body, as: UTF8.self)
    #expect(body.contains(text))
    request.body = Array(body.replacing(text, with: other, maxReplacements: 1).utf8)
    let found = Self.violations(request, StripeGateway(), PublishedRequests.stripe)
    #expect(found.contains { $0.contains(expected) }, "\(found)")
  }

  @Test(arguments: [
    (#""value":4999"#, #""value":"4999""#, "another type"),
    (#""value":4999"#, #""value":true"#, "another type"),
    (#""returnUrl""#, #""returnURL""#, "returnUrl is missing"),
    (#""returnUrl""#, #""returnURL""#, "returnURL is unknown"),
    (#""type":"scheme""#, #""type":"card""#, "published values"),
    (#""shopperReference":"cus_1""#, #""shopperReference":"c1""#, "out of bounds"),
    (#""intent":"#, #""intent_with_a_name_too_long":"#, "is no key"),
  ])
  func theCheckFindsMistakesInJSON(text: String, other: String, expected: String) throws {
    var request = try AdyenGateway().authorize(RequestTests.order())
    let body = String(decoding: request.body, as: UTF8.self)
    #expect(body.contains(text))
    request.body = Array(body.replacing(text, with: other, maxReplacements: 1).utf8)
    let found = Self.violations(request, AdyenGateway(), PublishedRequests.adyen)
    #expect(found.contains { $0.contains(expected) }, "\(found)")
    request.headers.removeAll { $0.name == "idempotency-key" }
    #expect(
      Self.violations(request, AdyenGateway(), PublishedRequests.adyen)
        .contains("header idempotency-key is missing"))
  }

  /// Adyen refuses what is too short or too long; nothing may be sent then.
  @Test func referencesOutsideAdyensLimitsAreNotSent() {
    func error(_ change: (inout AuthorizeOrder) -> Void) -> ExpressionError? {
      var order = RequestTests.order()
      change(&order)
      do throws(ExpressionError) {
        _ = try AdyenGateway().authorize(order)
        return nil
      } catch { return error }
    }
    #expect(error { $0.customerReference = "c1" } == .referenceMalformed)
    #expect(error { $0.customerReference = String(repeating: "c", count: 257) } == .referenceMalformed)
    #expect(error { $0.methodReference = "" } == .referenceMalformed)
    #expect(error { $0.methodReference = String(repeating: "m", count: 65) } == .referenceMalformed)
    #expect(error { $0.customerReference = "c12" } == nil)
  }

  @Test(arguments: [
    ("A & B", "A & B", nil, "A   B"), ("12345", nil, nil, "12345"),
    ("<\"ab'*>", "ab", nil, "ab'*"), ("Caf\u{e9} Z\u{fc}rich", "Caf  Z rich", "Caf  Z rich", "Caf  Z rich"),
    ("   ", nil, nil, nil), ("\u{1F600}", nil, nil, nil),
    ("a bookshop with a long name", "a bookshop with a long", "a bookshop with a long",
      "a bookshop with a long"),
  ] as [(String, String?, String?, String?)])
  func statementTexts(text: String, suffix: String?, whole: String?, adyen: String?) throws {
    func field(_ body: [UInt8], _ name: String) -> String? {
      String(decoding: body, as: UTF8.self).split(separator: "&")
        .first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
        .removingPercentEncoding
    }
    var order = RequestTests.order()
    order.statementDescriptor = text
    #expect(field(try StripeGateway().authorize(order).body, "statement_descriptor_suffix") == suffix)
    order.method = .sepaDebit
    let debit = try StripeGateway().authorize(order).body
    #expect(field(debit, "statement_descriptor_suffix") == nil)
    // At least five characters where it stands alone.
    let expected = whole ?? suffix.flatMap { $0.utf8.count >= 5 ? $0 : nil }
    #expect(field(debit, "statement_descriptor") == expected)
    let body = String(decoding: try AdyenGateway().authorize(order).body, as: UTF8.self)
    if let adyen {
      #expect(body.contains(#""shopperStatement":"\#(adyen)""#), "\(body)")
    } else {
      #expect(!body.contains("shopperStatement"))
    }
  }

  /// One major unit of every currency, in the units that the vendors publish.
  @Test func unitsOfEveryCurrency() throws {
    // docs.stripe.com/currencies: no decimals; three decimals. ISK and UGX have two there although
    // they have none; HUF and TWD differ only in payouts.
    let stripeNone: Set = [
      "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
      "XOF", "XPF",
    ]
    let stripeThree: Set = ["BHD", "JOD", "KWD", "OMR", "TND"]
    // docs.adyen.com, currency codes: no decimals; three decimals. CLP and ISK have two there.
    let adyenNone: Set = [
      "CVE", "DJF", "GNF", "IDR", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
      "XOF", "XPF",
    ]
    let adyenThree: Set = ["BHD", "JOD", "KWD", "OMR", "TND"]
    // In neither list: units of account, and currencies that neither takes.
    let neither: Set = ["BIF", "CLF", "IQD", "LYD", "UYI", "UYW"]
    for currency in Currency.all where !neither.contains(currency.code) {
      let amount = Amount(currency, minor: currency.minorPerMajor)
      let code = currency.code
      let form = String(
        decoding: try StripeGateway().authorize(RequestTests.order(amount)).body, as: UTF8.self)
      let stripe = stripeNone.contains(code) ? 1 : stripeThree.contains(code) ? 1_000 : 100
      #expect(form.hasPrefix("amount=\(stripe)&"), "\(code)")
      let json = String(
        decoding: try AdyenGateway().authorize(RequestTests.order(amount)).body, as: UTF8.self)
      let adyen = adyenNone.contains(code) ? 1 : adyenThree.contains(code) ? 1_000 : 100
      #expect(json.contains(#""value":\#(adyen)}"#), "\(code)")
    }
  }
}
