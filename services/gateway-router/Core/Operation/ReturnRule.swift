package import Money

/// A debit that was paid and that the payer's bank has taken back.
package struct BankReturn: Sendable, Hashable {
  /// The gateway's id of the movement: one return for ever, however often it is told.
  package var movement: String
  package var amount: Amount
  /// The scheme's or the gateway's reason.
  package var code: String
  package var occurredAt: Timestamp?

  package init(movement: String, amount: Amount, code: String, occurredAt: Timestamp? = nil) {
    self.movement = movement
    self.amount = amount
    self.code = code
    self.occurredAt = occurredAt
  }
}

/// What a bank's return of a paid direct debit means for the attempt it is about. Pure. Of the winner
/// it changes nothing of what happened: it is a fact of its own, one for each movement. Of a
/// condemned attempt it is the way back of what that took, in place of a refund.
package enum ReturnRule {
  package enum Verdict: Sendable, Hashable {
    /// So much came back, by this movement.
    case book(BankReturn)
    /// The same, and nothing more may be given back before people have looked.
    case hold(BankReturn, String)
    /// The capture itself is not known yet; its own notice comes first.
    case later
    /// People must look.
    case alert(kind: String, String)
  }

  package static let conflicts = "return_conflicts"

  /// - Parameters:
  ///   - returned: what was returned before, minor units, without this movement.
  package static func verdict(
    _ notice: GatewayNotice,
    about winner: Attempt,
    captured: Amount,
    returned: Int64
  ) -> Verdict? {
    switch read(notice, winner, captured.currency) {
    case nil: return nil
    case .failure(let contradiction): return .alert(kind: conflicts, contradiction.text)
    case .success(let back):
      guard captured.minor > 0 else { return .later }
      guard back.amount.minor <= captured.minor - returned else {
        return .alert(kind: conflicts, "More was returned than was captured: \(back.amount).")
      }
      return .book(back)
    }
  }

  /// The same of an attempt that has lost: whether its capture was told before or not, a return
  /// proves it. Of one that was given back it is booked for people to claim.
  /// - Parameters:
  ///   - taken: what it took, or would have taken.
  ///   - returned: what was returned before, minor units, without this movement.
  package static func verdict(
    _ notice: GatewayNotice,
    aboutCondemned attempt: Attempt,
    taken: Amount,
    returned: Int64
  ) -> Verdict? {
    switch read(notice, attempt, taken.currency) {
    case nil: return nil
    case .failure(let contradiction): return .alert(kind: conflicts, contradiction.text)
    case .success(let back):
      // It was back already: whatever comes now is the second time.
      if attempt.evidence == .refunded || attempt.evidence == .returned { return .book(back) }
      guard back.amount == taken, returned == 0 else {
        return .hold(
          back,
          "The payer's bank returned \(back.amount) of \(taken) that an attempt beside the payment "
            + "took: no refund of it is sent from now on. Look at the gateway whether one already "
            + "was; if not, give back the rest there, then say so: tender recovery propose.")
      }
      return .book(back)
    }
  }

  private struct Contradiction: Error {
    var text: String
  }

  /// Nil for what is no return of this gateway.
  private static func read(
    _ notice: GatewayNotice, _ attempt: Attempt, _ currency: Currency
  ) -> Result<BankReturn, Contradiction>? {
    guard case .returned(let movement, let code) = notice.event, attempt.gateway == notice.gateway
    else { return nil }
    if let account = notice.echo.account, account != attempt.account {
      return .failure(Contradiction(text: "A return names another account."))
    }
    guard let amount = notice.echo.amount, amount.currency == currency, !movement.isEmpty,
      amount.minor > 0
    else {
      return .failure(Contradiction(text: "A return without amount, or in another currency."))
    }
    return .success(
      BankReturn(movement: movement, amount: amount, code: code, occurredAt: notice.occurredAt))
  }
}

extension Operation {
  /// What is captured at the winner, minor units.
  package var capturedMinor: Int64 {
    (winner?.captures ?? []).filter { $0.state == .captured }.reduce(0) { $0 + $1.amount.minor }
  }
}
