/// What a restore has lost of a payment intent, as far as it forbids to go on with it. Pure.
package enum RestoreHold: Sendable, Hashable {
  case free
  /// A payment was found at a gateway and is not yet rebuilt.
  case pending
  /// One was found that only people can judge.
  case forPeople
  /// Two people have seen that it keeps its money: nothing more is charged for the intent.
  case stands

  /// The strictest of what several rows say.
  package init(pending: Bool, forPeople: Bool, stands: Bool) {
    self = forPeople ? .forPeople : pending ? .pending : stands ? .stands : .free
  }

  /// Nothing of the intent begins or ends until it is known what became of the lost payment.
  package var isUnresolved: Bool { self == .pending || self == .forPeople }
}

/// What restores have left although money moves again, in words for people.
package struct RestoreRest: Sendable, Hashable {
  /// Lists that were not read to their end: "payments of stripe:main".
  package var unread: [String]
  /// Something that was found is neither rebuilt nor settled.
  package var isUnresolved: Bool

  package init(unread: [String], isUnresolved: Bool) {
    self.unread = unread
    self.isUnresolved = isUnresolved
  }

  package var isOver: Bool { unread.isEmpty && !isUnresolved }

  package var words: String {
    var words: [String] = []
    if isUnresolved {
      words.append(
        "Payments or refunds that a restore has lost are not yet rebuilt or for people; each holds "
          + "its payment. See tender restore list.")
    }
    if !unread.isEmpty {
      words.append(
        "Not read to their end: \(unread.sorted().joined(separator: ", ")). What they would name is "
          + "not known here and holds nothing, so that it may be charged again. Let the settings name "
          + "each account with a key that may list it; tender restore status shows the errors.")
    }
    return words.joined(separator: " ")
  }
}

/// What people say became of a payment or refund that nothing can rebuild. Raw values are those of the
/// contract and of SQL.
package enum SettlementVerdict: Int16, Sendable, Hashable, CaseIterable {
  /// The payment keeps its money; the refund went back.
  case stands = 1
  /// Canceled, declined, given back whole, or none of ours.
  case nothingLeft = 2
}

/// Two people settle what money did: one says it, another one says the same. Pure.
package enum SettlementRule {
  package struct Word: Sendable, Hashable {
    package var actor: String
    package var verdict: SettlementVerdict

    package init(actor: String, verdict: SettlementVerdict) {
      self.actor = actor
      self.verdict = verdict
    }
  }

  package enum Answer: Sendable, Hashable {
    /// Kept; somebody else has yet to say the same.
    case said
    case settled
    /// The same person has said it already.
    case secondPersonRequired
  }

  /// - Parameter words: what was said before, oldest first. Of everybody only the last word counts, and
  ///   of the others only who spoke last: whoever contradicts begins anew.
  package static func answer(to word: Word, after words: [Word]) -> Answer {
    if words.last(where: { $0.actor != word.actor })?.verdict == word.verdict { return .settled }
    return words.last == word ? .secondPersonRequired : .said
  }
}
