/// What is reconciled by itself: an account at a gateway, and whether its live or its test books.
/// The two may bear one name and have nothing to do with each other.
package struct ReconBook: Sendable, Hashable {
  package let account: GatewayAccount
  package let isLive: Bool

  package init(_ account: GatewayAccount, isLive: Bool) {
    self.account = account
    self.isLive = isLive
  }

  /// `stripe:acct_1 live`
  package var text: String {
    "\(account.gateway):\(account.account) \(isLive ? "live" : "test")"
  }
}
