package import Money

/// What in a gateway's answer contradicts the request of a set-up. Raw values are the alerts' kinds.
package enum SetupConflict: String, Sendable, Hashable, CaseIterable {
  /// It names something else. A decision about the set-up ends it, or one person.
  case answer = "setup_answer_conflicts"
  /// Another amount or account: money may be held. Only two people end it.
  case money = "setup_money_conflicts"

  package init(_ seen: Conflict) {
    switch seen {
    case .amount, .account: self = .money
    case .reference: self = .answer
    }
  }

  /// What makes alerts of one conflict about one set-up one row.
  package func alertKey(about id: SetupIntentID) -> String { "\(rawValue):\(id)" }
}

/// People end what contradicts a set-up: one where it names something else, two where money may be
/// held. Pure.
package enum SetupReviewRule {
  package enum Answer: Sendable, Hashable {
    case ended
    /// Kept; somebody else has yet to say so too.
    case said
    /// The same person has said so already.
    case secondPersonRequired
  }

  /// - Parameter people: who has looked at this sighting, oldest first.
  package static func answer(
    to actor: String, about conflict: SetupConflict, after people: [String]
  ) -> Answer {
    if conflict == .answer || people.contains(where: { $0 != actor }) { return .ended }
    return people.isEmpty ? .said : .secondPersonRequired
  }
}
