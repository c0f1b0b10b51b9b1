import BillingCore
import GRPCCore
import Money
import Postgres
import ServiceKit
import Wire

extension BillingCalls {
  /// Invoices in one answer.
  static let invoicesMax: Int64 = 100

  // MARK: Catalog

  func createProduct(
    request: BillingV1.CreateProductRequest, context: ServerContext
  ) async throws -> BillingV1.CreateProductResponse {
    try await environment.idempotency.perform(request) { [environment] transaction, call in
      let merchant = try call.requireMerchant()
      let id = environment.identifiers.make(ProductID.self)
      let now = environment.clock.now
      _ = try await transaction.query(
        CatalogStatements.insertProduct(
          id, of: merchant, name: request.name, at: now, environment.stamp))
      return BillingV1.CreateProductResponse(
        product: BillingV1.Product(
          id: id.description, merchantID: merchant.description, name: request.name,
          createdAt: now.wire))
    }
  }

  func createPrice(
    request: BillingV1.CreatePriceRequest, context: ServerContext
  ) async throws -> BillingV1.CreatePriceResponse {
    let product = try RequestFields.requiredID(request.productID, "product_id", as: ProductID.self)
    let amount = try RequestFields.amount(request.unitAmount, field: "unit_amount")
    let interval = try RequestFields.interval(request.intervalUnit, count: request.intervalCount)
    return try await environment.idempotency.perform(request) { [environment] transaction, call in
      let merchant = try call.requireMerchant()
      let found = try await transaction.query(
        CatalogStatements.productExists(product, of: merchant))
      guard let name = try found.first?[0, as: String.self] else {
        throw BillingRefusal.productNotFound
      }
      let price = PriceRow(
        merchant: merchant, id: environment.identifiers.make(), product: product,
        unitAmount: amount, interval: interval, createdAt: environment.clock.now,
        productName: name)
      _ = try await transaction.query(CatalogStatements.insertPrice(price, environment.stamp))
      return BillingV1.CreatePriceResponse(price: BillingV1.Price(price))
    }
  }

  // MARK: Reading

  func getSubscription(
    request: BillingV1.GetSubscriptionRequest, context: ServerContext
  ) async throws -> BillingV1.GetSubscriptionResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.subscriptionID, "subscription_id", as: SubscriptionID.self)
    return BillingV1.GetSubscriptionResponse(
      subscription: BillingV1.Subscription(try await subscription(id, of: merchant)))
  }

  func getInvoice(
    request: BillingV1.GetInvoiceRequest, context: ServerContext
  ) async throws -> BillingV1.GetInvoiceResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(request.invoiceID, "invoice_id", as: InvoiceID.self)
    let rows = try await environment.database.query(InvoiceStatements.get(id, of: merchant))
    guard let invoice = try await views(rows, of: merchant).first else {
      throw BillingRefusal.invoiceNotFound
    }
    return BillingV1.GetInvoiceResponse(invoice: invoice)
  }

  func listInvoices(
    request: BillingV1.ListInvoicesRequest, context: ServerContext
  ) async throws -> BillingV1.ListInvoicesResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.subscriptionID, "subscription_id", as: SubscriptionID.self)
    _ = try await subscription(id, of: merchant)
    let rows = try await environment.database.query(
      InvoiceStatements.list(of: id, merchant, limit: Self.invoicesMax))
    return BillingV1.ListInvoicesResponse(invoices: try await views(rows, of: merchant))
  }

  private func subscription(
    _ id: SubscriptionID, of merchant: MerchantID
  ) async throws -> SubscriptionRow {
    let rows = try await environment.database.query(SubscriptionStatements.get(id, of: merchant))
    guard let row = rows.first else { throw BillingRefusal.subscriptionNotFound }
    return try SubscriptionRow(row: row)
  }

  /// Invoices with their lines.
  private func views(_ rows: Rows, of merchant: MerchantID) async throws -> [BillingV1.Invoice] {
    let invoices = try rows.map(InvoiceRow.init(row:))
    guard !invoices.isEmpty else { return [] }
    let lines = try await environment.database.query(
      InvoiceStatements.lines(of: invoices.map(\.id), merchant)
    ).map(InvoiceLineRow.init(row:))
    let byInvoice = Dictionary(grouping: lines, by: \.invoice)
    return invoices.map { invoice in
      BillingV1.Invoice(invoice, (byInvoice[invoice.id] ?? []).map(\.line))
    }
  }
}
