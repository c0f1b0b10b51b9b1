import BillingCore
import Money
import ServiceKit

/// The public JSON shapes: `data.object` of webhook events.
enum BillingJSON {
  static func text(_ row: SubscriptionRow) -> String {
    let contract = row.contract
    return JSONValue.object([
      ("id", .string(row.id.description)),
      ("object", .string("subscription")),
      ("merchant_id", .string(row.merchant.description)),
      ("livemode", .boolean(row.livemode)),
      ("customer_id", .string(row.customer.description)),
      ("price_id", .string(row.price.description)),
      ("quantity", .integer(contract.quantity)),
      ("unit_amount_minor", .integer(contract.unitAmount.minor)),
      ("currency", .string(contract.unitAmount.currency.code)),
      ("interval_unit", .string(contract.schedule.interval.unit.publicName)),
      ("interval_count", .integer(Int64(contract.schedule.interval.count))),
      ("payment_method_id", .string(row.paymentMethod.description)),
      ("status", .string(row.status.publicName)),
      ("anchor_at", .string(contract.schedule.anchor.description)),
      ("current_period", .integer(Int64(row.currentPeriod.index))),
      ("current_period_start", .string(row.currentPeriod.start.description)),
      ("current_period_end", .string(row.currentPeriod.end.description)),
      ("latest_invoice_id", .string(row.latestInvoice.description)),
      ("created_at", .string(row.createdAt.description)),
      ("canceled_at", .optional(row.canceledAt?.description)),
      ("version", .integer(row.version)),
    ]).text
  }

  static func text(_ row: InvoiceRow, _ lines: [BillLine]) -> String {
    JSONValue.object([
      ("id", .string(row.id.description)),
      ("object", .string("invoice")),
      ("merchant_id", .string(row.merchant.description)),
      ("livemode", .boolean(row.merchant.isLive)),
      ("subscription_id", .string(row.subscription.description)),
      ("number", .string(row.number.description)),
      ("status", .string(row.status.publicName)),
      ("total_minor", .integer(row.total.minor)),
      ("currency", .string(row.total.currency.code)),
      ("lines", .array(lines.map(line))),
      ("period", .integer(Int64(row.period))),
      ("payment_intent_id", .optional(row.intent?.description)),
      ("payment_status", .optional(row.paymentStatus?.publicName)),
      ("payment_failure_code", .optional(row.paymentFailureCode)),
      ("payment_tries", .integer(Int64(row.paymentTries))),
      ("created_at", .string(row.createdAt.description)),
      ("paid_at", .optional(row.paidAt?.description)),
      ("version", .integer(row.version)),
    ]).text
  }

  private static func line(_ line: BillLine) -> JSONValue {
    .object([
      ("description", .string(line.description)),
      ("quantity", .integer(line.quantity)),
      ("amount_minor", .integer(line.amount.minor)),
      ("currency", .string(line.amount.currency.code)),
      ("period_start", .string(line.start.description)),
      ("period_end", .string(line.end.description)),
    ])
  }
}
