import Money

/// Which column means what, per kind of report.
struct ReportLayout: Sendable {
  /// Without one of these the report is refused.
  let required: [String]
  /// All that is understood; the others are kept as they are.
  private let known: Set<String>
  /// What the reference of a line without a payment names.
  private let ownReferences: ReferenceScope

  private init(
    required: [String], optional: [String] = [], ownReferences: ReferenceScope = .gateway
  ) {
    self.required = required
    self.ownReferences = ownReferences
    known = Set(required + optional)
  }

  func referenceScope(payment: String) -> ReferenceScope {
    payment.isEmpty ? ownReferences : .gateway
  }

  static func of(_ kind: ReportKind) -> ReportLayout {
    switch kind {
    case .payoutReconciliation: stripe
    case .settlementDetail: settlement
    case .paymentAccounting: accounting
    }
  }

  private static let stripe = ReportLayout(
    required: [
      "automatic_payout_id", "balance_transaction_id", "created_utc", "currency", "gross", "fee",
      "net", "reporting_category", "payment_intent_id",
    ], optional: ["source_id"])

  private static let settlement = ReportLayout(
    required: [
      "Merchant Account", "Psp Reference", "Merchant Reference", "Creation Date", "Type",
      "Modification Reference", "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)",
      "Net Currency", "Net Debit (NC)", "Net Credit (NC)", "Batch Number",
    ],
    optional: [
      "Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)",
      "Modification Merchant Reference",
    ],
    // "Transaction Fees November 2026", in each settlement of the month; a payout has the number of its
    // batch.
    ownReferences: .batch)

  private static let accounting = ReportLayout(
    required: [
      "Merchant Account", "Psp Reference", "Merchant Reference", "Booking Date", "Record Type",
      "Payment Currency", "Received (PC)", "Authorised (PC)", "Captured (PC)",
    ],
    optional: [
      "Main Currency", "Main Amount", "Modification Psp Reference",
      "Modification Merchant Reference",
    ])

  func row(
    _ record: ReportRecord, _ kind: ReportKind, _ account: String
  ) throws(ReportError) -> ReportRow {
    switch kind {
    case .payoutReconciliation: try stripeRow(record)
    case .settlementDetail: try settlementRow(record, account)
    case .paymentAccounting: try accountingRow(record, account)
    }
  }

  private func rowType(
    _ text: String, _ kind: ReportKind, _ record: ReportRecord
  ) throws(ReportError) -> ReportRowType {
    guard let type = ReportRowType.of(text, in: kind) else {
      throw .unknownType(line: record.line, ReportError.shown(text))
    }
    return type
  }

  private func stripeRow(_ record: ReportRecord) throws(ReportError) -> ReportRow {
    let text = record["reporting_category"]
    let type = try rowType(text, .payoutReconciliation, record)
    let currency = try record.currency("currency")
    guard let gross = try record.amount("gross", currency) else {
      throw .amountInvalid(line: record.line, column: "gross")
    }
    guard let fee = try record.amount("fee", currency),
      let net = try record.amount("net", currency)
    else { throw .amountInvalid(line: record.line, column: "net") }
    guard gross.minor.subtractingReportingOverflow(fee.minor) == (net.minor, false) else {
      throw .lineDoesNotAdd(line: record.line)
    }
    return ReportRow(
      line: record.line, type: type, typeText: text,
      paymentReference: record["payment_intent_id"], ownReference: "",
      movementReference: record["balance_transaction_id"],
      sourceReference: record["source_id"], batch: record["automatic_payout_id"],
      bookedAt: record["created_utc"], paidAt: paidAt(record), gross: gross, fee: fee, net: net,
      others: record.others(besides: known))
  }

  /// When the line's payout arrives, or else when its money may be paid out at the earliest. Which of
  /// the columns a report has, its options say; they are kept as well.
  private func paidAt(_ record: ReportRecord) -> String {
    [
      "automatic_payout_effective_at_utc", "automatic_payout_effective_at", "available_on_utc",
      "available_on",
    ].lazy.map { record[$0] }.first { !$0.isEmpty } ?? ""
  }

  private func settlementRow(
    _ record: ReportRecord, _ account: String
  ) throws(ReportError) -> ReportRow {
    let text = record["Type"]
    let type = try rowType(text, .settlementDetail, record)
    try check(record, account)
    let net = try record.currency("Net Currency")
    let received = try balance(record, "Net Credit (NC)", "Net Debit (NC)", net)
    // A payout or a fee has no amount of a payment.
    var gross = received
    if !record["Gross Currency"].isEmpty {
      let currency = try record.currency("Gross Currency")
      gross = try balance(record, "Gross Credit (GC)", "Gross Debit (GC)", currency)
    }
    return ReportRow(
      line: record.line, type: type, typeText: text, paymentReference: record["Psp Reference"],
      ownReference: own(record), movementReference: record["Modification Reference"],
      sourceReference: record["Modification Reference"], batch: record["Batch Number"],
      bookedAt: record["Creation Date"], paidAt: "", gross: gross, fee: try fee(record, net),
      net: received, others: record.others(besides: known))
  }

  /// Credits less debits; an empty field is nothing.
  private func balance(
    _ record: ReportRecord, _ credit: String, _ debit: String, _ currency: Currency
  ) throws(ReportError) -> Amount {
    let zero = Amount.zero(currency)
    do {
      return try (record.amount(credit, currency) ?? zero)
        .subtracting(record.amount(debit, currency) ?? zero)
    } catch let error as ReportError {
      throw error
    } catch {
      throw .amountInvalid(line: record.line, column: credit)
    }
  }

  /// The parts of the fee that the account's pricing has.
  private func fee(_ record: ReportRecord, _ currency: Currency) throws(ReportError) -> Amount? {
    var sum: Amount?
    for name in ["Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"] {
      guard let part = try record.amount(name, currency) else { continue }
      do {
        sum = try (sum ?? .zero(currency)).adding(part)
      } catch {
        throw .amountInvalid(line: record.line, column: name)
      }
    }
    return sum
  }

  /// A payment's state: its amount is in the column of the state it came to.
  private func accountingRow(
    _ record: ReportRecord, _ account: String
  ) throws(ReportError) -> ReportRow {
    let text = record["Record Type"]
    let type = try rowType(text, .paymentAccounting, record)
    try check(record, account)
    let currency = try record.currency("Payment Currency")
    let column =
      switch type {
      case .received, .refused: "Received (PC)"
      case .authorized, .canceled: "Authorised (PC)"
      default: "Captured (PC)"
      }
    // Bookings move amounts between the columns: signs tell from where, not to whom.
    guard let amount = try record.amount(column, currency) else {
      throw .amountInvalid(line: record.line, column: column)
    }
    return ReportRow(
      line: record.line, type: type, typeText: text, paymentReference: record["Psp Reference"],
      ownReference: own(record), movementReference: record["Modification Psp Reference"],
      sourceReference: record["Modification Psp Reference"], batch: "",
      bookedAt: record["Booking Date"], paidAt: "", gross: amount, fee: nil, net: nil,
      others: record.others(besides: known))
  }

  private func own(_ record: ReportRecord) -> String { record["Merchant Reference"] }

  private func check(_ record: ReportRecord, _ account: String) throws(ReportError) {
    guard record["Merchant Account"] == account else { throw .otherAccount(line: record.line) }
  }
}
