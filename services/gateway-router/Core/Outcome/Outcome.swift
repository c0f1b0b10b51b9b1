package import Money

/// What came of a request that moves money. Only `notExecuted`, and a decline of a class that allows
/// it, lead to another gateway; both carry what makes them true.
package enum Outcome: Sendable, Hashable {
  /// The gateway did it and every echoed value fits.
  case succeeded(Settled)
  /// It goes on at the gateway, which has given it an id.
  case pending(Pending)
  /// The gateway or the bank said no; nothing is held.
  case declined(Decline)
  /// Nothing happened and nothing will.
  case notExecuted(Proof)
  /// Anything may have happened. Only evidence ends it.
  case unknown(UnknownReason)
}

/// A payment that is authorised or captured.
package struct Settled: Sendable, Hashable {
  package enum Kind: Sendable, Hashable { case authorized, captured, canceled, refunded, received }
  package let kind: Kind
  /// The gateway's id.
  package let reference: String
  package let amount: Amount
}

/// A payment that waits for the bank or for the payer.
package struct Pending: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    case bank
    /// The payer must act, for example at this address.
    case action(PayerAction)
  }
  /// Nil where the gateway names a payment only once its payer has acted.
  package let reference: String?
  package let kind: Kind
}

/// Why nobody knows.
package enum UnknownReason: Sendable, Hashable {
  /// Bytes were written and no whole answer came.
  case noAnswer(TransferFacts.Stage)
  /// The gateway says itself that it does not know (500, 502, 504, 424...).
  case indeterminate(status: Int)
  /// The same request is being worked on (409, 422/704).
  case inFlight
  /// The key was used with other parameters: something of ours was executed under it.
  case keyReused
  /// Throttled, unavailable or refused on a replay, a look or a cancel, which says nothing about the
  /// payment.
  case silent(status: Int)
  /// An error of the gateway's front, not in its own words.
  case foreignError(status: Int)
  case unreadable
  /// The gateway has the payment, under this id, and has not decided it yet.
  case undecided(reference: String)
  case notFound
  /// The answer contradicts the request: alert, people must look.
  case conflicted(Conflict)

  package var isConflict: Bool { if case .conflicted = self { true } else { false } }
}

/// Which echoed value differs. Holds both sides: they are no secrets.
package enum Conflict: Sendable, Hashable {
  case amount(asked: Amount, answered: Amount)
  case account(asked: String, answered: String)
  case reference(asked: String, answered: String)
}
