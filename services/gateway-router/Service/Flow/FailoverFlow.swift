import Faults
import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// One live call's way over the gateways of its route.
struct Course: Sendable {
  var record: OperationRecord
  let method: ResolvedMethod
  let route: Route
  let started: MonotonicInstant
  /// Not tried yet, best first.
  var remaining: [GatewayAccount]
  /// Written by this call.
  var facts: [GatewayV1.Fact] = []
  /// About the attempt that was sent last.
  var situation: FailoverSituation

  init(
    _ record: OperationRecord, _ method: ResolvedMethod, _ route: Route, _ started: MonotonicInstant
  ) {
    self.record = record
    self.method = method
    self.route = route
    self.started = started
    remaining = Array(route.candidates.dropFirst())
    situation = FailoverSituation(hasNext: !remaining.isEmpty)
  }

  fileprivate mutating func beginAttempt() {
    remaining.removeFirst()
    var next = FailoverSituation(hasNext: !remaining.isEmpty)
    next.elapsedMilliseconds = situation.elapsedMilliseconds
    situation = next
  }
}

/// Attempts of a live call: send, find out, fence, try the next gateway (DESIGN section 9). The rule
/// decides each step; here it is carried out and stored.
extension GatewayFlow {
  /// Follows the operation's live attempt until there is a winner, a definite end, or nothing more
  /// that this call may do.
  func drive(_ start: Course) async throws -> Course {
    var course = start
    guard var attempt = course.record.operation.liveAttempt else { return course }
    var heard = try await send(attempt, .first, &course)
    while true {
      let moved = try await store(heard, about: attempt, &course)
      let captures = course.record.operation.winner?.captures ?? []
      if let capture = captures.first(where: { $0.state == .queued }) {
        let sent = try await sendCapture(
          capture, course.record, within: left(since: course.started))
        course.record = sent.record
        course.facts += sent.facts
        return course
      }
      if moved.actions.startsAttempt, let next = course.record.operation.liveAttempt {
        attempt = next
        course.beginAttempt()
        heard = try await send(attempt, .first, &course)
        continue
      }
      // With the time that `store` saw: what follows from another time would be stored by nobody.
      let step = FailoverRule.step(
        about: attempt.id, in: course.record.operation, course.situation)
      guard let known = course.record.operation.attempt(attempt.id),
        let answer = try await carryOut(step, known, &course)
      else { return course }
      heard = answer
    }
  }

  /// - Returns: what was heard; nil when the step asks nothing of a gateway.
  private func carryOut(
    _ step: FailoverStep, _ attempt: Attempt, _ course: inout Course
  ) async throws -> GatewayPorts.Heard? {
    let record = course.record
    switch step {
    case .replay, .get, .find: ports.limits.countRetry()
    case .fence, .start, .exhaust, .answer: break
    }
    switch step {
    case .replay:
      course.situation.replays += 1
      try await environment.loop.sleep(for: .milliseconds(FailoverBudget.replayPause))
      return try await send(attempt, .replay, &course)
    case .get(let reference):
      course.situation.isLooked = true
      return await ports.get(
        record, attempt, reference: reference,
        within: left(until: course.situation.lookUntil, course))
    case .find:
      course.situation.isLooked = true
      return await ports.find(
        record, attempt, now: record.now(environment.clock),
        within: left(until: course.situation.lookUntil, course))
    case .fence(let reference):
      course.situation.isFenced = true
      return await ports.cancel(
        record, attempt, reference: reference, try: GatewayReference.fenceTry,
        within: left(until: FailoverBudget.fenceUntil, course))
    case .start, .exhaust, .answer: return nil
    }
  }

  private func send(
    _ attempt: Attempt, _ send: Send, _ course: inout Course
  ) async throws -> GatewayPorts.Heard {
    #if TENDER_FAULTS
      if send == .first { CrashPoint.afterAttempt.pass() }
    #endif
    return await ports.authorize(
      course.record, attempt, course.method, send,
      within: left(until: course.situation.probeUntil, course))
  }

  /// Stores what was heard, and in the same transaction what follows from it: the next attempt with
  /// everything that its beginning condemns, or the end.
  private func store(
    _ heard: GatewayPorts.Heard, about attempt: Attempt, _ course: inout Course
  ) async throws -> Moved {
    note(&course)
    if heard.isUnknown, course.situation.hasNext, attempt.mode == .authorizeOnly {
      course.situation.allowsSpeculation = try await allowsSpeculation(course.record)
    }
    let next = course.remaining.first.map { candidate in
      NewAttempt(
        id: environment.identifiers.make(), gateway: candidate.gateway, account: candidate.account,
        mode: course.route.mode(course.record.operation.captureMethod))
    }
    var detail = heard.detail
    if heard.isUnknown, course.situation.allowsRetry {
      course.situation.allowsRetry = ports.limits.allowsRetry()
      if !course.situation.allowsRetry { detail += "; not asked again: the retry budget is used up" }
    }
    // A list that is still read may have named another payment of the intent meanwhile.
    let hold = try await ports.routing.restore.hold(
      on: course.record.intent, of: course.record.merchant)
    let isHeld = hold.isUnresolved
    if hold != .free { course.situation.sendWindowIsOpen = false }
    let notes = OperationWriter.Notes(
      route: course.route.explanation, decision: RouteDecision(course.route, course.method),
      detail: detail, milliseconds: heard.milliseconds)
    let situation = course.situation
    let moved = try await move(course.record, notes) { operation, step in
      switch step {
      case 0: .outcome(attempt.id, heard.outcome)
      case 1: isHeld ? nil : Self.following(operation, attempt.id, next, situation)
      default: nil
      }
    }
    course.record = moved.record
    course.facts += moved.facts
    return moved
  }

  private static func following(
    _ operation: Operation, _ id: AttemptID, _ next: NewAttempt?, _ situation: FailoverSituation
  ) -> OperationEvent? {
    switch FailoverRule.step(about: id, in: operation, situation) {
    case .start(let speculative):
      guard let next else { return nil }
      let event = OperationEvent.start(next, allowsSpeculation: speculative)
      if case .moved = OperationMachine.next(operation, event) { return event }
      return speculative ? nil : .routesExhausted
    case .exhaust: return .routesExhausted
    case .replay, .get, .find, .fence, .answer: return nil
    }
  }

  // MARK: Policy

  /// A second authorisation beside an unknown one: on while the payer is there, off when they are
  /// not, unless the merchant's policy says otherwise.
  private func allowsSpeculation(_ record: OperationRecord) async throws -> Bool {
    let rows = try await environment.database.query(
      PolicyStatements.current(of: record.merchant))
    let policy = try rows.first.map { try MerchantPolicy($0) } ?? MerchantPolicy.standard
    return record.offSession ? policy.speculatesOffSession : policy.speculatesWithPayer
  }

  // MARK: Time

  /// What the call may still spend on gateways.
  func left(since started: MonotonicInstant) -> Duration {
    .milliseconds(FailoverBudget.secondUntil) - started.duration(to: environment.loop.now)
  }

  private func left(until end: Int64, _ course: Course) -> Duration {
    max(.milliseconds(1), .milliseconds(end) - course.started.duration(to: environment.loop.now))
  }

  private func note(_ course: inout Course) {
    let spent = course.started.duration(to: environment.loop.now)
    course.situation.elapsedMilliseconds = spent.wholeMillisecondsRoundedUp
    course.situation.sendWindowIsOpen = environment.clock.now < course.record.sendBefore
  }
}

extension GatewayPorts.Heard {
  fileprivate var isUnknown: Bool { if case .unknown = outcome { true } else { false } }
}

extension [OperationAction] {
  fileprivate var startsAttempt: Bool {
    contains { if case .insertAttempt = $0 { true } else { false } }
  }
}

extension Operation {
  /// The attempt that was sent last, while nothing is decided.
  var liveAttempt: Attempt? {
    guard case .open(let live, _) = phase else { return nil }
    return live.last
  }
}
