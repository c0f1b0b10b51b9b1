import ArgumentParser
import GRPCCore
import Money
import Wire

/// Makes a product, a price, a customer and a subscription, which charges its first invoice.
struct Subscribe: Command {
  static let configuration = CommandConfiguration(
    abstract: "Start a subscription: tender subscribe --amount 9.99 EUR --every month")

  @OptionGroup var common: CommonOptions
  @Option(parsing: .upToNextOption, help: "The price of a period: 9.99 EUR.") var amount: [String]
  @Option(help: "The period: day, week, month or year.") var every = "month"
  @Option(help: "A registered method, by alias or tok_ id.") var method = "card_visa"
  @Option(help: "The product's name.") var product = "Demo subscription"
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?

  struct Answer: Encodable {
    let subscription: String
    let status: String
    let invoice: String
    let invoiceNumber: String
    let invoiceStatus: String
    let paymentIntent: String
    let price: String
    let customer: String
    let key: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let amount = try AmountArgument.parse(amount)
    guard let unit = Self.units[every] else {
      throw Failure("\(every) is no period", next: "day, week, month or year", status: .usage)
    }
    let key = try CallKeys.choose(key, prefix: "subscribe")
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      let method = try await MethodAlias.resolve(method, session)
      let steps = SubscribeSteps(session: session, key: key)
      let price = try await steps.price(product: product, CommonV1.Money(amount), unit)
      let customer = try await steps.customer()
      return try await steps.subscribe(customer: customer, price: price, method: method)
    }
    try output.result(answer) {
      [
        "\(answer.subscription)  \(answer.status)  \(amount) every \(every)",
        "invoice   \(answer.invoiceNumber)  \(answer.invoiceStatus)  \(answer.invoice)",
        "payment   \(answer.paymentIntent)", "key       \(key)",
      ]
    }
    return switch answer.invoiceStatus {
    case "paid": .succeeded
    case "open": .processing
    default: .declined
    }
  }

  private static let units: [String: BillingV1.IntervalUnit] = [
    "day": .day, "week": .week, "month": .month, "year": .year,
  ]
}

/// The calls of `subscribe`; each key derives from the one given, so that a repetition changes
/// nothing.
struct SubscribeSteps: Sendable {
  let session: ServiceSession
  let key: String

  func price(
    product name: String, _ amount: CommonV1.Money, _ unit: BillingV1.IntervalUnit
  ) async throws -> String {
    let product = BillingV1.CreateProductRequest(name: name)
    let key = key
    return try await session.call(.billing) { client in
      let billing = BillingV1.Billing.Client(wrapping: client)
      let made = try await billing.createProduct(
        product, metadata: CallKeys.metadata(key: "\(key)-product"))
      let price = BillingV1.CreatePriceRequest(
        productID: made.product?.id ?? "", unitAmount: amount, intervalUnit: unit,
        intervalCount: 1)
      return try await billing.createPrice(
        price, metadata: CallKeys.metadata(key: "\(key)-price")
      ).price?.id ?? ""
    }
  }

  func customer() async throws -> String {
    let metadata = CallKeys.metadata(key: "\(key)-customer")
    let request = IntentsV1.CreateCustomerRequest(name: "Demo customer")
    return try await session.call(.intents) { client in
      try await IntentsV1.Customers.Client(wrapping: client)
        .createCustomer(request, metadata: metadata).customer?.id ?? ""
    }
  }

  func subscribe(
    customer: String, price: String, method: String
  ) async throws -> Subscribe.Answer {
    let request = BillingV1.CreateSubscriptionRequest(
      customerID: customer, priceID: price, quantity: 1, paymentMethodID: method)
    let metadata = CallKeys.metadata(key: "\(key)-subscription")
    let made = try await session.call(.billing) { client in
      try await BillingV1.Billing.Client(wrapping: client)
        .createSubscription(request, metadata: metadata)
    }
    guard let subscription = made.subscription, let invoice = made.invoice else {
      throw Failure("billing answered without the subscription", next: "see tender doctor")
    }
    return Subscribe.Answer(
      subscription: subscription.id,
      status: WireText.word(subscription.status, "SUBSCRIPTION_STATUS_"), invoice: invoice.id,
      invoiceNumber: invoice.number,
      invoiceStatus: WireText.word(invoice.status, "INVOICE_STATUS_"),
      paymentIntent: invoice.paymentIntentID, price: price, customer: customer, key: key)
  }
}
