import IntentsCore
import Testing

/// The life of a payment intent, one row per state and event: read it as a finance person would.
/// Columns: state, event, what becomes of it.
struct IntentMachineTests {
  static let declined = IntentFailure(
    kind: .retryable, code: "insufficient_funds", declineClass: .later)
  static let terminal = IntentFailure(kind: .terminal, code: "capture_failed")

  /// Every state there is, by the name used in the table.
  static let states: [(name: String, state: IntentState)] = [
    ("created", .created),
    ("action", .requiresAction),
    ("unknown", .processing(.outcomeUnknown, authorized: false)),
    ("bank", .processing(.bankPending, authorized: false)),
    ("bankHeld", .processing(.bankPending, authorized: true)),
    ("capturing", .processing(.capturePending, authorized: true)),
    ("canceling", .processing(.cancelPending, authorized: false)),
    ("capturable", .requiresCapture),
    ("succeeded", .succeeded),
    ("retryable", .failed(declined)),
    ("terminal", .failed(terminal)),
    ("canceled", .canceled),
  ]

  static let events: [(name: String, event: IntentEvent)] = [
    ("confirm", .confirm), ("capture", .capture), ("cancel", .cancel), ("back", .completeAction),
    ("authorized", .fact(.authorized)), ("captured", .fact(.captured)),
    ("declined", .fact(.declined(declined))), ("notExecuted", .fact(.notExecuted(code: "none"))),
    ("unknown", .fact(.unknown)), ("pending", .fact(.pending)), ("canceled", .fact(.canceled)),
    ("action", .fact(.requiresAction)), ("captureFailed", .fact(.captureFailed(code: "no"))),
    ("conflicted", .fact(.conflicted)), ("expired", .fact(.expired)),
    ("undone", .fact(.captureUndone(code: "no"))), ("returned", .fact(.returned)),
    ("paidBefore", .fact(.paidBeforeRestore(code: "paid_before_restore"))),
  ]

  /// `-` stays as it is · `x` refused · `!` stays, people must look · otherwise the new state
  /// (automatic capture; a trailing `!` also alerts).
  static let table = """
    state      confirm capture   cancel    back authorized captured   declined  notExecuted unknown pending canceled  action captureFailed conflicted expired   undone     returned  paidBefore
    created    unknown x         canceled  x    !          !          -         -           -       -       -         -      -             !          -         !          !         -
    action     x       x         canceling -    capturing  succeeded  retryable retryable   unknown bank    retryable action terminal      !          retryable !          !         terminal
    unknown    x       x         x         -    capturing  succeeded  retryable retryable   -       bank    retryable action terminal      !          retryable !          !         terminal
    bank       x       x         x         -    capturing  succeeded  retryable retryable   unknown -       retryable action terminal      !          retryable !          !         terminal
    bankHeld   x       x         x         -    capturing  succeeded  retryable retryable   -       -       retryable action terminal      !          retryable !          !         terminal
    capturing  x       x         x         -    -          succeeded  retryable retryable   -       bank    retryable action terminal      !          retryable !          !         terminal
    canceling  x       x         x         -    -          succeeded! canceled  canceled    -       -       canceled  -      canceled      !          canceled  !          !         canceled
    capturable x       capturing canceling -    -          succeeded! !         !           -       -       retryable !      !             !          retryable !          !         !
    succeeded  x       x         x         -    !          !          -         -           -       -       -         -      -             !          -         succeeded! succeeded -
    retryable  unknown x         canceled  -    !          !          -         -           -       -       -         -      -             !          -         !          !         -
    terminal   x       x         x         -    !          !          -         -           -       -       -         -      -             !          -         !          !         -
    canceled   x       x         x         -    !          !          -         -           -       -       -         -      -             !          -         !          !         -
    """

  struct Case: Sendable, CustomStringConvertible {
    var state: String
    var event: String
    var expected: String
    var description: String { "\(state) + \(event) = \(expected)" }
  }

  static let cases: [Case] = {
    let lines = table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    return lines.dropFirst().flatMap { line in
      zip(lines[0].dropFirst(), line.dropFirst()).map {
        Case(state: line[0], event: $0, expected: $1)
      }
    }
  }()

  @Test("the table has every state and every event")
  func tableIsComplete() {
    #expect(Self.cases.count == Self.states.count * Self.events.count)
    for (name, _) in Self.states { #expect(Self.cases.contains { $0.state == name }) }
    for (name, _) in Self.events { #expect(Self.cases.contains { $0.event == name }) }
  }

  @Test("each state and event", arguments: cases)
  func row(_ row: Case) throws {
    let state = try #require(Self.states.first { $0.name == row.state }?.state)
    let event = try #require(Self.events.first { $0.name == row.event }?.event)
    #expect(Self.word(IntentMachine.next(state, event, capture: .automatic), from: state) == row.expected)
  }

  private static func word(_ verdict: Verdict, from state: IntentState) -> String {
    switch verdict {
    case .refused: return "x"
    case .unchanged(let notices): return alerts(notices) ? "!" : "-"
    case .moved(let next, let notices):
      let name = states.first { $0.state.sameKind(as: next) }?.name ?? "?"
      return name + (alerts(notices) ? "!" : "")
    }
  }

  private static func alerts(_ notices: [Notice]) -> Bool {
    notices.contains { if case .alert = $0 { true } else { false } }
  }

  @Test("a manual capture waits for the merchant")
  func manualCapture() {
    let verdict = IntentMachine.next(
      .processing(.outcomeUnknown, authorized: false), .fact(.authorized), capture: .manual)
    guard case .moved(.requiresCapture, let notices) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(notices == [.event("payment_intent.amount_capturable_updated")])
  }

  @Test("money that moved is booked, whatever the state", arguments: states.map(\.name))
  func capturedIsBooked(_ name: String) throws {
    let state = try #require(Self.states.first { $0.name == name }?.state)
    let notices =
      switch IntentMachine.next(state, .fact(.captured), capture: .automatic) {
      case .moved(_, let notices), .unchanged(let notices): notices
      case .refused: [Notice]()
      }
    #expect(notices.contains(.bookCapture))
  }

  @Test("terminal states absorb every event", arguments: events.map(\.name))
  func terminalAbsorbs(_ name: String) throws {
    let event = try #require(Self.events.first { $0.name == name }?.event)
    for (_, state) in Self.states where state.isTerminal {
      // What happens to the money later is a version of its own, never another status.
      if case .moved(let next, _) = IntentMachine.next(state, event, capture: .automatic) {
        #expect(next == state, "\(state) moved to \(next) by \(name)")
      }
    }
  }

  // MARK: The declared table itself

  private static let situations = CaptureMethod.allCases.flatMap { capture in
    [false, true].map { IntentSituation(capture: capture, isAuthorized: $0) }
  }

  /// The rows that apply, of which there must not be two.
  private static func rows(
    _ stage: IntentStage, _ event: IntentEventKind, _ situation: IntentSituation
  ) -> [IntentTransition] {
    IntentTable.transitions.filter {
      $0.from.contains(stage) && $0.event == event && $0.condition.holds(in: situation)
    }
  }

  @Test("each fact has exactly one row in every state and situation; a wish has one at most")
  func everyPlaceIsDeclaredOnce() {
    for stage in IntentStage.allCases {
      for event in IntentEventKind.allCases {
        for situation in Self.situations {
          let count = Self.rows(stage, event, situation).count
          let isRight = event.isRequest ? count <= 1 : count == 1
          #expect(isRight, "\(stage) + \(event) in \(situation): \(count) rows")
        }
      }
    }
  }

  @Test("the machine goes where the table says, and refuses the rest with the table's statuses")
  func theMachineIsTheTable() {
    for (_, state) in Self.states {
      for (name, event) in Self.events {
        for capture in CaptureMethod.allCases {
          let situation = IntentSituation(capture: capture, isAuthorized: state.isAuthorized)
          let row = Self.rows(state.stage, event.kind, situation).first
          switch (IntentMachine.next(state, event, capture: capture), row?.target) {
          case (.moved(let next, let notices), .move(let stage)):
            #expect(next.stage == stage && notices == row?.notices, "\(state) + \(name)")
          case (.unchanged(let notices), .stay):
            #expect(notices == row?.notices, "\(state) + \(name)")
          case (.refused(let allowed), nil):
            #expect(event.kind.isRequest && !allowed.isEmpty, "\(state) + \(name)")
            #expect(!allowed.contains(state.status) || state.stage == .failedTerminal)
          case (let verdict, let target):
            Issue.record("\(state) + \(name): \(verdict), not \(String(describing: target))")
          }
        }
      }
    }
  }

  @Test("every row can happen and says why; whatever fails says of what")
  func rowsAreMeant() {
    for row in IntentTable.transitions {
      #expect(!row.from.isEmpty && !row.because.isEmpty)
      guard let event = Self.events.first(where: { $0.event.kind == row.event })?.event,
        case .move(let stage) = row.target, stage == .failedRetryable || stage == .failedTerminal
      else { continue }
      guard case .fact(let fact) = event else {
        Issue.record("\(row.event) fails an intent and is no fact")
        continue
      }
      #expect(fact.failure?.code.isEmpty == false, "\(row.event)")
    }
    #expect(Set(IntentTable.transitions.map(\.event)) == Set(IntentEventKind.allCases))
    #expect(Set(Self.events.map(\.event.kind)) == Set(IntentEventKind.allCases))
    #expect(Set(Self.states.map(\.state.stage)) == Set(IntentStage.allCases))
  }

  @Test("an expired authorisation is refused a capture, and says why it failed")
  func expiry() {
    let verdict = IntentMachine.next(.requiresCapture, .fact(.expired), capture: .manual)
    guard case .moved(.failed(let failure), let notices) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(failure == IntentFailure(kind: .retryable, code: "authorization_expired"))
    #expect(notices == [.event("payment_intent.payment_failed")])
    #expect(
      IntentMachine.next(.failed(failure), .capture, capture: .manual)
        == .refused(allowed: [.requiresCapture]))
  }

  @Test("money that went back is booked, whatever the state", arguments: states.map(\.name))
  func returnsAreBooked(_ name: String) throws {
    let state = try #require(Self.states.first { $0.name == name }?.state)
    for (fact, notice) in [
      (Fact.returned, Notice.bookReturn), (.captureUndone(code: "x"), .bookCaptureUndone),
    ] {
      switch IntentMachine.next(state, .fact(fact), capture: .automatic) {
      case .moved(_, let notices), .unchanged(let notices): #expect(notices.contains(notice))
      case .refused: Issue.record("\(fact) was refused")
      }
    }
  }
}

extension IntentState {
  fileprivate func sameKind(as other: IntentState) -> Bool { stage == other.stage }
}
