/// States, histories, and that everything comes to its end.
extension Check {
  /// The published graph: from a state, where a change may lead. Outside evidence, beside the table of
  /// intents' own machine; a test compares the two.
  static let graph: [String: Set<String>] = [
    "created": ["processing", "canceled"],
    "processing": [
      "processing", "requires_action", "requires_capture", "succeeded", "failed", "canceled",
    ],
    "requires_action": [
      "requires_action", "processing", "requires_capture", "succeeded", "failed",
    ],
    "requires_capture": ["processing", "succeeded", "failed"],
    // Only what is refunded or returned may change of it.
    "succeeded": ["succeeded"],
    // Retryable; a terminal failure is checked for itself.
    "failed": ["processing", "canceled"],
    "canceled": [],
  ]

  static let states: [Check] = [
    Check(
      "states_follow_graph", invariant: 14,
      "a history is versions 1, 2, 3 …, a path of the published graph"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        var findings: [Finding] = []
        let changes = intent.changes.sorted { $0.version < $1.version }
        if changes.map(\.version) != Array(1...max(1, UInt64(changes.count))) {
          findings.append(
            Finding(intent.id, "versions \(changes.map(\.version))", expected: "1, 2, 3 …"))
        }
        if changes.last?.version != intent.version || changes.last?.status != intent.status {
          findings.append(
            Finding(
              intent.id, "\(intent.status) at version \(intent.version)",
              expected: "the end of its history"))
        }
        for (before, after) in zip(changes, changes.dropFirst())
        where !(graph[before.status]?.contains(after.status) ?? false) {
          findings.append(
            Finding(
              intent.id, "\(before.status) → \(after.status) at version \(after.version)",
              expected: "a path of the graph"))
        }
        return findings
      }
    },
    Check(
      "rows_can_be_read", invariant: 0,
      "no rows of a payment contradict each other, so that nobody could read them"
    ) { evidence in
      evidence.intents.filter { !$0.unreadable.isEmpty }.map {
        Finding($0.id, "its operations: \($0.unreadable)", expected: "an answer")
      }
    },
    Check(
      "nothing_left_running", invariant: 17,
      "no claim, outbox row, reversal, capture, refund, payment or operation is under way"
    ) { evidence in
      let rows =
        evidence.database.runningClaims.map { "claim \($0)" }
        + evidence.database.unsentRows.map { "unsent \($0)" }
        + evidence.database.openReversals.map { "reversal \($0)" }
        + evidence.database.openCaptures.map { "capture \($0)" }
        + evidence.intents.filter { !$0.isSilent(evidence.charges(of: $0.id)) }.flatMap { intent in
          (intent.status == "processing" ? ["payment \(intent.id)"] : [])
            + intent.operations.filter { $0.state == "open" }.map {
              "operation \($0.id) of \(intent.id)"
            }
        }
        + evidence.refunds.filter {
          $0.status == "pending" && !$0.isSilent(evidence.gatewayRefunds)
        }
        .map { "refund \($0.id) of \($0.intent)" }
      return rows.map { Finding($0, "under way", expected: "ended") }
    },
  ]
}
