/// The states of a subscription; raw values as in contract and database.
package enum SubscriptionStatus: Int16, Sendable, Hashable, CaseIterable {
  /// The first invoice is not paid yet.
  case incomplete = 1
  case active = 2
  /// A later invoice could not be charged.
  case pastDue = 3
  case canceled = 4
  /// The first invoice was not paid in time.
  case incompleteExpired = 5

  package var publicName: String {
    switch self {
    case .incomplete: "incomplete"
    case .active: "active"
    case .pastDue: "past_due"
    case .canceled: "canceled"
    case .incompleteExpired: "incomplete_expired"
    }
  }

  /// Whether its periods go on being billed.
  package var renews: Bool { self == .active || self == .pastDue }
}

/// What happens to a subscription.
package enum SubscriptionEvent: Sendable, Hashable, CaseIterable {
  /// An invoice was paid and none is open any more.
  case allPaid
  case paymentFailed
  case cancel
  /// The time for the first payment is over.
  case firstPaymentOverdue
}

/// The life of a subscription, as data.
package enum SubscriptionMachine {
  /// Every move there is; what is missing changes nothing.
  package static let moves: [SubscriptionStatus: [SubscriptionEvent: SubscriptionStatus]] = [
    .incomplete: [
      .allPaid: .active, .cancel: .canceled, .firstPaymentOverdue: .incompleteExpired,
    ],
    .active: [.paymentFailed: .pastDue, .cancel: .canceled],
    .pastDue: [.allPaid: .active, .cancel: .canceled],
    .canceled: [:],
    .incompleteExpired: [:],
  ]

  /// Nil: the event changes nothing in this state.
  package static func next(
    _ status: SubscriptionStatus, _ event: SubscriptionEvent
  ) -> SubscriptionStatus? {
    moves[status]?[event]
  }

  /// The states in which an event counts, in the order of the contract.
  package static func states(allowing event: SubscriptionEvent) -> [SubscriptionStatus] {
    SubscriptionStatus.allCases.filter { next($0, event) != nil }
  }
}
