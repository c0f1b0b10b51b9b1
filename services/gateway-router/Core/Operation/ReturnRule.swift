package import Money

/// What a bank's return of a paid direct debit means for the winner it is about. Pure. It changes
/// nothing of what happened: it is a fact of its own, one for each movement.
package enum ReturnRule {
  package enum Verdict: Sendable, Hashable {
    /// So much came back, by this movement.
    case book(movement: String, Amount, code: String)
    /// The capture itself is not known yet; its own notice comes first.
    case later
    /// People must look.
    case alert(kind: String, String)
  }

  /// - Parameters:
  ///   - returned: what was returned before, minor units, without this movement.
  package static func verdict(
    _ notice: GatewayNotice,
    about winner: Attempt,
    captured: Amount,
    returned: Int64
  ) -> Verdict? {
    guard case .returned(let movement, let code) = notice.event, winner.gateway == notice.gateway
    else { return nil }
    if let account = notice.echo.account, account != winner.account {
      return .alert(kind: "return_conflicts", "A return names another account.")
    }
    guard let amount = notice.echo.amount, amount.currency == captured.currency, !movement.isEmpty,
      amount.minor > 0
    else {
      return .alert(kind: "return_conflicts", "A return without amount, or in another currency.")
    }
    guard captured.minor > 0 else { return .later }
    guard amount.minor <= captured.minor - returned else {
      return .alert(
        kind: "return_conflicts",
        "More was returned than was captured: \(amount)."
      )
    }
    return .book(movement: movement, amount, code: code)
  }
}

extension Operation {
  /// What is captured at the winner, minor units.
  package var capturedMinor: Int64 {
    (winner?.captures ?? []).filter { $0.state == .captured }.reduce(0) { $0 + $1.amount.minor }
  }
}
