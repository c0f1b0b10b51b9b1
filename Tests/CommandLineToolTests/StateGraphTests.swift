import IntentsCore
import Testing

@testable import CommandLineTool

/// `tender prove` judges histories by a graph of its own, written down from the design. It must be the
/// machine's, or the proof allows what the machine never does, or refuses what it may.
struct StateGraphTests {
  @Test func theProofsGraphIsTheMachines() {
    var edges: [String: Set<String>] = [:]
    for status in IntentStatus.allCases { edges[Self.name(status)] = [] }
    for row in IntentTable.transitions {
      guard case .move(let to) = row.target else { continue }
      for from in row.from { edges[Self.name(from.status)]?.insert(Self.name(to.status)) }
    }
    #expect(edges == Check.graph)
  }

  /// The words of the contract, as `StateChecks` has them.
  private static func name(_ status: IntentStatus) -> String {
    switch status {
    case .created: "created"
    case .requiresAction: "requires_action"
    case .processing: "processing"
    case .requiresCapture: "requires_capture"
    case .succeeded: "succeeded"
    case .failed: "failed"
    case .canceled: "canceled"
    }
  }
}
