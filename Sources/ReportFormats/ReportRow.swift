package import Money

/// One line of a report in the platform's words.
package struct ReportRow: Sendable, Hashable {
  /// The line it began on, the header's being 1.
  package var line: Int
  package var type: ReportRowType
  /// The vendor's own word for it.
  package var typeText: String
  /// The gateway's id of the payment; empty where the line is about none.
  package var paymentReference: String
  /// Our reference of the payment or of the modification, where the report has it.
  package var ownReference: String
  /// The gateway's id of the movement: a modification at Adyen, a balance transaction at Stripe.
  package var movementReference: String
  /// The gateway's id of the object that moved money: a charge, refund or dispute at Stripe, the
  /// modification at Adyen. Empty where the report has none.
  package var sourceReference: String
  /// The batch at Adyen, the payout at Stripe; empty in reports that have none.
  package var batch: String
  /// As written, in the report's time zone.
  package var bookedAt: String
  /// When its payout takes effect, as written; empty where the report does not say it.
  package var paidAt: String
  /// Towards us positive, away from us negative.
  package var gross: Amount
  package var fee: Amount?
  package var net: Amount?
  /// Columns that this version does not know, by name.
  package var others: [String: String]
}

/// What the reference of a movement names.
package enum ReferenceScope: Sendable, Hashable {
  /// One movement at the gateway, for good.
  case gateway
  /// One movement of its batch: the next batch may have another one of the same name.
  case batch
}

/// What a whole report comes to.
package struct ReportSummary: Sendable, Hashable {
  package var rowCount = 0
  package var countByType: [ReportRowType: Int] = [:]
  /// Of the lines that have a net amount.
  package var net: [Currency: Int64] = [:]

  package init() {}

  package mutating func add(_ row: ReportRow) {
    rowCount += 1
    countByType[row.type, default: 0] += 1
    if let amount = row.net {
      net[amount.currency] = (net[amount.currency] ?? 0).addingReportingOverflow(amount.minor)
        .partialValue
    }
  }
}
