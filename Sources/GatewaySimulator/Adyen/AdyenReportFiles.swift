import InboundHTTP

/// Report files: made from the books of a day (UTC) when they are downloaded, announced when the
/// control port says so.
extension AdyenAPI {
  static let settlementPrefix = "settlement_detail_report_batch_"
  static let accountingPrefix = "payments_accounting_report_"
  private static let dayMilliseconds: Int64 = 86_400_000

  /// Reports need the key and the account in the path; no body.
  func routeReport(_ request: Request) -> Routing? {
    let path = request.segments
    guard request.method == "GET", path.count == 5, path[0] == "reports", path[1] == "download",
      path[2] == "MerchantAccount", path[3] == merchantAccount
    else { return nil }
    return .call(
      Call(
        operation: .report, target: path[4],
        facts: FaultFacts(gateway: .adyen, operation: .report)))
  }

  func report(_ call: Call, _ books: Books) -> Outcome {
    guard let body = reportFile(call.target ?? "", books) else {
      return AdyenError(status: 404, code: "000", message: "Not Found", type: "validation").unstored
    }
    return Outcome(
      response: Response(status: 200, contentType: "text/csv", body: body), isStored: false)
  }

  /// REPORT_AVAILABLE; false for a name that no report has.
  func announceReport(_ name: String, _ books: inout Books, now: Int64) -> Bool {
    guard reportFile(name, books) != nil else { return false }
    var item = NotificationItem(
      pspReference: name, merchantAccount: merchantAccount, merchantReference: "", amount: 0,
      currency: "EUR", eventCode: "REPORT_AVAILABLE", succeeds: true, atMilliseconds: now)
    item.reason =
      "https://ca-test.adyen.com/reports/download/MerchantAccount/\(merchantAccount)/\(name)"
    books.put(
      .event(
        Event(
          gateway: .adyen, id: item.eventCode + name, type: item.eventCode, createdAt: now,
          body: item.message(key: signingKey), isUndelivered: announces)))
    return true
  }

  /// `settlement_detail_report_batch_20784.csv` (the day since 1970), or
  /// `payments_accounting_report_2026_11_27.csv`.
  private func reportFile(_ name: String, _ books: Books) -> [UInt8]? {
    guard name.hasSuffix(".csv") else { return nil }
    let stem = name.dropLast(4)
    if stem.hasPrefix(Self.settlementPrefix) {
      guard let day = Int64(stem.dropFirst(Self.settlementPrefix.count)), (0...100_000).contains(day)
      else { return nil }
      return settlement(day, books)
    }
    guard stem.hasPrefix(Self.accountingPrefix) else { return nil }
    let date = stem.dropFirst(Self.accountingPrefix.count).replacing("_", with: "-")
    guard date.utf8.count == 10 else { return nil }
    return accounting(String(date), books)
  }

  private struct Movement {
    var at: Int64
    var id: String
    var amount: Int64
    var payment: Payment
    var ownReference: String
  }

  private func captures(_ books: Books) -> [Movement] {
    let asked = books.modificationOrder.compactMap { books.modifications[$0] }.filter {
      $0.kind == .capture && $0.status == "done"
    }.compactMap { modification -> Movement? in
      guard let payment = books.payments[modification.target], payment.captured > 0 else {
        return nil
      }
      return Movement(
        at: modification.createdAt, id: modification.id,
        amount: modification.amount ?? payment.captured, payment: payment,
        ownReference: modification.reference)
    }
    let atOnce = adyenPayments(books).filter { !$0.capturesManually && $0.captured > 0 }.map {
      Movement(at: $0.createdAt, id: $0.id, amount: $0.captured, payment: $0, ownReference: "")
    }
    return asked + atOnce
  }

  private func refunds(_ books: Books) -> [Movement] {
    books.refundOrder.compactMap { books.refunds[$0] }
      .filter { $0.gateway == .adyen && $0.status == "succeeded" }
      .compactMap { refund in
        books.payments[refund.paymentID].map {
          Movement(
            at: refund.createdAt, id: refund.id, amount: refund.amount, payment: $0,
            ownReference: refund.reference)
        }
      }
  }

  private func adyenPayments(_ books: Books) -> [Payment] {
    books.paymentOrder.compactMap { books.payments[$0] }.filter { $0.gateway == .adyen }
  }

  private func settlement(_ day: Int64, _ books: Books) -> [UInt8] {
    let span = day * Self.dayMilliseconds..<(day + 1) * Self.dayMilliseconds
    var csv = CSVWriter()
    csv.row([
      "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference",
      "Payment Method", "Creation Date", "TimeZone", "Type", "Modification Reference",
      "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Exchange Rate", "Net Currency",
      "Net Debit (NC)", "Net Credit (NC)", "Commission (NC)", "Markup (NC)", "Scheme Fees (NC)",
      "Interchange (NC)", "Payment Method Variant", "Modification Merchant Reference",
      "Batch Number", "Reserved4", "Reserved5",
    ])
    var sums: [String: Int64] = [:]
    func line(_ type: String, _ movement: Movement?, _ currency: String, _ gross: Int64, _ fee: Int64) {
      func text(_ units: Int64) -> String { ReportAmount.text(units, currency, at: .adyen) }
      let net = gross - fee
      csv.row([
        merchantAccount + "Company", merchantAccount, movement?.payment.id ?? "",
        movement?.payment.reference ?? "", "visa",
        reportTime(milliseconds: movement?.at ?? span.upperBound - 1), "UTC", type,
        movement?.id ?? "", currency, gross < 0 ? text(-gross) : "", gross >= 0 ? text(gross) : "",
        "1", currency, net < 0 ? text(-net) : "", net >= 0 ? text(net) : "",
        fee == 0 ? "" : text(fee), "", "", "", "visa", movement?.ownReference ?? "", String(day),
        "", "",
      ])
      sums[currency, default: 0] += net
    }
    for movement in captures(books) where span.contains(movement.at) {
      line(
        "Settled", movement, movement.payment.currency, movement.amount,
        ReportAmount.fee(movement.amount))
    }
    for movement in refunds(books) where span.contains(movement.at) {
      line("Refunded", movement, movement.payment.currency, -movement.amount, 0)
    }
    for (currency, sum) in sums.sorted(by: { $0.key < $1.key }) {
      line("MerchantPayout", nil, currency, -sum, 0)
    }
    return csv.bytes
  }

  private func accounting(_ date: String, _ books: Books) -> [UInt8] {
    var csv = CSVWriter()
    csv.row([
      "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference",
      "Payment Method", "Booking Date", "TimeZone", "Main Currency", "Main Amount", "Record Type",
      "Payment Currency", "Received (PC)", "Authorised (PC)", "Captured (PC)",
      "Settlement Currency", "Payable (SC)", "Commission (SC)", "Markup (SC)", "Scheme Fees (SC)",
      "Interchange (SC)", "Processing Fee Currency", "Processing Fee (FC)", "User Name",
      "Payment Method Variant", "Modification Merchant Reference", "Modification Psp Reference",
    ])
    func line(
      _ type: String, _ payment: Payment, at: Int64, _ columns: [Int64?], _ movement: Movement? = nil
    ) {
      let time = reportTime(milliseconds: at)
      guard time.hasPrefix(date) else { return }
      let amounts = columns.map { units in
        units.map { ReportAmount.text($0, payment.currency, at: .adyen) } ?? ""
      }
      csv.row(
        [
          merchantAccount + "Company", merchantAccount, payment.id, payment.reference, "visa", time,
          "UTC", payment.currency,
          ReportAmount.text(movement?.amount ?? payment.amount, payment.currency, at: .adyen), type,
          payment.currency,
        ] + amounts + [
          payment.currency, "", "", "", "", "", "EUR", "0.10", "system", "visa",
          movement?.ownReference ?? "", movement?.id ?? "",
        ])
    }
    for payment in adyenPayments(books) {
      let amount = payment.amount
      line("Received", payment, at: payment.createdAt, [amount, nil, nil])
      if payment.status == .refused {
        line("Refused", payment, at: payment.createdAt, [-amount, nil, nil])
      }
      if payment.authorized > 0 {
        line("Authorised", payment, at: payment.createdAt, [-amount, amount, nil])
      }
      if let canceledAt = payment.canceledAt {
        line("Cancelled", payment, at: canceledAt, [nil, -amount, nil])
      }
    }
    for movement in captures(books) {
      let amount = movement.amount
      line("SentForSettle", movement.payment, at: movement.at, [nil, -amount, amount], movement)
      line("Settled", movement.payment, at: movement.at, [nil, nil, -amount], movement)
    }
    for movement in refunds(books) {
      let amount = movement.amount
      line("SentForRefund", movement.payment, at: movement.at, [nil, nil, -amount], movement)
      line("Refunded", movement.payment, at: movement.at, [nil, nil, amount], movement)
    }
    return csv.bytes
  }
}
