import InboundHTTP

/// Report runs and their files. A run's id says all about it, so that it outlives a restart; the file
/// is made from the books when it is downloaded.
extension StripeAPI {
  private static let runPrefix = "frr_"
  private static let filePrefix = "file_"
  static let reportType = "payout_reconciliation.itemized.5"

  /// A span in seconds and when the run was made, in milliseconds.
  private struct Run {
    var start: Int64
    var end: Int64
    var madeAt: Int64

    var text: String { "\(start)x\(end)x\(madeAt)" }

    init(start: Int64, end: Int64, madeAt: Int64) {
      (self.start, self.end, self.madeAt) = (start, end, madeAt)
    }

    init?(_ id: String, prefix: String) {
      guard id.hasPrefix(prefix) else { return nil }
      let numbers = id.dropFirst(prefix.count).split(separator: "x").compactMap { Int64($0) }
      guard numbers.count == 3, numbers[0] < numbers[1] else { return nil }
      self.init(start: numbers[0], end: numbers[1], madeAt: numbers[2])
    }
  }

  func createRun(_ call: Call, _ now: Int64) -> Outcome {
    let known: Set = ["report_type", "parameters", "expand"]
    if let unknown = StripeParameters.firstUnknown(call.form, known) {
      return StripeError.unknownParameter(unknown).unstored
    }
    guard call.form["report_type"] == Self.reportType else {
      return StripeError(message: "Invalid report type.", parameter: "report_type").unstored
    }
    guard let start = call.form["parameters[interval_start]"].flatMap({ Int64($0) }),
      let end = call.form["parameters[interval_end]"].flatMap({ Int64($0) }), start >= 0, start < end
    else {
      return StripeError(message: "Invalid interval.", parameter: "parameters").unstored
    }
    let run = Run(start: start, end: end, madeAt: now)
    return Outcome(response: response(run, now), isStored: true)
  }

  /// nil: the id is none of a run.
  func retrieveRun(_ id: String, _ now: Int64) -> Outcome? {
    Run(id, prefix: Self.runPrefix).map { Outcome(response: response($0, now), isStored: false) }
  }

  private func response(_ run: Run, _ now: Int64) -> Response {
    let isReady = now >= run.madeAt + tuning.modification
    return .object { writer in
      writer.object(nil) { out in
        out.text("id", Self.runPrefix + run.text)
        out.text("object", "reporting.report_run")
        out.number("created", run.madeAt / 1_000)
        out.text("error", nil)
        out.flag("livemode", false)
        out.object("parameters") { parameters in
          parameters.number("interval_start", run.start)
          parameters.number("interval_end", run.end)
        }
        out.text("report_type", Self.reportType)
        if isReady {
          out.object("result") { file in
            file.text("id", Self.filePrefix + run.text)
            file.text("object", "file")
            file.text("type", "csv")
            file.text("url", "https://files.stripe.com/v1/files/\(Self.filePrefix + run.text)/contents")
          }
        } else {
          out.null("result")
        }
        out.text("status", isReady ? "succeeded" : "pending")
        out.number("succeeded_at", isReady ? (run.madeAt + tuning.modification) / 1_000 : nil)
      }
    }
  }

  func contents(_ call: Call, _ books: Books) -> Outcome {
    guard let run = Run(call.target ?? "", prefix: Self.filePrefix) else {
      return StripeError.noSuch("file", call.target ?? "", parameter: "file", status: 404).unstored
    }
    let span = run.start * 1_000..<run.end * 1_000
    var csv = CSVWriter()
    csv.row([
      "automatic_payout_id", "automatic_payout_effective_at", "balance_transaction_id",
      "created_utc", "currency", "gross", "fee", "net", "reporting_category", "source_id",
      "description", "customer_id", "charge_id", "payment_intent_id",
    ])
    let payout = "po_\(run.start)x\(run.end)"
    func line(
      _ id: String, _ at: Int64, _ currency: String, _ gross: Int64, _ fee: Int64,
      _ category: String, _ payment: Payment
    ) {
      csv.row([
        payout, reportTime(milliseconds: run.end * 1_000), "txn_" + id, reportTime(milliseconds: at),
        currency.lowercased(), ReportAmount.text(gross, currency, at: .stripe),
        ReportAmount.text(fee, currency, at: .stripe),
        ReportAmount.text(gross - fee, currency, at: .stripe), category, id, "", "",
        payment.chargeID ?? "", payment.id,
      ])
    }
    for payment in books.paymentOrder.compactMap({ books.payments[$0] })
    where payment.gateway == .stripe && payment.captured > 0 && span.contains(payment.createdAt) {
      line(
        payment.id, payment.createdAt, payment.currency, payment.captured,
        ReportAmount.fee(payment.captured), "charge", payment)
    }
    for refund in books.refundOrder.compactMap({ books.refunds[$0] })
    where refund.gateway == .stripe && refund.status == "succeeded" && span.contains(refund.createdAt) {
      guard let payment = books.payments[refund.paymentID] else { continue }
      line(refund.id, refund.createdAt, refund.currency, -refund.amount, 0, "refund", payment)
    }
    return Outcome(
      response: Response(status: 200, contentType: "text/csv", body: csv.bytes), isStored: false)
  }
}
