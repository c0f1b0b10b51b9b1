import IntentsCore

/// The states of payment intents and refunds, from the tables that the machines read.
enum IntentStates {
  static var section: String {
    """
    ## Payment intents

    The machine is `services/intents/Core/IntentTable.swift`; every state with every event is tested
    in `Tests/IntentsCoreTests/IntentMachineTests.swift`. `confirm`, `capture` and `cancel` are what
    callers ask; a wish that has no row is refused with PAYMENT_INTENT_STATE, which names the statuses
    that have one. Everything else is a fact that gateway-router has found out: facts are never
    refused, and each has a row for every state. An intent that is made and confirmed in one call
    begins in `processing (outcome_unknown)`. A partial capture is a `capture` of a smaller amount:
    the row is the same, and the intent is `succeeded` with the amount that was captured.

    \(diagram)

    \(table)

    ## Refunds

    The machine is `services/intents/Core/RefundMachine.swift`. A refund begins in
    `pending (outcome_unknown)`.

    \(refundDiagram)

    \(refundTable)
    """
  }

  private static var diagram: String {
    var edges = Ordered<[IntentStage], [String]>()
    for row in IntentTable.transitions {
      guard case .move(let to) = row.target else { continue }
      for from in row.from {
        let condition = row.condition.rawValue
        edges[[from, to], default: []].append(
          row.event.rawValue + (condition.isEmpty ? "" : " (\(condition))"))
      }
    }
    return Markdown.stateDiagram(
      IntentStage.allCases.map { ("\($0)", $0.rawValue) },
      edges.pairs.map {
        ("\($0.key[0])", "\($0.key[1])", $0.value.joined(separator: ", "))
      })
  }

  /// Events that do the same to the same states share a line.
  private static var table: String {
    var lines = Ordered<[String], [String]>()
    for row in IntentTable.transitions {
      let target =
        switch row.target {
        case .stay: "stays"
        case .move(let stage): Markdown.code(stage.rawValue)
        }
      let rest = [
        row.from.map { Markdown.code($0.rawValue) }.joined(separator: ", "), row.condition.rawValue,
        target, row.notices.map(text).joined(separator: ", "), row.because,
      ]
      lines[rest, default: []].append(Markdown.code(row.event.rawValue))
    }
    return Markdown.table(
      ["from", "event", "if", "to", "tells and books", "because"],
      lines.pairs.map { rest, events in
        [rest[0], events.joined(separator: ", ")] + rest.dropFirst()
      })
  }

  private static func text(_ notice: Notice) -> String {
    switch notice {
    case .event(let type): Markdown.code(type)
    case .bookCapture: "books the capture"
    case .bookCaptureUndone: "books the capture's reversal"
    case .bookReturn: "books the return"
    case .bookOrphanCapture: "books the orphan"
    case .bookOrphanReversal: "books that the orphan was given back"
    case .alert(let kind): "alert \(Markdown.code(kind))"
    }
  }

  private static var refundDiagram: String {
    var edges = Ordered<[RefundStage], [String]>()
    for row in RefundMachine.transitions {
      guard let to = row.to else { continue }
      for from in row.from { edges[[from, to], default: []].append(row.fact.rawValue) }
    }
    return Markdown.stateDiagram(
      RefundStage.allCases.map { ("\($0)", $0.rawValue) },
      edges.pairs.map {
        ("\($0.key[0])", "\($0.key[1])", $0.value.joined(separator: ", "))
      })
  }

  private static var refundTable: String {
    Markdown.table(
      ["from", "fact", "to", "tells and books", "because"],
      RefundMachine.transitions.map { row in
        [
          row.from.map { Markdown.code($0.rawValue) }.joined(separator: ", "),
          Markdown.code(row.fact.rawValue), row.to.map { Markdown.code($0.rawValue) } ?? "stays",
          row.notices.map(text).joined(separator: ", "), row.because,
        ]
      })
  }

  private static func text(_ notice: RefundNotice) -> String {
    switch notice {
    case .event(let type): Markdown.code(type)
    case .bookRefund: "books the refund"
    case .bookReturn: "books that it came back"
    case .alert(let kind): "alert \(Markdown.code(kind))"
    }
  }
}
