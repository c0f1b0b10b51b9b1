/// What outsiders know of a seed once it is quiet: answers and reads of the load, public reads, the
/// test gateways' books, rows, received webhooks. Checks judge this and nothing else.
struct Evidence: Sendable, Equatable {
  var calls: [CallRecord] = []
  var reads: [ReadRecord] = []
  var misuses: [MisuseRecord] = []
  /// What each payment of the plan asked for, by the text it is described with.
  var asked: [AskedPayment] = []
  /// What each refund of the plan asked for, by its key.
  var askedRefunds: [AskedRefund] = []
  var intents: [FoundIntent] = []
  var refunds: [FoundRefund] = []
  var charges: [GatewayCharge] = []
  var gatewayRefunds: [GatewayRefund] = []
  var received: [ReceivedEvent] = []
  var refusedWebhooks: [String] = []
  var clearing: [ClearingBalance] = []
  var trial: [TrialLine] = []
  var database = DatabaseFacts()
  /// How often a breaker was seen half-open.
  var halfOpenSeen = 0
  /// The ledger in the middle of the load, and the same rows at the end.
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
  /// Nobody asks for it again.
  var leaves = false
  /// The idempotency key of its creation.
  var key = ""
  /// Its caller left while the gateway worked and every process was well; asked for again later.
  var departs = false
}

struct AskedRefund: Sendable, Equatable {
  var payment: Int
  var merchant: Int
  var key: String
  /// 0: whatever is refundable.
  var amountMinor: Int64
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
  /// Digest of every refund's version and state.
  var refunds = ""
  /// Without those of operations that were given up: that is age's doing.
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
  /// Claims that somebody took over from a holder that was gone, and their keys.
  var takenOverClaims: Int64 = 0
  var takenOverKeys: [String] = []
  /// Openings of breakers since the seed began.
  var openedBreakers: Int64 = 0
}
