import CoreMetrics
import GRPCCore
import Money
import Postgres
import Reactor
import Seal
package import Wire

enum Performed<Response: Sendable>: Sendable {
  case done(Response)
  case not(ClaimOutcome)
}

enum Turn<Response: Sendable>: Sendable {
  case answer(Response)
  case other(ClaimOutcome)
}

/// Taking the key, waiting for those who have it, and what they left.
extension Idempotency {
  func scope(of call: CallContext) throws(RPCFailure) -> ClaimScope {
    let name = call.method.split(separator: "/").last.map(String.init) ?? call.method
    return ClaimScope(
      merchant: UUIDBits(call.merchant?.bits ?? 0), method: name, key: try call.requireKey().text)
  }

  func take<Request: KeyedMessage>(
    _ scope: ClaimScope, _ request: Request, _ call: CallContext, subject: UUIDBits,
    in transaction: borrowing Transaction
  ) async throws -> ClaimOutcome {
    let fingerprint = SHA256.hash(request.fingerprintBytes)
    let rows = try await transaction.batch([
      ClaimStatements.take(
        scope, fingerprint: fingerprint, version: Int16(Request.fingerprintVersion),
        subject: subject, actor: call.actor, traceID: call.trace.traceIDBytes,
        lease: lease.length),
      ClaimStatements.look(scope),
    ])
    if let row = rows[0].first {
      let (fence, held, isOlder) = try row.decode((Int64, UUIDBits?, Bool).self)
      return .claimed(
        Claim(scope: scope, fence: fence, subject: held ?? UUIDBits(0), isTakeover: isOlder))
    }
    guard let row = rows[1].first else { return .running }
    return try Self.outcome(of: row, fingerprint: fingerprint)
  }

  static func outcome(of row: Row, fingerprint: [UInt8]) throws -> ClaimOutcome {
    let (state, stored, code, message, response, details, subject) = try row.decode(
      (Int16, [UInt8], Int16?, String?, [UInt8]?, [UInt8]?, UUIDBits?).self)
    guard stored == fingerprint else { return .reused }
    guard state == 1, let code else { return .running }
    let columns = AnswerColumns(code: code, message: message, response: response, details: details)
    guard let answer = columns.answer else { throw RPCFailure.internalError }
    return .finished(FinishedClaim(answer: answer, subject: subject ?? UUIDBits(0)))
  }

  /// One call per key and process at a time; the others wait for it and then look.
  /// - Returns: the answer, and the subject of the call that executed: ours, or an earlier one's.
  func exclusively<Response: WireMessage>(
    _ scope: ClaimScope, subject: UUIDBits, _ attempt: () async throws -> Turn<Response>
  ) async throws -> (Response, UUIDBits) {
    let deadline = waitDeadline()
    while true {
      guard local.begin(scope) else {
        try await waitForTurn(scope, until: deadline)
        continue
      }
      let turn: Turn<Response>
      do {
        turn = try await attempt()
      } catch {
        local.end(scope)
        throw error
      }
      local.end(scope)
      switch turn {
      case .answer(let response):
        counts.executed.increment()
        return (response, subject)
      case .other(let outcome):
        if let finished = try await settle(outcome, scope, until: deadline) {
          return (try replay(finished.answer), finished.subject)
        }
      }
    }
  }

  /// A stored answer as the call's own, marked as replayed.
  package func replay<Response: WireMessage>(_ answer: StoredAnswer) throws -> Response {
    CallContext.current?.replay.set()
    counts.replayed.increment()
    switch answer {
    case .response(let bytes): return try Response(decoding: bytes, strict: false)
    case .refusal(let refusal): throw refusal
    }
  }

  /// Nil: look again.
  func settle(
    _ outcome: ClaimOutcome, _ scope: ClaimScope, until deadline: MonotonicInstant
  ) async throws -> FinishedClaim? {
    switch outcome {
    case .finished(let finished): return finished
    case .reused:
      counts.reused.increment()
      throw RPCFailure.failedPrecondition(
        "IDEMPOTENCY_KEY_REUSED",
        "This idempotency key was used with another payload. Use a new key for a new request.")
    case .running:
      guard loop.now < deadline else { throw inProgress() }
      try await loop.sleep(for: .milliseconds(IdempotencyLimits.pollMilliseconds))
      return nil
    case .claimed:
      throw RPCFailure.internalError
    }
  }

  func waitForTurn(
    _ scope: ClaimScope, until deadline: MonotonicInstant
  ) async throws {
    let left = loop.now.duration(to: deadline).wholeMillisecondsRoundedUp
    guard left > 0 else { throw inProgress() }
    await local.wait(for: scope, milliseconds: left)
  }

  func waitDeadline() -> MonotonicInstant {
    var milliseconds = IdempotencyLimits.waitMilliseconds
    if let remaining = Deadline.current?.remaining(on: loop).wholeMillisecondsRoundedUp {
      milliseconds = min(milliseconds, max(0, remaining))
    }
    return loop.now.advanced(by: .milliseconds(milliseconds))
  }

  func inProgress() -> RPCFailure {
    counts.inProgress.increment()
    return Self.stillRuns
  }

  static var stillRuns: RPCFailure {
    RPCFailure(
      .aborted, "IDEMPOTENCY_IN_PROGRESS",
      "The first request with this idempotency key still runs. Try again with the same key.",
      retryAfterMilliseconds: 500)
  }

  /// The effects were rolled back; the refusal becomes the key's answer in a transaction of its own.
  func storeRefusal<Request: KeyedMessage>(
    _ failure: RPCFailure, _ scope: ClaimScope, _ request: Request, _ call: CallContext
  ) async throws -> ClaimOutcome {
    let answer = StoredAnswer.refusal(
      StoredRefusal(code: failure.code, message: failure.message, details: failure.statusDetails))
    let outcome = try await database.transaction { [self] transaction in
      let outcome = try await take(scope, request, call, subject: UUIDBits(0), in: transaction)
      guard case .claimed(let claim) = outcome else { return outcome }
      try await finish(claim, answer, in: transaction)
      return outcome
    }
    if case .claimed = outcome { counts.refused.increment() }
    return outcome
  }
}
