import Money
import Testing

@testable import GatewayCore

/// Every state × every event, against the table in `OperationTable.swift`.
struct OperationTableTests {
  static let states: [(name: String, operation: Operation)] = {
    let a = Sample.first
    let b = Sample.second
    let begun = Sample.start(a)
    func after(_ outcomes: [Outcome]) -> [OperationEvent] {
      [begun] + outcomes.map { .outcome(a, $0) }
    }
    let speculative: [OperationEvent] =
      after([Sample.noAnswer]) + [Sample.start(b, .adyen, speculative: true)]
    return [
      ("new", Sample.operation(.automatic, [])),
      ("sent", Sample.operation(.automatic, after([]))),
      ("unknown", Sample.operation(.automatic, after([Sample.noAnswer]))),
      ("pending", Sample.operation(.automatic, after([Sample.bankPending]))),
      ("action", Sample.operation(.automatic, after([Sample.action]))),
      (
        "submitted",
        Sample.operation(
          .automatic,
          [
            Sample.start(a, .adyen), .outcome(a, Sample.action), .submitAction(a),
          ])
      ),
      ("declined", Sample.operation(.automatic, after([Sample.declined(.otherGateway)]))),
      ("never", Sample.operation(.automatic, after([Sample.declined(.never)]))),
      ("unsent", Sample.operation(.automatic, after([Sample.unsent]))),
      ("both", Sample.operation(.automatic, speculative)),
      ("won", Sample.operation(.automatic, after([Sample.settled(.authorized)]))),
      (
        "capturing?",
        Sample.operation(
          .automatic,
          after([Sample.settled(.authorized)])
            + [.captureOutcome(CaptureID(bits: Sample.operationID.bits), Sample.noAnswer)]
        )
      ),
      ("held", Sample.operation(.manual, after([Sample.settled(.authorized)]))),
      (
        "releasing",
        Sample.operation(
          .manual,
          after([Sample.settled(.authorized)]) + [.close(.canceled, onlyIfUnsent: false)]
        )
      ),
      (
        "lapsed",
        Sample.operation(.manual, after([Sample.settled(.authorized), Sample.settled(.canceled)]))
      ),
      (
        "paid",
        Sample.operation(
          .automatic,
          after([Sample.settled(.authorized), Sample.settled(.captured)])
        )
      ),
      (
        "other won",
        Sample.operation(.automatic, speculative + [.outcome(b, Sample.settled(.authorized))])
      ),
      (
        "gave up",
        Sample.operation(
          .automatic,
          after([Sample.noAnswer]) + [.close(.gaveUp, onlyIfUnsent: false)]
        )
      ),
      (
        "exhausted",
        Sample.operation(.automatic, after([Sample.declined(.never)]) + [.routesExhausted])
      ),
      ("canceled", Sample.operation(.automatic, [.close(.canceled, onlyIfUnsent: false)])),
    ]
  }()

  static let events: [(name: String, event: OperationEvent)] = {
    let a = Sample.first
    let capture = CaptureID(bits: Sample.operationID.bits)
    return [
      ("start", Sample.start(AttemptID(bits: 3), .adyen)),
      ("start speculative", Sample.start(AttemptID(bits: 3), .adyen, speculative: true)),
      ("start charge", Sample.start(AttemptID(bits: 3), .stripe, .charge, speculative: true)),
      ("authorized", .outcome(a, Sample.settled(.authorized))),
      ("captured", .outcome(a, Sample.settled(.captured))),
      ("canceled", .outcome(a, Sample.settled(.canceled))),
      ("refunded", .outcome(a, Sample.settled(.refunded))),
      ("received", .outcome(a, Sample.settled(.received))),
      ("pending", .outcome(a, Sample.bankPending)),
      ("action", .outcome(a, Sample.action)),
      ("declined", .outcome(a, Sample.declined(.never))),
      ("not executed", .outcome(a, Sample.unsent)),
      ("unknown", .outcome(a, Sample.noAnswer)),
      ("conflict", .outcome(a, Sample.conflict)),
      ("exhausted", .routesExhausted),
      ("close", .close(.canceled, onlyIfUnsent: false)),
      ("close unsent", .close(.abandoned, onlyIfUnsent: true)),
      ("rejected", .outcome(a, Sample.declined(.otherGateway, origin: .request))),
      ("capture asked", .requestCapture(CaptureID(bits: 5), Amount(.eur, minor: 4_000))),
      ("capture canceled", .captureOutcome(capture, Sample.settled(.canceled))),
      ("capture done", .captureOutcome(capture, Sample.settled(.captured))),
      ("capture received", .captureOutcome(capture, Sample.settled(.received))),
      ("capture declined", .captureOutcome(capture, Sample.declined(.never))),
      ("capture rejected", .captureOutcome(capture, Sample.declined(.never, origin: .request))),
      ("capture not executed", .captureOutcome(capture, Sample.unsent)),
      ("capture unknown", .captureOutcome(capture, Sample.noAnswer)),
      ("returned", .returned(a, Sample.bankReturn)),
      ("capture withdrawn", .withdrawCapture(capture, Sample.paidBefore)),
      ("submit", .submitAction(a)),
      ("answer authorized", .actionOutcome(a, Sample.settled(.authorized))),
      ("answer action", .actionOutcome(a, Sample.action)),
      ("answer pending", .actionOutcome(a, Sample.bankPending)),
      ("answer declined", .actionOutcome(a, Sample.declined(.stepUp))),
      ("answer rejected", .actionOutcome(a, Sample.declined(.otherGateway, origin: .request))),
      ("answer not executed", .actionOutcome(a, Sample.unsent)),
      ("answer unknown", .actionOutcome(a, Sample.noAnswer)),
      ("answer conflict", .actionOutcome(a, Sample.conflict)),
      ("give up", .close(.gaveUp, onlyIfUnsent: false)),
    ]
  }()

  @Test func everyStateAndEvent() {
    let expected = operationTable.split(separator: "\n").map(String.init)
    let actual = Self.table()
    #expect(actual.count == expected.count)
    for (line, wanted) in zip(actual, expected) { #expect(line == wanted) }
    if actual != expected {
      Issue.record("the table is now:\n\(actual.joined(separator: "\n"))")
    }
  }

  /// A line for each state, then a line for each different result with the events that have it.
  static func table() -> [String] {
    states.flatMap { state in
      var results: [(result: String, events: [String])] = []
      for event in events {
        let result = describe(OperationMachine.next(state.operation, event.event))
        if let index = results.firstIndex(where: { $0.result == result }) {
          results[index].events.append(event.name)
        } else {
          results.append((result, [event.name]))
        }
      }
      return [state.name.uppercased()]
        + results.map { "  \($0.events.joined(separator: ", ")): \($0.result)" }
    }
  }

  private static func describe(_ verdict: OperationVerdict) -> String {
    switch verdict {
    case .unchanged: return "="
    case .refused(let refusal): return "refused \(refusal)"
    case .moved(let operation, let actions):
      let phase =
        switch operation.phase {
        case .open: "open"
        case .won(let winner, _): winner.isReleasing ? "won, releasing" : "won"
        case .closed(let reason, _): "closed \(reason)"
        }
      let words = actions.compactMap(describe)
      return "\(phase)\(operation.isFinal ? ", final" : "") [\(words.joined(separator: ", "))]"
    }
  }

  private static func describe(_ action: OperationAction) -> String? {
    switch action {
    case .insertAttempt(let attempt): "attempt \(attempt.sequence)"
    case .updateAttempt(let attempt): "\(attempt.id.bits) is \(attempt.evidence.name)"
    case .setWinner(let id): "\(id.bits) wins"
    case .condemn(let id, let needsReversal): "condemn \(id.bits)\(needsReversal ? " reverse" : "")"
    case .ensureReversal(let id): "reverse \(id.bits)"
    case .finishReversal(let id): "reversed \(id.bits)"
    case .insertRelease(let id): "release \(id.bits)"
    case .insertCapture(let capture): "capture \(capture.amount.minor) \(capture.state)"
    case .updateCapture(let capture): "capture is \(capture.state)"
    case .repeatCapture(_, let isNewTry): "repeat capture\(isNewTry ? " new try" : "")"
    case .look(let id): "look \(id.bits)"
    case .writeFact(let fact): "FACT \(fact.sequence) \(fact.kind)"
    case .alert(let alert, _): "ALERT \(alert.rawValue)"
    case .resolve(let alert, _): "OVER \(alert.rawValue)"
    }
  }
}
