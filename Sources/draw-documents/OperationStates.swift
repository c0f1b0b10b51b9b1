import GatewayCore
import Money

/// The states of operations and attempts at gateways. They are no table in the code: they are found
/// by running the pure machine over everything that can happen, from a new operation on.
struct OperationStates {
  /// Events in a row: start, an outcome, a close, and the evidence after it.
  private static let depth = 4
  private static let amount = Amount(.eur, minor: 4_999)

  private struct Edge: Hashable {
    var from: String
    var event: String
    var to: String
  }

  /// What each event writes.
  private var edges = Ordered<Edge, Set<String>>()
  private var dispositions = Ordered<[Disposition], Set<String>>()

  init() {
    var frontier: [Operation] = [
      Operation.CaptureMethod.automatic, .manual,
    ].map { Operation(id: OperationID(bits: 900), amount: Self.amount, captureMethod: $0) }
    var seen = Set(frontier)
    for _ in 0..<Self.depth {
      var next: [Operation] = []
      for operation in frontier {
        for (name, event) in Self.events(for: operation) {
          guard case .moved(let moved, let actions) = OperationMachine.next(operation, event) else {
            continue
          }
          note(name, operation, moved, actions)
          if seen.insert(moved).inserted { next.append(moved) }
        }
      }
      frontier = next
    }
  }

  private mutating func note(
    _ event: String, _ before: Operation, _ after: Operation, _ actions: [OperationAction]
  ) {
    let facts = actions.compactMap { action -> String? in
      if case .writeFact(let fact) = action { "\(fact.kind)" } else { nil }
    }
    if before.name != after.name || !facts.isEmpty {
      edges[Edge(from: before.name, event: event, to: after.name), default: []]
        .insert(facts.isEmpty ? "none yet" : facts.joined(separator: " + "))
    }
    let old = Dictionary(
      uniqueKeysWithValues: before.attempts.map { ($0.attempt.id, $0.disposition) })
    for (attempt, disposition) in after.attempts {
      guard let was = old[attempt.id], was != disposition else { continue }
      dispositions[[was, disposition], default: []].insert(event)
    }
  }

  // MARK: What can happen

  private static func events(for operation: Operation) -> [(String, OperationEvent)] {
    var events: [(String, OperationEvent)] = [
      ("routes exhausted", .routesExhausted),
      ("close (canceled)", .close(.canceled, onlyIfUnsent: false)),
      ("close (gave up)", .close(.gaveUp, onlyIfUnsent: false)),
      ("close (if unsent)", .close(.abandoned, onlyIfUnsent: true)),
      ("capture asked", .requestCapture(CaptureID(bits: 77), amount)),
    ]
    let count = operation.attempts.count
    if count < 2 {
      for mode in Attempt.Mode.allCases {
        let attempt = NewAttempt(
          id: AttemptID(bits: UInt128(count + 1)), gateway: count == 0 ? .stripe : .adyen,
          account: "main", mode: mode)
        events.append(("start", .start(attempt, allowsSpeculation: true)))
      }
    }
    for (attempt, _) in operation.attempts {
      events += outcomes.map { ($0, .outcome(attempt.id, $1)) }
      guard attempt.evidence.isWithPayer else { continue }
      events.append(("payer's result handed over", .submitAction(attempt.id)))
      events += outcomes.map { ("its answer \($0)", .actionOutcome(attempt.id, $1)) }
    }
    for capture in operation.winner?.captures ?? [] {
      events += outcomes.map { ("capture \($0)", .captureOutcome(capture.id, $1)) }
      events.append(("capture withdrawn", .withdrawCapture(capture.id, paidOtherwise)))
    }
    return events
  }

  private static let paidOtherwise = Decline(
    class: .never, code: "paid_before_restore", gatewayCode: "")

  private static let outcomes: [(String, Outcome)] = {
    let request = SentRequest(
      purpose: .look, send: .first, amount: amount, account: nil, ownReference: nil)
    let decline = Decline(class: .otherGateway, code: "declined", gatewayCode: "x")
    func shown(_ state: PaymentAnswer.State) -> Outcome {
      OutcomeRule.outcome(
        .payment(PaymentAnswer(echo: Echo(reference: "pi_1"), state: state)), to: request
      ) { _ in decline }
    }
    return [
      ("authorized", shown(.authorized)), ("captured", shown(.captured(nil))),
      ("canceled", shown(.canceled)), ("pending", shown(.pending)),
      ("action", shown(.requiresAction(PayerAction(redirectURL: nil)))),
      ("declined", .declined(decline)),
      ("not executed", .notExecuted(Proof(neverWritten: .breakerOpen))),
      ("unknown", .unknown(.notFound)),
    ]
  }()

  // MARK: Text

  var section: String {
    """
    ## Operations at gateways

    An operation is one try to move an intent's money; its attempts are the tries at single gateways.
    The machine is `services/gateway-router/Core/Operation/OperationMachine.swift`; every state with
    every event is in `Tests/GatewayCoreTests/OperationTable.swift`. Drawn here by running the machine
    over all that can happen: up to two attempts, \(Self.depth) events in a row. What changes no state
    and writes no fact is left out. A condemned attempt's evidence writes the last fact of a closed
    operation; what it took meanwhile is given back.

    \(Markdown.stateDiagram(states, arrows))

    \(Markdown.table(["from", "event", "to", "facts it writes"], rows))

    ### Attempts

    Winner and condemned exclude each other and are never undone.

    \(Markdown.table(["from", "to", "by"], dispositionRows))
    """
  }

  private var names: [String] {
    var names = Ordered<String, Bool>()
    for edge in edges.keys {
      names[edge.from, default: true] = true
      names[edge.to, default: true] = true
    }
    return names.keys.sorted()
  }

  private var states: [(id: String, name: String)] { names.map { (Self.identifier($0), $0) } }

  private var arrows: [(from: String, to: String, label: String)] {
    var labels = Ordered<[String], Set<String>>()
    for edge in edges.keys where edge.from != edge.to {
      labels[[edge.from, edge.to], default: []].insert(edge.event)
    }
    return labels.pairs.map {
      (
        Self.identifier($0.key[0]), Self.identifier($0.key[1]),
        $0.value.sorted().joined(separator: ", ")
      )
    }.sorted { $0 < $1 }
  }

  private var rows: [[String]] {
    edges.pairs.map { edge, facts in
      [
        Markdown.code(edge.from), edge.event,
        edge.from == edge.to ? "stays" : Markdown.code(edge.to),
        facts.sorted().joined(separator: "; or "),
      ]
    }.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private var dispositionRows: [[String]] {
    dispositions.pairs.map { ends, events in
      [
        Markdown.code("\(ends[0])"), Markdown.code("\(ends[1])"),
        events.sorted().joined(separator: ", "),
      ]
    }.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private static func identifier(_ name: String) -> String {
    String(name.filter { $0.isLetter })
  }
}

extension Operation {
  /// The state as the document names it.
  fileprivate var name: String {
    switch phase {
    case .open: "open"
    case .won(let winner, _): winner.isReleasing ? "won, releasing" : "won"
    case .closed: "closed"
    }
  }
}
