import GatewayAdapters
import GatewayCore
import Outbound

extension GatewayPorts {
  /// One page of the account's payments or refunds, newest first, as it came; nil when the settings
  /// no longer name the account.
  func listed(
    _ subject: RestoreSubject, _ account: GatewayAccount, fromSeconds: Int64, after: String?
  ) async -> TransferFacts? {
    guard let settings = accounts[account], let adapter = adapters[account.gateway] else {
      return nil
    }
    let request =
      switch subject {
      case .payments: StripePaymentList.list(from: fromSeconds, after: after)
      case .refunds: StripeRefundList.list(from: fromSeconds, after: after)
      }
    var sent = outbound(request, adapter, settings, within: Self.sendLimit)
    sent.responseBytesMax = StripeList.pageBytesMax
    return TransferFacts(await client.send(sent))
  }

  /// Accounts whose gateway has no list of payments.
  var unlistedAccounts: [GatewayAccount] {
    accounts.keys.filter { !$0.gateway.traits.findsByReference }.sorted { $0.account < $1.account }
  }
}
