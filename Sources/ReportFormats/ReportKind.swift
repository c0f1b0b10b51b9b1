/// The reports that are read. Raw values are those of contract, SQL and command line.
package enum ReportKind: String, Sendable, Hashable, CaseIterable {
  /// Stripe, `payout_reconciliation.itemized.5`: what each payout consists of.
  case payoutReconciliation = "payout_reconciliation"
  /// Adyen, settlement details: what each batch that was paid out consists of.
  case settlementDetail = "settlement_detail"
  /// Adyen, payment accounting: every change of every payment's state. The only book of Adyen's that
  /// names a payment by our reference, whatever became of its answer.
  case paymentAccounting = "payment_accounting"

  /// What the reference of a line's movement names.
  ///
  /// - Parameter payment: the gateway's id of the line's payment; empty: none.
  package func referenceScope(payment: String) -> ReferenceScope {
    ReportLayout.of(self).referenceScope(payment: payment)
  }
}

/// What a line of a report says happened.
package enum ReportRowType: String, Sendable, Hashable, CaseIterable {
  // The course of a payment
  case received, refused, authorized, canceled, captureSent, captured, captureFailed
  case refundSent, refunded, refundFailed
  case disputed, disputeReversed
  // Money without a payment
  case fee, payout, payoutReversed, adjustment, transfer, reserve, topUp

  /// `capture_failed`
  package var word: String {
    String(rawValue.flatMap { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" })
  }

  /// The vendors' own words. What is not listed refuses the report.
  package static func of(_ text: String, in kind: ReportKind) -> ReportRowType? {
    switch kind {
    case .payoutReconciliation: stripe[text]
    case .settlementDetail: settlement[text]
    case .paymentAccounting: accounting[text]
    }
  }

  /// Stripe's reporting categories (docs.stripe.com/reports/reporting-categories), those that a
  /// merchant with payments of its own can have.
  private static let stripe: [String: ReportRowType] = [
    "charge": .captured, "charge_failure": .captureFailed,
    "partial_capture_reversal": .captureFailed, "refund": .refunded,
    "refund_failure": .refundFailed, "dispute": .disputed, "dispute_reversal": .disputeReversed,
    "fee": .fee, "network_cost": .fee, "tax": .fee, "payout": .payout,
    "payout_reversal": .payoutReversed, "other_adjustment": .adjustment,
    "contribution": .adjustment, "risk_reserved_funds": .reserve,
    "connect_reserved_funds": .reserve, "transfer": .transfer, "transfer_reversal": .transfer,
    "topup": .topUp, "topup_reversal": .topUp,
  ]

  /// Types of Adyen's settlement details report.
  private static let settlement: [String: ReportRowType] = [
    "Settled": .captured, "SettledBulk": .captured, "SettledInInstallments": .captured,
    "SettledReversed": .captureFailed, "Refunded": .refunded, "RefundedBulk": .refunded,
    "RefundedReversed": .refundFailed, "Chargeback": .disputed, "SecondChargeback": .disputed,
    "ChargebackReversed": .disputeReversed, "Fee": .fee, "MiscCosts": .fee, "PaymentCost": .fee,
    "InvoiceDeduction": .fee, "MerchantPayout": .payout, "PaidOut": .payout,
    "PaidOutReversed": .payoutReversed, "BankInstructionReturned": .payoutReversed,
    "DepositCorrection": .reserve, "ManualCorrected": .adjustment, "Balancetransfer": .transfer,
  ]

  /// Record types of Adyen's payment accounting report.
  private static let accounting: [String: ReportRowType] = [
    "Received": .received, "Refused": .refused, "Error": .refused, "Authorised": .authorized,
    "Cancelled": .canceled, "Expired": .canceled, "SentForSettle": .captureSent,
    "Settled": .captured, "SettledBulk": .captured, "SettledInInstallments": .captured,
    "SettledReversed": .captureFailed, "CaptureFailed": .captureFailed,
    "SentForRefund": .refundSent, "RefundAuthorised": .refundSent, "Refunded": .refunded,
    "RefundedBulk": .refunded, "RefundedReversed": .refundFailed, "RefundFailed": .refundFailed,
    "Chargeback": .disputed, "SecondChargeback": .disputed,
    "ChargebackReversed": .disputeReversed,
  ]
}
