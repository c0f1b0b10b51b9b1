import BillingCore
import Money
import ServiceKit
import Wire

extension BillingV1.Price {
  init(_ row: PriceRow) {
    self.init(
      id: row.id.description, merchantID: row.merchant.description,
      productID: row.product.description, unitAmount: CommonV1.Money(row.unitAmount),
      intervalUnit: .init(rawValue: Int32(row.interval.unit.rawValue)),
      intervalCount: UInt32(row.interval.count), createdAt: row.createdAt.wire)
  }
}

extension BillingV1.Subscription {
  /// The subscription as callers see it.
  init(_ row: SubscriptionRow) {
    self.init(
      id: row.id.description, merchantID: row.merchant.description,
      customerID: row.customer.description, priceID: row.price.description,
      quantity: UInt32(clamping: row.contract.quantity),
      paymentMethodID: row.paymentMethod.description,
      status: .init(rawValue: Int32(row.status.rawValue)),
      anchorAt: row.contract.schedule.anchor.wire,
      currentPeriod: UInt32(row.currentPeriod.index),
      currentPeriodStart: row.currentPeriod.start.wire,
      currentPeriodEnd: row.currentPeriod.end.wire,
      latestInvoiceID: row.latestInvoice.description, createdAt: row.createdAt.wire,
      canceledAt: row.canceledAt?.wire, version: UInt64(row.version))
  }
}

extension BillingV1.Invoice {
  /// The invoice as callers see it.
  init(_ row: InvoiceRow, _ lines: [BillLine]) {
    self.init(
      id: row.id.description, merchantID: row.merchant.description,
      subscriptionID: row.subscription.description, number: row.number.description,
      status: .init(rawValue: Int32(row.status.rawValue)), total: CommonV1.Money(row.total),
      lines: lines.map(BillingV1.InvoiceLine.init(_:)), period: UInt32(row.period),
      paymentIntentID: row.intent?.description ?? "",
      paymentStatus: .init(rawValue: Int32(row.paymentStatus?.rawValue ?? 0)),
      createdAt: row.createdAt.wire, paidAt: row.paidAt?.wire,
      paymentTries: UInt32(row.paymentTries))
  }
}

extension BillingV1.InvoiceLine {
  init(_ line: BillLine) {
    self.init(
      description: line.description, quantity: UInt32(clamping: line.quantity),
      amount: CommonV1.Money(line.amount), periodStart: line.start.wire, periodEnd: line.end.wire)
  }
}
