import CoreMetrics
import GRPCCore
package import Logging
import Money
package import Postgres
package import Reactor
import Seal
package import Wire

/// The idempotency of every keyed mutation (DESIGN section 7), over the table
/// `idempotency_key` of the service's own schema.
///
/// - `perform`: claim, effect and answer in one transaction and one commit.
/// - `begin` … `finish`: for mutations with calls between their transactions.
package final class Idempotency: Sendable {
  let database: PostgresClient
  let loop: EventLoop
  let local: LocalClaims
  let counts: IdempotencyMetrics
  let leases: ClaimLeases
  let lease: ClaimLease

  package convenience init(
    database: PostgresClient, loop: EventLoop, metrics: MetricRegistry, logger: Logger,
    lease: ClaimLease = .standard
  ) {
    self.init(
      database: database, loop: loop, counts: IdempotencyMetrics(metrics), logger: logger,
      lease: lease)
  }

  init(
    database: PostgresClient, loop: EventLoop, counts: IdempotencyMetrics, logger: Logger,
    lease: ClaimLease
  ) {
    self.lease = lease
    leases = ClaimLeases(database: database, loop: loop, lease: lease, logger: logger)
    self.database = database
    self.loop = loop
    self.counts = counts
    self.local = LocalClaims(loop: loop)
  }

  /// Runs `body` once for the call's key, in one transaction with the claim and the answer.
  ///
  /// - Throws: `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_PROGRESS`, the stored or new refusal of
  ///   `body`, or what the database throws.
  package func perform<Request: KeyedMessage, Response: WireMessage>(
    _ request: Request,
    _ body: @Sendable @escaping (borrowing Transaction, CallContext) async throws -> Response
  ) async throws -> Response {
    try await perform(request, subject: UUIDBits(0), completing: { response, _ in response }, body)
  }

  /// The same for answers that hold what may not be stored with them, for example a secret: `body`
  /// leaves it out and keeps it under `subject`; `completing` puts it in, for the first answer and
  /// for every replay alike, so that these cannot differ.
  ///
  /// - Parameter completing: gets the stored answer and the subject of the call that executed.
  package func perform<Request: KeyedMessage, Response: WireMessage>(
    _ request: Request, subject: UUIDBits,
    completing: (Response, UUIDBits) async throws -> Response,
    _ body: @Sendable @escaping (borrowing Transaction, CallContext) async throws -> Response
  ) async throws -> Response {
    let call = try CallContext.require()
    let scope = try scope(of: call)
    let (stored, owner) = try await exclusively(scope, subject: subject) { [self] in
      do {
        let result = try await database.transaction { transaction in
          let outcome = try await take(scope, request, call, subject: subject, in: transaction)
          guard case .claimed(let claim) = outcome else { return Performed<Response>.not(outcome) }
          let response = try await body(transaction, call)
          // Taken in this transaction: nobody can have taken it over.
          try await transaction.commit(
            with: [ClaimStatements.finish(claim, .response(response.encode()))])
          return .done(response)
        }
        switch result {
        case .done(let response): return .answer(response)
        case .not(let outcome): return .other(outcome)
        }
      } catch let failure as RPCFailure where failure.isOutcome {
        let outcome = try await storeRefusal(failure, scope, request, call)
        // Ours is the first answer: refused, not replayed.
        if case .claimed = outcome { throw failure }
        return .other(outcome)
      }
    }
    return try await completing(stored, owner)
  }

  /// Takes the claim for the call's key together with what `body` writes, in one transaction.
  /// A refusal that `body` throws is stored as the key's answer before it is thrown on.
  package func begin<Request: KeyedMessage>(
    _ request: Request, subject: UUIDBits,
    _ body: @Sendable @escaping (borrowing Transaction, Claim) async throws -> Void
  ) async throws -> Begun {
    let call = try CallContext.require()
    let scope = try scope(of: call)
    let deadline = waitDeadline()
    while true {
      if !local.begin(scope) {
        try await waitForTurn(scope, until: deadline)
        continue
      }
      let outcome: ClaimOutcome
      let asked = MonotonicInstant.now
      do {
        outcome = try await database.transaction { transaction in
          let outcome = try await take(scope, request, call, subject: subject, in: transaction)
          if case .claimed(let claim) = outcome { try await body(transaction, claim) }
          return outcome
        }
      } catch let failure as RPCFailure where failure.isOutcome {
        local.end(scope)
        if case .claimed = try await storeRefusal(failure, scope, request, call) { throw failure }
        // Somebody else was first: what they left is looked at in the next turn.
        continue
      } catch {
        local.end(scope)
        throw error
      }
      if case .claimed(let claim) = outcome {
        (claim.isTakeover ? counts.takenOver : counts.executed).increment()
        leases.hold(claim, since: asked)
        return .run(claim)
      }
      local.end(scope)
      if let finished = try await settle(outcome, scope, until: deadline) {
        return .replay(finished.answer)
      }
    }
  }

  /// Stores the answer within the transaction that makes it true.
  /// - Throws: `FenceLost` when somebody took the claim over: the transaction must not commit.
  package func finish(
    _ claim: Claim, _ answer: StoredAnswer, in transaction: borrowing Transaction
  ) async throws {
    let rows = try await transaction.query(ClaimStatements.finish(claim, answer))
    guard rows.count == 1 else { throw FenceLost() }
  }

  /// Locks the claim for the transaction that will finish it; no row: the fence is lost, and the
  /// transaction must not commit.
  package func lockStatement(_ claim: Claim) -> Statement {
    ClaimStatements.lock(claim)
  }

  /// The statement of `finish`, for a batch. It locks the claim too: first in its transaction, it
  /// needs no `lockStatement`, and no row says that the fence is lost.
  package func finishStatement(_ claim: Claim, _ answer: StoredAnswer) -> Statement {
    ClaimStatements.finish(claim, answer)
  }

  /// Ends the claim's lease, and lets duplicates that wait in this process look at the answer. Call
  /// it when a begun or taken claim has ended, whatever its end.
  package func release(_ claim: Claim) {
    loop.execute { [local, leases] in
      leases.drop(claim)
      local.end(claim.scope)
    }
  }

  /// Takes a begun or taken claim back: the same call begins anew. Only for work that left nothing
  /// to answer, or that is safe to be asked for again. Release it as well.
  package func forget(_ claim: Claim) async throws {
    _ = try await database.query(ClaimStatements.forget(claim))
  }

  /// Takes over claims of a method whose holders are gone. Each is held until it is released.
  package func takeAbandoned(method: String, limit: Int64) async throws -> [Claim] {
    let asked = MonotonicInstant.now
    let rows = try await database.query(
      ClaimStatements.takeAbandoned(method: method, limit: limit, lease: lease.length))
    counts.takenOver.increment(by: rows.count)
    let claims = try rows.map { row in
      let (merchant, method, key, fence, subject) = try row.decode(
        (UUIDBits, String, String, Int64, UUIDBits?).self)
      return Claim(
        scope: ClaimScope(merchant: merchant, method: method, key: key), fence: fence,
        subject: subject ?? UUIDBits(0), isTakeover: true)
    }
    loop.execute { [leases] in for claim in claims { leases.hold(claim, since: asked) } }
    return claims
  }

  /// Deletes answers that have expired; returns how many.
  package func reap() async throws -> Int {
    try await database.query(ClaimStatements.reap()).affected
  }

  /// What `begin` found.
  package enum Begun: Sendable {
    /// Go on; `claim.isTakeover` says that an earlier call left work behind.
    case run(Claim)
    case replay(StoredAnswer)
  }

  /// The claim was taken over while its old holder still worked.
  package struct FenceLost: Error {
    package init() {}
  }
}
