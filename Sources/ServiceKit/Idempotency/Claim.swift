package import Postgres

/// The scope of an idempotency key: one merchant, one method (DESIGN section 7).
package struct ClaimScope: Sendable, Hashable {
  /// Zero for methods that act for no merchant. Not a UInt128: see `EntityID`.
  package var merchant: UUIDBits
  /// The method's short name, for example `CreatePaymentIntent`.
  package var method: String
  package var key: String

  package init(merchant: UUIDBits, method: String, key: String) {
    self.merchant = merchant
    self.method = method
    self.key = key
  }
}

/// The right to execute a mutation, until its lease ends or somebody takes it over.
package struct Claim: Sendable, Hashable {
  package var scope: ClaimScope
  /// Raised by each takeover; completing with an old fence changes nothing.
  package var fence: Int64
  /// What the claim works on, for example an operation's id.
  package var subject: UUIDBits
  /// True when an earlier holder left it behind: `subject` is theirs, and work may have been done.
  package var isTakeover: Bool

  package init(scope: ClaimScope, fence: Int64, subject: UUIDBits, isTakeover: Bool) {
    self.scope = scope
    self.fence = fence
    self.subject = subject
    self.isTakeover = isTakeover
  }
}

/// A claim that has its answer.
package struct FinishedClaim: Sendable, Hashable {
  package var answer: StoredAnswer
  /// What the claim worked on, as its holder named it.
  package var subject: UUIDBits

  package init(answer: StoredAnswer, subject: UUIDBits) {
    self.answer = answer
    self.subject = subject
  }
}

/// What a claim attempt finds.
package enum ClaimOutcome: Sendable, Hashable {
  case claimed(Claim)
  case finished(FinishedClaim)
  /// The first call still runs.
  case running
  /// The key was used with another payload.
  case reused
}

/// The named limits of idempotency.
package enum IdempotencyLimits {
  /// How long a duplicate waits for the first call's answer.
  package static let waitMilliseconds: Int64 = 2_000
  /// How often a waiting duplicate looks at the row when another process holds the claim.
  package static let pollMilliseconds: Int64 = 50
  /// How long an answer is kept after completion.
  package static let retentionHours: Int64 = 24
  /// Finished rows deleted per statement of the reaper.
  package static let reapBatch: Int64 = 1_000
}
