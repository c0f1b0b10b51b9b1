import BillingCore
import GRPCCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import Synchronization
import TestSupport
import Transport
import Wire

@testable import BillingService

/// Stands for intents: keeps one intent per invoice and one answer per key, as the real one does.
final class FakePayments: PaymentPort {
  /// What a charge meets.
  enum Fate: Sendable {
    case succeeds
    case fails(String)
    case processing
    /// intents did it, but the answer is lost.
    case answerLost
    /// Nothing reached intents.
    case unreachable
    /// The key has paid before a restore for what intents does not have.
    case isUnclear
  }

  struct Intent: Sendable {
    var id: PaymentIntentID
    var version: Int64
    var status: PaymentStatus
    var failure: PaymentFailureReason?

    var news: PaymentNews {
      PaymentNews(intent: id, version: version, status: status, failure: failure)
    }
  }

  struct State: Sendable {
    var fate = Fate.succeeds
    var charges: [Charge] = []
    var answers: [String: PaymentNews] = [:]
    var intents: [InvoiceID: Intent] = [:]
    var refusal: RPCFailure?
  }

  let state = Mutex(State())

  func verify(
    _ customer: CustomerID, _ method: PaymentMethodID, of merchant: MerchantID
  ) async throws {
    if let refusal = state.withLock({ $0.refusal }) { throw refusal }
  }

  func charge(_ charge: Charge) async -> ChargeAnswer {
    state.withLock { state in
      state.charges.append(charge)
      if case .unreachable = state.fate { return .unknown("unreachable") }
      if case .isUnclear = state.fate { return .unclear(reason: "PAYMENT_BEFORE_RESTORE") }
      if let answer = state.answers[charge.key] { return .news(answer) }
      var intent =
        state.intents[charge.invoice]
        ?? Intent(
          id: PaymentIntentID.generate(milliseconds: 1), version: 1, status: .processing,
          failure: nil)
      intent.version += 1
      intent.failure = nil
      var isLost = false
      switch state.fate {
      case .succeeds: intent.status = .succeeded
      case .fails(let code):
        intent.status = .failed
        intent.failure = PaymentFailureReason(code: code, isTerminal: false)
      case .processing: intent.status = .processing
      case .answerLost:
        intent.status = .succeeded
        isLost = true
      case .unreachable, .isUnclear: break
      }
      state.intents[charge.invoice] = intent
      state.answers[charge.key] = intent.news
      return isLost ? .unknown("lost") : .news(intent.news)
    }
  }

  func set(_ fate: Fate) { state.withLock { $0.fate = fate } }
  var charges: [Charge] { state.withLock { $0.charges } }
  var succeeded: Int {
    state.withLock { $0.intents.values.filter { $0.status == .succeeded }.count }
  }
}

/// The billing handlers on a fresh schema, as the service's own role, called as the interceptor
/// would call them.
struct BillingHarness: Sendable {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let live = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0003)
  static let stranger = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0004)
  static let customer = CustomerID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0c05)
  static let method = PaymentMethodID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0a06)

  let environment: ServiceEnvironment
  let clock: ManualClock
  let payments: FakePayments
  let calls: BillingCalls
  let events: PaymentEventCalls
  let worker: BillingWorker

  var database: PostgresClient { environment.database }

  /// - Parameter isTimeTheDatabases: what is due is due by the database's clock, as in production;
  ///   otherwise by the clock that the test moves.
  static func with(
    isTimeTheDatabases: Bool = false,
    _ body: @escaping @Sendable (BillingHarness) async throws -> Void
  ) async throws {
    let test = try TestDatabase.current
    let certificates = try TestCertificates()
    let files = try certificates.issue(["spiffe://tender/service/billing"], name: "billing")
    try await withEventLoop { loop in
      let migrator = Migrator(
        test.settings, loop: loop, schema: "billing", owner: test.ownerRole,
        migrations: BillingService.migrations)
      _ = try await migrator.migrate()
      try await test.run(
        """
        do $$ begin
          execute format('alter role billing_service in database %I set search_path = billing, pg_temp',
            current_database());
        end $$
        """)
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      let clock = ManualClock()
      let settings = try SettingsSource.reader(
        fileText: """
          listen = 127.0.0.1:1
          endpoints.file = none
          tls.certificate = \(files.chain)
          tls.key = \(files.key)
          tls.authority = \(files.authority)
          """, environment: [:])
      let environment = ServiceEnvironment(
        name: .billing, loop: loop, workers: try Workers(), database: database,
        settings: try ServiceSettings(config: settings), logger: Logger(label: "test"),
        clock: TestClock(clock: clock),
        tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
        endpoints: Endpoints(addresses: [:]))
      let harness = BillingHarness(
        environment, clock, isTimeTheDatabases ? .database : BillingTime(clock: environment.clock))
      do {
        try await onLoop(loop) { try await body(harness) }
        await database.shutdown()
      } catch {
        await database.shutdown()
        throw error
      }
    }
  }

  init(_ environment: ServiceEnvironment, _ clock: ManualClock, _ time: BillingTime) {
    self.environment = environment
    self.clock = clock
    payments = FakePayments()
    let payment = InvoicePayment(environment, port: payments, time: time, wake: {})
    let subscribing = Subscribing(payment: payment)
    let advance = ClockAdvance(renewals: Renewals(payment: payment))
    calls = BillingCalls(environment: environment, subscribing: subscribing, clock: advance)
    events = PaymentEventCalls(environment: environment, payment: payment)
    worker = BillingWorker(environment, subscribing, advance)
  }

  // MARK: Calls

  func call<R: Sendable>(
    _ method: String, key: String? = nil, merchant: MerchantID = merchant,
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.billing.v1.Test/\(method)", peer: .merchant(id: "m", client: "demo"),
      merchant: merchant, trace: .random(), key: try key.map { try IdempotencyKey($0) })
    return try await CallContext.$current.withValue(context) {
      try await withServerContextRPCCancellationHandle { handle in
        try await body(
          ServerContext(
            descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
            remotePeer: "in-process:test", localPeer: "in-process:test", cancellation: handle))
      }
    }
  }

  /// The reason of a refusal; nil if the call succeeds or fails otherwise.
  func reason<R>(_ body: () async throws -> R) async -> String? {
    do {
      _ = try await body()
      return nil
    } catch {
      return (error as? RPCFailure)?.reason
    }
  }

  func price(
    _ minor: Int64, _ unit: BillingV1.IntervalUnit = .month, merchant: MerchantID = merchant
  ) async throws -> String {
    let product = try await call("CreateProduct", key: "product\(minor)", merchant: merchant) {
      try await calls.createProduct(
        request: BillingV1.CreateProductRequest(name: "Seats"), context: $0)
    }
    let request = BillingV1.CreatePriceRequest(
      productID: product.product?.id ?? "",
      unitAmount: CommonV1.Money(currency: "EUR", amountMinor: minor), intervalUnit: unit)
    let price = try await call("CreatePrice", key: "price\(minor)", merchant: merchant) {
      try await calls.createPrice(request: request, context: $0)
    }
    return price.price?.id ?? ""
  }

  func subscribe(
    _ price: String, key: String = "subscribe", quantity: UInt32 = 1,
    merchant: MerchantID = merchant
  ) async throws -> (subscription: BillingV1.Subscription, invoice: BillingV1.Invoice) {
    let request = BillingV1.CreateSubscriptionRequest(
      customerID: Self.customer.description, priceID: price, quantity: quantity,
      paymentMethodID: Self.method.description)
    let response = try await call("CreateSubscription", key: key, merchant: merchant) {
      try await calls.createSubscription(request: request, context: $0)
    }
    guard let subscription = response.subscription, let invoice = response.invoice else {
      throw TestSetupError("no subscription")
    }
    return (subscription, invoice)
  }

  func cancel(_ id: String, key: String = "cancel") async throws -> BillingV1.Subscription {
    let response = try await call("CancelSubscription", key: key) {
      try await calls.cancelSubscription(
        request: BillingV1.CancelSubscriptionRequest(subscriptionID: id), context: $0)
    }
    guard let subscription = response.subscription else { throw TestSetupError("none") }
    return subscription
  }

  func advance(
    to moment: Timestamp, key: String, merchant: MerchantID = merchant
  ) async throws -> BillingV1.AdvanceClockResponse {
    try await call("AdvanceClock", key: key, merchant: merchant) {
      try await calls.advanceClock(
        request: BillingV1.AdvanceClockRequest(to: moment.wire), context: $0)
    }
  }

  func subscription(_ id: String) async throws -> BillingV1.Subscription {
    let response = try await call("GetSubscription") {
      try await calls.getSubscription(
        request: BillingV1.GetSubscriptionRequest(subscriptionID: id), context: $0)
    }
    guard let subscription = response.subscription else { throw TestSetupError("none") }
    return subscription
  }

  func invoice(_ id: String) async throws -> BillingV1.Invoice {
    let response = try await call("GetInvoice") {
      try await calls.getInvoice(request: BillingV1.GetInvoiceRequest(invoiceID: id), context: $0)
    }
    guard let invoice = response.invoice else { throw TestSetupError("none") }
    return invoice
  }

  /// Newest first.
  func invoices(_ id: String) async throws -> [BillingV1.Invoice] {
    try await call("ListInvoices") {
      try await calls.listInvoices(
        request: BillingV1.ListInvoicesRequest(subscriptionID: id), context: $0)
    }.invoices
  }

  /// News from intents about an invoice's intent.
  func tell(
    _ invoice: String, _ intent: String, version: UInt64,
    _ status: IntentsV1.PaymentIntentStatus, code: String = "", paidMinor: Int64? = nil
  ) async throws -> UInt32 {
    let event = BillingV1.PaymentEvent(
      merchantID: Self.merchant.description, paymentIntentID: intent, version: version,
      status: status,
      failure: code.isEmpty ? nil : IntentsV1.PaymentFailure(kind: .retryable, code: code),
      origin: CommonV1.Origin(type: "invoice", id: invoice), amountPaidMinor: paidMinor)
    return try await call("ApplyPaymentEvents") {
      try await events.applyPaymentEvents(
        request: BillingV1.ApplyPaymentEventsRequest(events: [event]), context: $0)
    }.applied
  }

  /// The types of the events that merchants get, in order.
  func told() async throws -> [String] {
    try await database.query("select payload from outbox order by sequence").map { row in
      try WebhooksV1.EventToPublish(decoding: row[0, as: [UInt8].self], strict: false).type
    }
  }

  func count(_ sql: String) async throws -> Int64 {
    try await database.query(Statement(sql: sql)).single()[0, as: Int64.self]
  }
}

struct TestClock: WallClock {
  let clock: ManualClock
  var now: Timestamp { clock.now }
}
