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
    /// When its outcome was known; nil until then.
    var decidedAt: Int64? = nil
    /// A job has to give back, or had to, what it holds.
    var hasReversal = false
  }
  struct Operation: Sendable, Equatable {
    var id: String
    /// open, won, closed.
    var state: String
    /// exhausted, canceled, gave_up, abandoned; unspecified unless it is closed.
    var closeReason = ""
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
  /// Milliseconds since 1970.
  var createdAt: Int64 = 0
  var version: UInt64
  var changes: [Change]
  var operations: [Operation] = []
  /// Why its operations cannot be read; empty where they can.
  var unreadable = ""
  var postings: [Posting] = []
  var events: [Event] = []

  /// Whether nobody knows what became of it, and no gateway knows more than we do: an error that a
  /// gateway keeps for the key, or a request that was lost. Silence never becomes `failed` or
  /// `canceled`, so it stays `processing`: while its operation is open; once that is given up (15
  /// minutes) or canceled, with its attempts condemned; or once its winner was given back beside one
  /// that nobody has heard of; until there is evidence.
  func isSilent(_ charges: [GatewayCharge]) -> Bool {
    guard status == "processing" else { return false }
    let attempts = operations.flatMap(\.attempts)
    return attempts.contains { Self.unheard.contains($0.evidence) }
      && attempts.allSatisfy {
        Self.unheard.contains($0.evidence) || Self.over.contains($0.evidence)
      }
      && charges.allSatisfy { charge in
        !charge.isHeld && charge.netMinor == 0
          && attempts.contains { Self.over.contains($0.evidence) && $0.reference == charge.id }
      }
  }

  /// Whether a charge is this payment, or money of it that nobody has given back. What its winner
  /// took stays its own when it is refunded; a charge beside it that was given back never was.
  func keeps(_ charge: GatewayCharge) -> Bool {
    charge.netMinor > 0 || (charge.captured > 0 && charge.id == gatewayReference)
  }

  /// Of an attempt: what says that nothing was heard, and that it holds and takes nothing.
  private static let unheard: Set<String> = ["sent", "unknown"]
  private static let over: Set<String> = [
    "declined", "not_executed", "canceled", "refunded", "returned",
  ]

  /// The version at which each change that ends it was made.
  var endings: [Change] {
    changes.filter { ["succeeded", "failed", "canceled"].contains($0.status) }
  }
}
