/// What outsiders know of a seed once it is quiet: answers and reads of the load, public reads, the
/// test gateways' books, rows, received webhooks. Checks judge this and nothing else.
struct Evidence: Sendable, Equatable {
  var calls: [CallRecord] = []
  var reads: [ReadRecord] = []
  var strangers: [StrangerRecord] = []
  /// What each payment of the plan asked for, by the text it is described with.
  var asked: [AskedPayment] = []
  var intents: [FoundIntent] = []
  var charges: [GatewayCharge] = []
  var received: [ReceivedEvent] = []
  var refusedWebhooks: [String] = []
  var clearing: [ClearingBalance] = []
  var trial: [TrialLine] = []
  var database = DatabaseFacts()
  /// The ledger when the load ended, and the same rows at the end.
  var ledgerBefore = LedgerPrefix()
  var ledgerAfter = LedgerPrefix()
  /// Everything before and after each notification of the gateways came once more.
  var beforeResend = WorldCount()
  var afterResend = WorldCount()
}

struct AskedPayment: Sendable, Equatable {
  var number: Int
  var merchant: Int
  var description: String
  var amountMinor: Int64
}

/// A payment as its own services tell of it.
struct FoundIntent: Sendable, Equatable {
  struct Change: Sendable, Equatable {
    var version: UInt64
    var status: String
  }
  struct Attempt: Sendable, Equatable {
    var id: String
    var gateway: String
    /// open, winner, condemned.
    var disposition: String
    var evidence: String
    var reference: String
    /// Milliseconds since 1970.
    var createdAt: Int64 = 0
  }
  struct Operation: Sendable, Equatable {
    var id: String
    /// open, won, closed.
    var state: String
    var attempts: [Attempt] = []
    /// Kinds, in order.
    var facts: [String] = []
  }
  struct Posting: Sendable, Equatable {
    var id: String
    var kind: String
    var externalReference: String
    var debitMinor: Int64
    var creditMinor: Int64
  }
  struct Event: Sendable, Equatable {
    var id: String
    var type: String
    var sequence: UInt64
    var version: UInt64
    /// What its body says.
    var bodyStatus: String
    var bodyVersion: UInt64
    var bodyAmountMinor: Int64
    var bodyCapturedMinor: Int64
    var body: String
  }

  var id: String
  var merchant: Int
  var description: String
  var status: String
  /// retryable or terminal, in failed.
  var failureKind = ""
  var failureCode = ""
  var amountMinor: Int64
  var capturedMinor: Int64 = 0
  var gateway = ""
  var gatewayReference = ""
  var version: UInt64
  var changes: [Change]
  var operations: [Operation] = []
  var postings: [Posting] = []
  var events: [Event] = []

  /// Whether nobody knows what became of it, and no gateway knows more than we do: an error that a
  /// gateway keeps for the key, or a request that was lost. Silence never becomes `failed`, so it
  /// stays `processing` until it is given up (15 minutes), and then until there is evidence.
  func isSilent(_ charges: [GatewayCharge]) -> Bool {
    let open = operations.filter { $0.state == "open" }.flatMap(\.attempts)
    return status == "processing" && open.contains { Self.unheard.contains($0.evidence) }
      && open.allSatisfy { Self.unheard.contains($0.evidence) || Self.over.contains($0.evidence) }
      && charges.allSatisfy { charge in
        !charge.isHeld && charge.netMinor == 0
          && open.contains { Self.over.contains($0.evidence) && $0.reference == charge.id }
      }
  }

  /// Of an attempt: what says that nothing was heard, and that it holds and takes nothing.
  private static let unheard: Set<String> = ["sent", "unknown"]
  private static let over: Set<String> = ["declined", "not_executed", "canceled", "refunded"]

  /// The version at which each change that ends it was made.
  var endings: [Change] {
    changes.filter { ["succeeded", "failed", "canceled"].contains($0.status) }
  }
}

/// A payment in a gateway's own books.
struct GatewayCharge: Sendable, Equatable, Decodable {
  var gateway: String
  var id: String
  var intent: String?
  var status: String
  var amount: Int64
  var authorized: Int64
  var captured: Int64
  var refunded: Int64

  var netMinor: Int64 { captured - refunded }
  /// Money that is held or on its way.
  var isHeld: Bool { ["requires_capture", "processing"].contains(status) }
}

struct ReceivedEvent: Sendable, Equatable {
  var merchant: Int
  var type: String
  var id: String
  var body: String
}

/// What a merchant's books say is at a gateway.
struct ClearingBalance: Sendable, Equatable {
  var merchant: Int
  var gateway: String
  var balanceMinor: Int64
}

struct TrialLine: Sendable, Equatable {
  var merchant: Int
  var currency: String
  var debitsMinor: Int64
  var creditsMinor: Int64
  var entriesDebitsMinor: Int64
  var entriesCreditsMinor: Int64
}

/// The rows of the ledger up to a batch, in a few numbers.
struct LedgerPrefix: Sendable, Equatable, Decodable {
  var batch: Int64 = 0
  var transactions: Int64 = 0
  var entries: Int64 = 0
  var digest = ""
}

/// How much there is of everything that a notification could change.
struct WorldCount: Sendable, Equatable, Decodable {
  /// Digest of every payment's version and status.
  var payments = ""
  var transactions: Int64 = 0
  var entries: Int64 = 0
  var events: Int64 = 0
  var captures: Int64 = 0
  var reversals: Int64 = 0
}

/// What only the tables show, for the merchants of the seed. Each text names a row.
struct DatabaseFacts: Sendable, Equatable, Decodable {
  var runningClaims: [String] = []
  var unsentRows: [String] = []
  var openReversals: [String] = []
  var openCaptures: [String] = []
  /// Operations with more than one winner.
  var severalWinners: [String] = []
  var unbalancedTransactions: [String] = []
  /// Rights of service roles that would let them change the books.
  var ledgerRights: [String] = []
  /// Alerts that say money moved wrongly.
  var moneyAlerts: [String] = []
  /// Claims that somebody took over from a holder that was gone.
  var takenOverClaims: Int64 = 0
  /// Openings of breakers since the seed began.
  var openedBreakers: Int64 = 0
}
