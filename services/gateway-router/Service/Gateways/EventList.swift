import GatewayAdapters
import GatewayCore
import Outbound

extension GatewayPorts {
  /// Accounts whose gateway lists its events.
  var listedAccounts: [GatewayAccount] {
    accounts.keys.filter { $0.gateway == .stripe }.sorted { $0.account < $1.account }
  }

  /// One page of the account's events, newest first, as it came; nil when the settings no longer
  /// name the account.
  func events(_ account: GatewayAccount, _ walk: EventWalk) async -> TransferFacts? {
    guard let settings = accounts[account], let adapter = adapters[account.gateway] else {
      return nil
    }
    let request = StripeEvents.list(from: walk.from, after: walk.underWay?.after)
    var sent = outbound(request, adapter, settings, within: Self.sendLimit)
    sent.responseBytesMax = StripeList.pageBytesMax
    return TransferFacts(await client.send(sent))
  }
}
