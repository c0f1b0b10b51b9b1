import IntentsCore
import Testing

/// The life of a refund as a merchant sees it, one row per state and fact.
struct RefundMachineTests {
  static let why = RefundFailure(code: "refund_failed", gatewayCode: "expired_card")

  static let states: [(name: String, state: RefundState)] = [
    ("unknown", .pending(.outcomeUnknown)), ("gateway", .pending(.gatewayPending)),
    ("succeeded", .succeeded), ("failed", .failed(why)),
  ]
  static let facts: [(name: String, fact: RefundFact)] = [
    ("pending", .pending), ("refunded", .refunded), ("failed", .failed(why)),
  ]

  /// `-` changes nothing · otherwise the new state, then what is booked: `+out` money left, `+back`
  /// it came back; a trailing `!` also alerts.
  static let table = """
    state     pending refunded        failed
    unknown   gateway succeeded+out   failed
    gateway   -       succeeded+out   failed
    succeeded -       -               failed+back
    failed    -       succeeded+out!  -
    """

  @Test func everyStateAndEveryFact() throws {
    let lines = Self.table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines.count == 1 + Self.states.count)
    #expect(lines[0].dropFirst().elementsEqual(Self.facts.map(\.name)))
    for line in lines.dropFirst() {
      let state = try #require(Self.states.first { $0.name == line[0] }?.state)
      for (fact, expected) in zip(Self.facts, line.dropFirst()) {
        let word = Self.word(RefundMachine.next(state, fact.fact))
        #expect(word == expected, "\(line[0]) + \(fact.name)")
      }
    }
  }

  @Test func eachFactHasOneRowInEveryState() {
    for stage in RefundStage.allCases {
      for fact in RefundFact.Kind.allCases {
        let rows = RefundMachine.transitions.filter { $0.from.contains(stage) && $0.fact == fact }
        #expect(rows.count == 1, "\(stage) + \(fact)")
      }
    }
    for (_, state) in Self.states {
      for (name, fact) in Self.facts {
        let row = RefundMachine.transitions.first {
          $0.from.contains(state.stage) && $0.fact == fact.kind
        }
        let step = RefundMachine.next(state, fact)
        #expect(step?.state.stage == row?.to, "\(state) + \(name)")
        #expect(step == nil || step?.notices == row?.notices, "\(state) + \(name)")
      }
    }
  }

  private static func word(_ step: RefundMachine.Step?) -> String {
    guard let step else { return "-" }
    var word = states.first { $0.state == step.state }?.name ?? "?"
    if step.notices.contains(.bookRefund) { word += "+out" }
    if step.notices.contains(.bookReturn) { word += "+back" }
    if step.notices.contains(where: { if case .alert = $0 { true } else { false } }) { word += "!" }
    return word
  }

  @Test func everyStepTellsTheMerchantOnce() {
    for (_, state) in Self.states {
      for (_, fact) in Self.facts {
        guard let step = RefundMachine.next(state, fact) else { continue }
        let events = step.notices.filter { if case .event = $0 { true } else { false } }
        #expect(events.count == 1, "\(state) + \(fact)")
      }
    }
  }

  /// What is booked is what the states say: out minus back is one refund exactly while succeeded.
  @Test func booksFollowTheStateWhateverTheOrder() {
    for first in Self.facts {
      for second in Self.facts {
        for third in Self.facts {
          var state = RefundState.pending(.outcomeUnknown)
          var out = 0
          for fact in [first, second, third] {
            guard let step = RefundMachine.next(state, fact.fact) else { continue }
            state = step.state
            if step.notices.contains(.bookRefund) { out += 1 }
            if step.notices.contains(.bookReturn) { out -= 1 }
          }
          #expect(out == (state == .succeeded ? 1 : 0), "\(first.name) \(second.name) \(third.name)")
        }
      }
    }
  }
}
