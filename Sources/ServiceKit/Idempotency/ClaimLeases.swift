import Logging
import Postgres
import Reactor

/// How long claims belong to their holders.
package struct ClaimLease: Sendable, Hashable {
  /// How long a claim belongs to a holder who says nothing: what a killed process leaves behind is
  /// taken over after this. Whole milliseconds.
  package var length: Duration
  /// A holder that still works says so after this long, and again each time: work that ends earlier
  /// costs no renewal.
  package var renewAfter: Duration
  /// A holder that has not ended after this long has hung: its claim is renewed no further. Longer
  /// than any work that holds one may take.
  package var heldMax: Duration

  package init(length: Duration, renewAfter: Duration, heldMax: Duration) {
    self.length = length
    self.renewAfter = renewAfter
    self.heldMax = heldMax
  }

  package static let standard = ClaimLease(
    length: .seconds(5), renewAfter: .seconds(2), heldMax: .seconds(15))
}

/// Renews the leases of the claims that this process works on, all that are due in one statement:
/// a lease can be short, so that the claims of a killed process are soon taken over, and a slow but
/// living holder keeps its own. Safety does not rest on it: whoever lost a claim is stopped by its
/// fence.
///
/// Touched only on the loop.
final class ClaimLeases: @unchecked Sendable {
  /// Looks within `renewAfter`.
  static let looksPerRenewal = 4

  private struct Held {
    let claim: Claim
    let since: MonotonicInstant
    var saidAt: MonotonicInstant
  }

  private let database: PostgresClient
  private let loop: EventLoop
  private let logger: Logger
  private let lease: ClaimLease
  private var held: [ClaimScope: Held] = [:]
  private var isArmed = false
  private var isRenewing = false

  init(database: PostgresClient, loop: EventLoop, lease: ClaimLease, logger: Logger) {
    self.database = database
    self.loop = loop
    self.lease = lease
    self.logger = logger
  }

  /// - Parameter since: when the statement that took the claim was sent, or before: the lease runs
  ///   from then on.
  func hold(_ claim: Claim, since: MonotonicInstant) {
    loop.preconditionCurrent()
    held[claim.scope] = Held(claim: claim, since: since, saidAt: since)
    arm()
  }

  /// The work has ended. Another holder's claim on the same key stays.
  func drop(_ claim: Claim) {
    loop.preconditionCurrent()
    guard held[claim.scope]?.claim.fence == claim.fence else { return }
    held[claim.scope] = nil
  }

  private func arm() {
    guard !isArmed, !held.isEmpty else { return }
    isArmed = true
    loop.schedule(after: lease.renewAfter / Self.looksPerRenewal) { [weak self] in
      guard let self else { return }
      isArmed = false
      look()
      arm()
    }
  }

  private func look() {
    let now = MonotonicInstant.now
    for (scope, one) in held where one.since.duration(to: now) >= lease.heldMax {
      held[scope] = nil
      logger.warning(
        "a claim is renewed no further: its holder has hung",
        metadata: ["method": "\(scope.method)"])
    }
    let due = held.values.filter { $0.saidAt.duration(to: now) >= lease.renewAfter }
    guard !due.isEmpty, !isRenewing else { return }
    isRenewing = true
    loop.spawn(name: "claim leases") { [self] in
      await renew(due.map(\.claim), at: now)
      isRenewing = false
    }
  }

  /// Claims that are not ours any more are dropped; what could not be said is said again at the
  /// next look.
  private func renew(_ claims: [Claim], at now: MonotonicInstant) async {
    let kept: Set<ClaimScope>
    do {
      let rows = try await database.query(ClaimStatements.renew(claims, for: lease.length))
      kept = Set(
        try rows.decode((UUIDBits, String, String).self).map {
          ClaimScope(merchant: $0.0, method: $0.1, key: $0.2)
        })
    } catch {
      logger.warning("claims were not renewed", metadata: ["error": "\(error)"])
      return
    }
    for claim in claims where held[claim.scope]?.claim.fence == claim.fence {
      if kept.contains(claim.scope) { held[claim.scope]?.saidAt = now } else { held[claim.scope] = nil }
    }
  }
}
