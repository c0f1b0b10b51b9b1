/// The states of an invoice; raw values as in contract and database.
package enum InvoiceStatus: Int16, Sendable, Hashable, CaseIterable {
  case draft = 1
  case open = 2
  case paid = 3
  case void = 4
  case uncollectible = 5

  package var publicName: String {
    switch self {
    case .draft: "draft"
    case .open: "open"
    case .paid: "paid"
    case .void: "void"
    case .uncollectible: "uncollectible"
    }
  }
}

/// What happens to an invoice.
package enum InvoiceEvent: Sendable, Hashable, CaseIterable {
  /// It gets its number and can be charged.
  case finalize
  case paymentSucceeded
  case paymentFailed
  /// The money went back after the payment had succeeded: a returned direct debit.
  case paymentReturned
  case void
  case giveUp
}

/// The life of an invoice, as data.
package enum InvoiceMachine {
  package enum Verdict: Sendable, Hashable {
    case moves(InvoiceStatus)
    /// Taken note of; the state stays.
    case stays
    /// Money and books disagree: people must look.
    case conflict
    case refused
  }

  package static let verdicts: [InvoiceStatus: [InvoiceEvent: Verdict]] = [
    .draft: [.finalize: .moves(.open), .void: .moves(.void)],
    .open: [
      .paymentSucceeded: .moves(.paid), .paymentFailed: .stays, .paymentReturned: .stays,
      .void: .moves(.void), .giveUp: .moves(.uncollectible),
    ],
    // What was paid is owed again: for a direct debit, success is never final.
    .paid: [.paymentSucceeded: .stays, .paymentFailed: .conflict, .paymentReturned: .moves(.open)],
    .void: [
      .paymentSucceeded: .conflict, .paymentFailed: .stays, .paymentReturned: .stays, .void: .stays,
    ],
    .uncollectible: [
      .paymentSucceeded: .moves(.paid), .paymentFailed: .stays, .paymentReturned: .stays,
      .void: .moves(.void), .giveUp: .stays,
    ],
  ]

  package static func verdict(_ status: InvoiceStatus, _ event: InvoiceEvent) -> Verdict {
    verdicts[status]?[event] ?? .refused
  }
}
