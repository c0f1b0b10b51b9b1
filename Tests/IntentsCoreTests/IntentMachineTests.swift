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
    ("capturing", .processing(.capturePending, authorized: true)),
    ("canceling", .processing(.cancelPending, authorized: false)),
    ("capturable", .requiresCapture),
    ("succeeded", .succeeded),
    ("retryable", .failed(declined)),
    ("terminal", .failed(terminal)),
    ("canceled", .canceled),
  ]

  static let events: [(name: String, event: IntentEvent)] = [
    ("confirm", .confirm), ("capture", .capture), ("cancel", .cancel),
    ("authorized", .fact(.authorized)), ("captured", .fact(.captured)),
    ("declined", .fact(.declined(declined))), ("notExecuted", .fact(.notExecuted(code: "none"))),
    ("unknown", .fact(.unknown)), ("pending", .fact(.pending)), ("canceled", .fact(.canceled)),
    ("action", .fact(.requiresAction)), ("captureFailed", .fact(.captureFailed(code: "no"))),
    ("conflicted", .fact(.conflicted)),
  ]

  /// `-` stays as it is · `x` refused · `!` stays, people must look · otherwise the new state
  /// (automatic capture; a trailing `!` also alerts).
  static let table = """
    state      confirm capture   cancel    authorized captured   declined  notExecuted unknown pending canceled  action captureFailed conflicted
    created    unknown x         canceled  !          !          -         -           -       -       -         -      -             !
    action     x       x         canceling capturing  succeeded  retryable retryable   -       bank    retryable action terminal      !
    unknown    x       x         x         capturing  succeeded  retryable retryable   -       bank    retryable action terminal      !
    bank       x       x         x         capturing  succeeded  retryable retryable   unknown -       retryable action terminal      !
    capturing  x       x         x         capturing  succeeded  retryable retryable   -       bank    retryable action terminal      !
    canceling  x       x         x         -          succeeded! canceled  canceled    -       -       canceled  -      canceled      !
    capturable x       capturing canceling -          succeeded! !         !           -       -       retryable !      !             !
    succeeded  x       x         x         !          !          -         -           -       -       -         -      -             !
    retryable  unknown x         canceled  !          !          -         -           -       -       -         -      -             !
    terminal   x       x         x         !          !          -         -           -       -       -         -      -             !
    canceled   x       x         x         !          !          -         -           -       -       -         -      -             !
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
      if case .moved(let next, _) = IntentMachine.next(state, event, capture: .automatic) {
        Issue.record("\(state) moved to \(next) by \(name)")
      }
    }
  }
}

extension IntentState {
  fileprivate func sameKind(as other: IntentState) -> Bool {
    switch (self, other) {
    case (.processing(let left, _), .processing(let right, _)): left == right
    case (.failed(let left), .failed(let right)): left.kind == right.kind
    default: status == other.status
    }
  }
}
