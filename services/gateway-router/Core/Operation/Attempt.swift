package import Money

/// One try of an operation at one gateway.
package struct Attempt: Sendable, Hashable {
  package enum Mode: Int16, Sendable, Hashable, CaseIterable {
    /// Capture is a separate step after the winner. The only mode where a second gateway is possible.
    case authorizeOnly = 1
    /// Authorised and captured in one call.
    case charge = 2
  }

  package let id: AttemptID
  /// 1, 2, 3... within the operation.
  package let sequence: Int
  package let gateway: GatewayName
  /// The merchant's account there.
  package let account: String
  package let mode: Mode
  package var evidence: Evidence {
    // Whoever has the address can act as the payer does: it ends with what it is for.
    didSet { if !evidence.isWithPayer { action = nil } }
  }
  /// The gateway's id of the payment, once learned.
  package var reference: String?
  /// An answer contradicted the request; reported once.
  package var isConflicted: Bool
  /// Minor units that it took although it is condemned; set once, and told as an orphan.
  package var orphanMinor: Int64?
  /// What its payer was asked to do, while that may still matter.
  package var action: PayerAction?
  /// How often what the payer brought back was handed to the gateway: the number in its key.
  package var actionTries: Int

  /// More results than this are not handed over.
  package static let actionTriesMax = 10

  package init(
    id: AttemptID,
    sequence: Int,
    gateway: GatewayName,
    account: String,
    mode: Mode,
    evidence: Evidence = .sent,
    reference: String? = nil,
    isConflicted: Bool = false,
    orphanMinor: Int64? = nil,
    action: PayerAction? = nil,
    actionTries: Int = 0
  ) {
    self.id = id
    self.sequence = sequence
    self.gateway = gateway
    self.account = account
    self.mode = mode
    self.evidence = evidence
    self.reference = reference
    self.isConflicted = isConflicted
    self.orphanMinor = orphanMinor
    self.action = action
    self.actionTries = actionTries
  }
}

/// What an attempt may still become. Winner and condemned exclude each other for ever.
package enum Disposition: Int16, Sendable, Hashable, CaseIterable {
  case open = 1
  case winner = 2
  case condemned = 3
}

extension Attempt {
  /// Its payer was asked, and nothing that they brought back was ever handed over: without it such a
  /// gateway authorises nothing (our assumption; Adyen describes it so, and does not promise it).
  package var isWithoutResult: Bool {
    evidence == .requiresAction && actionTries == 0 && gateway.traits.actionResultParameter != nil
  }
}

/// What is known of an attempt at its gateway.
package enum Evidence: Sendable, Hashable {
  /// The row is committed; nobody has heard an answer. After a crash as unknown as `unknown`.
  case sent
  case unknown
  /// With the bank.
  case pending
  case requiresAction
  /// What the payer brought back was handed to the gateway, whose answer nobody has heard.
  case actionSubmitted
  case authorized
  case captured
  /// `isAlive`: the gateway keeps the object, and a payer could confirm it again.
  case declined(Decline, isAlive: Bool)
  case notExecuted
  case canceled
  case refunded
  /// The payer's bank took it back: of a condemned attempt only, for which it is the way back.
  case returned

  /// The text of contracts and SQL, where `actionSubmitted` is a column beside `requires_action`.
  package var name: String {
    switch self {
    case .sent: "sent"
    case .unknown: "unknown"
    case .pending: "pending"
    case .requiresAction: "requires_action"
    case .actionSubmitted: "action_submitted"
    case .authorized: "authorized"
    case .captured: "captured"
    case .declined: "declined"
    case .notExecuted: "not_executed"
    case .canceled: "canceled"
    case .refunded: "refunded"
    case .returned: "returned"
    }
  }

  /// Explicit evidence that the attempt holds and moves no money now.
  package var isNegative: Bool {
    switch self {
    case .declined, .notExecuted, .canceled, .refunded, .returned: true
    case .sent, .unknown, .pending, .requiresAction, .actionSubmitted, .authorized, .captured: false
    }
  }

  /// Negative, and nothing at the gateway can make it otherwise.
  package var isResolved: Bool {
    switch self {
    case .declined(_, let isAlive): !isAlive
    default: isNegative
    }
  }

  /// It took money, whatever became of that since.
  package var tookMoney: Bool { self == .captured || self == .refunded || self == .returned }

  /// With the bank or the payer: nothing is held yet, and nobody here can go on with it.
  package var isWaiting: Bool {
    self == .pending || self == .requiresAction || self == .actionSubmitted
  }

  /// Its payer is asked to act, or has acted: what comes of it is known at this gateway alone.
  package var isWithPayer: Bool { self == .requiresAction || self == .actionSubmitted }

  package var decline: Decline? {
    if case .declined(let decline, _) = self { decline } else { nil }
  }
}

/// One capture of the winner, once per id.
package struct Capture: Sendable, Hashable {
  package enum State: Int16, Sendable, Hashable, CaseIterable {
    case queued = 1
    /// Accepted by the gateway; the result comes by notification.
    case sent = 2
    case captured = 3
    case failed = 4
    case unknown = 5
  }
  package let id: CaptureID
  package let amount: Amount
  package var state: State

  package init(id: CaptureID, amount: Amount, state: State = .queued) {
    self.id = id
    self.amount = amount
    self.state = state
  }

  package var isUnderway: Bool { state == .queued || state == .sent || state == .unknown }
}
