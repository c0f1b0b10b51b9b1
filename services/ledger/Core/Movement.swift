/// A movement of money in the world: what one ledger transaction records.
///
/// The API's answer, the webhook, the resolver and the report's line about one movement name it
/// alike, so that they book it once.
package struct Movement: Hashable, Sendable {
  /// What identifies the movement.
  package enum Source: Hashable, Sendable {
    /// An operation of ours (capture, refund): the text of its id.
    case operation(String)
    /// Where the gateway acted on its own (dispute, return, fee, payout): its id of the movement.
    case gatewayMovement(String)
  }

  package var account: GatewayAccount
  package var kind: PostingKind
  package var source: Source

  package init(account: GatewayAccount, kind: PostingKind, source: Source) {
    self.account = account
    self.kind = kind
    self.source = source
  }

  /// The text that the transaction's id is made of: the first 16 bytes of its SHA-256, as an
  /// `ltx_…`. Fields carry their length in bytes, so that no two movements have one text.
  package var canonicalText: String {
    let (tag, value) =
      switch source {
      case .operation(let id): ("operation", id)
      case .gatewayMovement(let id): ("gateway_movement", id)
      }
    return (["tender.movement.v1", account.gateway, account.account, kind.rawValue, tag, value])
      .map { "\($0.utf8.count):\($0)" }.joined(separator: "\n")
  }
}
