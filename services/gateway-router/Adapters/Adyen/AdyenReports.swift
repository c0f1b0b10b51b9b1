package import GatewayCore
package import Money
package import ReportFormats

/// Adyen's report files: made by themselves, announced by REPORT_AVAILABLE, downloaded by name.
package struct AdyenReports: GatewayReports {
  package init() {}

  package func create(
    _ kind: ReportKind, from start: Timestamp, until end: Timestamp, key: String
  ) -> GatewayRequest? { nil }

  package func get(run reference: String) throws(ExpressionError) -> GatewayRequest? { nil }

  package func readRun(_ facts: TransferFacts) -> ReportRun? { nil }

  package func download(
    _ file: String, account: String
  ) throws(ExpressionError) -> GatewayRequest {
    guard let name = ReportFileName(file) else { throw .referenceMalformed }
    return GatewayRequest(
      method: .get,
      path: "/reports/download/MerchantAccount/\(try GatewayPath.segment(account))/\(name.text)",
      headers: [], body: [], idempotencyKey: nil, hasMoneyEffect: false)
  }
}
