import Money
import Testing

@testable import GatewayCore

/// Random lives of operations: whatever comes in whatever order, the promises hold.
struct OperationPropertyTests {
  @Test(arguments: 0..<300)
  func promisesHold(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var operation = Operation(
      id: Sample.operationID,
      amount: Sample.amount,
      captureMethod: Bool.random(using: &random) ? .automatic : .manual
    )
    var log = Log()
    for _ in 0..<40 {
      let event = Self.event(operation, &random)
      let before = operation
      switch OperationMachine.next(operation, event) {
      case .moved(let next, let actions):
        operation = next
        log.check(before, event, next, actions, seed)
      case .unchanged, .refused: break
      }
      try Self.checkRows(operation)
    }
  }

  private static func event(
    _ operation: Operation,
    _ random: inout SeededGenerator
  ) -> OperationEvent {
    let outcomes: [Outcome] = [
      Sample.settled(.authorized), Sample.settled(.captured), Sample.settled(.canceled),
      Sample.settled(.refunded), Sample.settled(.received), Sample.bankPending, Sample.action,
      Sample.declined(.never), Sample.declined(.otherGateway), Sample.unsent, Sample.noAnswer,
      Sample.noAnswer, Sample.conflict,
    ]
    let outcome = outcomes[Int.random(in: 0..<outcomes.count, using: &random)]
    let id = AttemptID(bits: UInt128.random(in: 1...5, using: &random))
    switch Int.random(in: 0..<24, using: &random) {
    case 0..<5:
      guard !operation.attempts.contains(where: { $0.attempt.id == id }) else {
        return .outcome(id, outcome)
      }
      return Sample.start(
        id,
        Bool.random(using: &random) ? .stripe : .adyen,
        Int.random(in: 0..<5, using: &random) == 0 ? .charge : .authorizeOnly,
        speculative: Bool.random(using: &random)
      )
    case 5: return Bool.random(using: &random) ? .routesExhausted : .returned(id, Sample.bankReturn)
    case 6: return .close(.gaveUp, onlyIfUnsent: Bool.random(using: &random))
    case 7, 8:
      return .requestCapture(
        CaptureID(bits: UInt128.random(in: 5...7, using: &random)),
        Amount(.eur, minor: Int64.random(in: 0...6_000, using: &random))
      )
    case 9..<12:
      let ids = operation.winner?.captures.map(\.id) ?? []
      let id = ids.randomElement(using: &random) ?? CaptureID(bits: 5)
      return Int.random(in: 0..<8, using: &random) == 0
        ? .withdrawCapture(id, Sample.paidBefore) : .captureOutcome(id, outcome)
    case 20, 21: return .submitAction(id)
    case 22, 23: return .actionOutcome(id, outcome)
    default: return .outcome(id, outcome)
    }
  }

  /// What may be seen over a whole life.
  private struct Log {
    var winner: AttemptID?
    var condemned: Set<AttemptID> = []
    var facts = 0
    var orphans: [AttemptID: [Fact]] = [:]
    /// What payers brought back, by attempt: the numbers of the keys they went out under.
    var tries: [AttemptID: Int] = [:]

    mutating func check(
      _ before: Operation,
      _ event: OperationEvent,
      _ after: Operation,
      _ actions: [OperationAction],
      _ seed: Int
    ) {
      let note: Comment = "seed \(seed), \(event)"
      for action in actions {
        switch action {
        case .setWinner(let id):
          #expect(winner == nil, note)
          #expect(before.state == .open && !condemned.contains(id), note)
          winner = id
        case .condemn(let id, _):
          #expect(id != winner, note)
          condemned.insert(id)
        case .ensureReversal(let id), .finishReversal(let id):
          #expect(condemned.contains(id), note)
        case .insertAttempt:
          // What a payer has to do, or has done, is known at one gateway alone.
          #expect(!before.attempts.contains { $0.disposition == .open
            && $0.attempt.evidence.isWithPayer }, note)
        case .insertRelease(let id): #expect(id == winner, note)
        case .writeFact(let fact):
          facts += 1
          #expect(fact.sequence == facts, note)
          checkOrphan(fact, after, note)
        default: break
        }
      }
      #expect(after.winner?.attempt.id == winner, note)
      #expect(Set(after.condemned.map(\.id)) == condemned, note)
      #expect(after.factCount == facts, note)
      let ids = after.attempts.map(\.attempt.id)
      #expect(Set(ids).count == ids.count, note)
      checkMoney(before, after, note)
      checkActions(before, event, after, note)
    }

    /// A result goes out once for each number, from an attempt whose payer was asked, while it may win;
    /// an address does not outlive what it is for.
    private mutating func checkActions(
      _ before: Operation, _ event: OperationEvent, _ after: Operation, _ note: Comment
    ) {
      for (attempt, _) in after.attempts {
        let known = tries[attempt.id, default: 0]
        #expect(attempt.action == nil || attempt.evidence.isWithPayer, note)
        guard attempt.actionTries != known else { continue }
        #expect(attempt.actionTries == known + 1 && event == .submitAction(attempt.id), note)
        let was = before.attempts.first { $0.attempt.id == attempt.id }
        #expect(was?.disposition == .open && was?.attempt.evidence == .requiresAction, note)
        tries[attempt.id] = attempt.actionTries
      }
    }

    /// What a condemned attempt took is told once, and once given back: the same amount.
    private mutating func checkOrphan(_ fact: Fact, _ after: Operation, _ note: Comment) {
      guard fact.kind == .orphanCaptured || fact.kind == .orphanReversed, let id = fact.attemptID
      else { return }
      #expect(condemned.contains(id), note)
      let told = orphans[id, default: []]
      #expect(told.map(\.kind) == (fact.kind == .orphanCaptured ? [] : [.orphanCaptured]), note)
      #expect(told.allSatisfy { $0.amount == fact.amount } && fact.amount != nil, note)
      orphans[id, default: []].append(fact)
    }

    private func checkMoney(_ before: Operation, _ after: Operation, _ note: Comment) {
      let alive = after.winner?.captures.filter { $0.state != .failed } ?? []
      #expect(alive.count <= 1, note)
      #expect(alive.allSatisfy { $0.amount.minor <= after.amount.minor }, note)
      if after.isFinal && !before.isFinal {
        #expect(after.attempts.allSatisfy { $0.attempt.evidence.isNegative }, note)
      }
      for (attempt, _) in before.attempts where attempt.evidence == .captured {
        let now = after.attempts.first { $0.attempt.id == attempt.id }?.attempt.evidence
        #expect(now?.tookMoney == true, note)
      }
      // A second attempt exists only beside attempts that cannot capture by themselves.
      let live = after.attempts.filter { $0.disposition == .open }.map(\.attempt)
      if live.count > 1 { #expect(live.allSatisfy { $0.mode == .authorizeOnly }, note) }
    }
  }

  /// Rows and back are the same operation.
  private static func checkRows(_ operation: Operation) throws {
    var reason: Operation.CloseReason?
    if case .closed(let why, _) = operation.phase { reason = why }
    let rows = Operation.Rows(
      state: operation.state,
      closeReason: reason,
      isReleasing: operation.winner?.isReleasing ?? false,
      factCount: operation.factCount,
      isFinal: operation.isFinal,
      attempts: operation.attempts,
      captures: operation.winner?.captures ?? []
    )
    let restored = try Operation(
      id: operation.id,
      amount: operation.amount,
      captureMethod: operation.captureMethod,
      rows: rows
    )
    #expect(restored.attempts.map(\.attempt) == operation.attempts.map(\.attempt))
    #expect(restored.state == operation.state && restored.winner == operation.winner)
  }

  @Test func contradictingRowsAreRefused() {
    let attempt = Attempt(
      id: Sample.first,
      sequence: 1,
      gateway: .stripe,
      account: "main",
      mode: .authorizeOnly
    )
    func error(
      _ state: Operation.State,
      _ dispositions: [Disposition],
      captures: [Capture] = [],
      reason: Operation.CloseReason? = .canceled
    ) -> OperationRestoreError? {
      do {
        _ = try Operation(
          id: Sample.operationID,
          amount: Sample.amount,
          captureMethod: .automatic,
          rows: Operation.Rows(
            state: state,
            closeReason: reason,
            isReleasing: false,
            factCount: 0,
            isFinal: false,
            attempts: dispositions.map { (attempt, $0) },
            captures: captures
          )
        )
        return nil
      } catch {
        return error
      }
    }
    #expect(error(.open, [.winner]) == .winnerWithoutWon)
    #expect(error(.won, []) == .wonWithoutWinner)
    #expect(error(.won, [.winner, .winner]) == .severalWinners)
    #expect(error(.won, [.winner, .open]) == .openAttemptInDecidedOperation)
    #expect(error(.closed, [.open]) == .openAttemptInDecidedOperation)
    let capture = Capture(id: CaptureID(bits: 1), amount: Sample.amount)
    #expect(error(.open, [], captures: [capture]) == .capturesWithoutWinner)
    #expect(error(.closed, [], reason: nil) == .closeReasonMissing)
    #expect(error(.open, [.open, .condemned]) == nil)
  }
}
