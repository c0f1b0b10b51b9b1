import ArgumentParser
import Money
import Wire

/// Everything that is known of one break.
struct ReconExplain: Command {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show a break's line, what the books have, and its history."
  )

  @OptionGroup var common: CommonOptions
  @Argument(help: "The break: rb_…") var id: String

  struct Line: Encodable {
    let file: String
    let line: UInt32
    let type: String
    let typeText: String
    let movementReference: String
    let paymentReference: String
    let batch: String
    let bookedAt: String
    let gross: String
    let fee: String
    let net: String

    init(_ line: LedgerV1.ReconLine) {
      file = line.fileID
      self.line = line.line
      type = line.type
      typeText = line.typeText
      movementReference = line.movementReference
      paymentReference = line.paymentReference
      batch = line.batch
      bookedAt = line.bookedAt
      gross = WireText.money(line.gross)
      fee = WireText.money(line.fee)
      net = WireText.money(line.net)
    }
  }

  struct Item: Encodable {
    let transaction: String
    let merchant: String
    let kind: String
    let externalReference: String
    let amount: String
    let effectiveOn: String
    let comparison: String
    let isPaired: Bool
  }

  struct Change: Encodable {
    let at: String
    let state: String
    let reconClass: String
    let actor: String
    let note: String
  }

  struct Answer: Encodable {
    let found: ReconBreakRow
    let line: Line?
    let items: [Item]
    let changes: [Change]
    /// What `recon resolve --book` takes.
    let templates: [String]
    let difference: String
    let writeOffs: [WriteOffRow]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.ExplainBreakRequest(breakID: id)
    let response = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.Reconciliation.Client(wrapping: client).explainBreak(request)
      }
    }
    guard let found = response.reconBreak.map(ReconBreakRow.init) else {
      throw Failure("ledger answered without the break", next: "see tender doctor")
    }
    let answer = Answer(
      found: found,
      line: response.line.map(Line.init),
      items: response.items.map {
        Item(
          transaction: $0.transactionID,
          merchant: $0.merchantID,
          kind: $0.kind,
          externalReference: $0.externalReference,
          amount: WireText.money($0.amount),
          effectiveOn: $0.effectiveOn,
          comparison: $0.comparison,
          isPaired: $0.isPaired
        )
      },
      changes: response.changes.map {
        Change(
          at: LedgerText.time($0.changedAt),
          state: WireText.word($0.state, "BREAK_STATE_"),
          reconClass: WireText.word($0.reconClass, "RECON_CLASS_"),
          actor: $0.actor,
          note: $0.note
        )
      },
      templates: response.templates.map { WireText.word($0, "BOOKING_TEMPLATE_") },
      difference: WireText.money(response.difference),
      writeOffs: response.writeOffs.map(WriteOffRow.init)
    )
    try output.result(answer) { Self.lines(answer) }
    return .succeeded
  }

  static func lines(_ answer: Answer) -> [String] {
    let found = answer.found
    var lines = [
      "\(found.id)  \(found.reconClass)  \(found.state)  \(found.severity)",
      "\(found.account) \(found.mode), \(found.occurredOn), \(found.ageDays) days ago",
      "reported \(found.reported.isEmpty ? "nothing" : found.reported), "
        + "booked \(found.booked.isEmpty ? "nothing" : found.booked)",
    ]
    if !found.note.isEmpty { lines.append("note: \(found.note)") }
    if let line = answer.line {
      lines += [
        "line \(line.line) of \(line.file): \(line.typeText) at \(line.bookedAt), "
          + "batch \(line.batch)",
        "  movement \(line.movementReference), payment \(line.paymentReference)",
        "  gross \(line.gross), fee \(line.fee.isEmpty ? "-" : line.fee), "
          + "net \(line.net.isEmpty ? "-" : line.net)",
      ]
    }
    if answer.items.isEmpty { lines.append("the books have nothing under these references") }
    for item in answer.items {
      lines += [
        "\(item.transaction)  \(item.kind)  \(item.amount)  \(item.effectiveOn)",
        "  \(item.externalReference)\(item.isPaired ? ", answers a line" : "")"
          + (item.comparison.isEmpty ? "" : ": \(item.comparison)"),
      ]
    }
    lines += answer.changes.map {
      "\($0.at)  \($0.state)  \($0.reconClass)  \($0.actor)"
        + ($0.note.isEmpty ? "" : "  \($0.note)")
    }
    if !answer.templates.isEmpty {
      lines.append("to end it: tender recon resolve \(found.id) --book")
      lines.append("  " + answer.templates.joined(separator: " | "))
    }
    if !answer.difference.isEmpty { lines.append("difference \(answer.difference)") }
    lines += answer.writeOffs.map {
      "\($0.id)  write-off of \($0.amount) by \($0.proposedBy)"
        + ($0.approvedBy.isEmpty ? ", waits for another one" : " and \($0.approvedBy)")
        + ": \($0.words)"
    }
    return lines
  }
}
