import GatewayAdapters
import GatewayCore
import Outbound

/// The way out for reports: other hosts, larger answers, more time.
enum ReportPorts {
  static func adapter(_ gateway: GatewayName) -> any GatewayReports {
    switch gateway {
    case .stripe: StripeReports()
    case .adyen: AdyenReports()
    }
  }
}

extension GatewayPorts {
  func report(
    _ request: GatewayRequest, at account: GatewayAccount, within limit: Duration, bytesMax: Int
  ) async -> TransferReport {
    guard let settings = accounts[account], let adapter = adapters[account.gateway] else {
      return TransferReport()
    }
    let credentials = adapter.authentication(apiKey: settings.apiKey.text)
    let headers = (request.headers + [credentials]).map { HeaderField($0.name, $0.value) }
    let isFile = request.path.hasPrefix("/v1/files/") || request.path.hasPrefix("/reports/")
    return await client.send(
      OutboundRequest(
        request.method == .get ? .get : .post,
        (isFile ? settings.filesURL : settings.baseURL) + request.path, headers: headers,
        body: request.body, timeout: limit, responseBytesMax: bytesMax))
  }
}
