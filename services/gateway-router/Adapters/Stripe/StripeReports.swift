package import GatewayCore
package import Money
package import ReportFormats

/// Stripe's report runs and their files.
package struct StripeReports: GatewayReports {
  package static let reportType = "payout_reconciliation.itemized.5"

  package init() {}

  package func create(
    _ kind: ReportKind, from start: Timestamp, until end: Timestamp, key: String
  ) -> GatewayRequest? {
    guard kind == .payoutReconciliation else { return nil }
    var form = FormEncoding()
    form.add("report_type", Self.reportType)
    form.add("parameters[interval_start]", String(start.seconds))
    form.add("parameters[interval_end]", String(end.seconds))
    return GatewayRequest(
      method: .post, path: "/v1/reporting/report_runs",
      headers: [
        GatewayRequest.Header("content-type", "application/x-www-form-urlencoded"),
        GatewayRequest.Header("idempotency-key", key), Self.version,
      ],
      body: form.bytes, idempotencyKey: key, hasMoneyEffect: false)
  }

  package func get(run reference: String) throws(ExpressionError) -> GatewayRequest? {
    request("/v1/reporting/report_runs/\(try GatewayPath.segment(reference))")
  }

  package func download(
    _ file: String, account: String
  ) throws(ExpressionError) -> GatewayRequest {
    request("/v1/files/\(try GatewayPath.segment(file))/contents")
  }

  package func readRun(_ facts: TransferFacts) -> ReportRun? {
    guard let answer = facts.answer else { return nil }
    guard 200..<300 ~= answer.status else {
      return StripeGateway().read(facts, for: .look).map(ReportRun.unknown)
    }
    guard let run = JSONReading.decode(Run.self, from: answer.body),
      run.object == "reporting.report_run", let id = run.id
    else { return .unknown(.unreadable) }
    switch (run.status, run.result?.id) {
    case ("pending", _): return .pending(reference: id)
    case ("succeeded", let file?): return .ready(reference: id, file: file)
    case ("failed", _):
      return .failed(reference: id, reason: String((run.error ?? "no reason told").prefix(200)))
    default: return .unknown(.unreadable)
    }
  }

  private func request(_ path: String) -> GatewayRequest {
    GatewayRequest(
      method: .get, path: path, headers: [Self.version], body: [], idempotencyKey: nil,
      hasMoneyEffect: false)
  }

  private static var version: GatewayRequest.Header {
    GatewayRequest.Header("stripe-version", StripeGateway.apiVersion)
  }

  private struct Run: Decodable {
    var id: String?
    var object: String?
    var status: String?
    var error: String?
    var result: File?
    struct File: Decodable { var id: String? }
  }
}
