import ArgumentParser
import Money
import Wire

/// Compares the books with every report of an account.
struct ReconRun: Command {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Book what an account's reports prove and compare; changes nothing twice."
  )

  @OptionGroup var common: CommonOptions
  @Option(help: GatewayAccountArgument.help) var gateway: GatewayAccountArgument
  @Flag(help: LiveBooks.help) var live = false
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  struct Total: Encodable {
    let currency: String
    let clearingBalanceMinor: Int64
    let openItemsMinor: Int64
    let pairedItemsMinor: Int64
    let pairedLinesMinor: Int64
    let unbookedLinesMinor: Int64
    let feesMinor: Int64
    let unbookedFeesMinor: Int64
    let deviationMinor: Int64
    let afterBookingMinor: Int64
  }

  struct Answer: Encodable {
    let run: String
    let account: String
    let mode: String
    let lines: UInt64
    let items: UInt64
    let classes: [String: UInt64]
    let totals: [Total]
    let breaksOpened: UInt32
    let breaksResolved: UInt32
    let breaksOpen: UInt32
    let movementsBooked: UInt64
    let feesBooked: UInt64
    let withoutMerchant: UInt64
    let contradicted: UInt64
  }

  /// - Returns: `differs` while a clearing account is not the sum of its items or breaks are open.
  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.RunReconciliationRequest(
      gateway: gateway.gateway,
      gatewayAccount: gateway.account,
      livemode: live
    )
    let key = try CallKeys.choose(key, prefix: "recon")
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await output.whileWaiting("comparing") {
        try await session.call(.ledger, as: .operator, within: .seconds(160)) { client in
          try await LedgerV1.Reconciliation.Client(wrapping: client)
            .runReconciliation(request, metadata: CallKeys.metadata(key: key))
        }
      }
    }
    let answer = Answer(
      run: found.runID,
      account: "\(gateway.gateway):\(gateway.account)",
      mode: LiveBooks.word(live),
      lines: found.lineCount,
      items: found.itemCount,
      classes: Dictionary(
        found.classes.map { (WireText.word($0.reconClass, "RECON_CLASS_"), $0.count) }
      ) { $0 + $1 },
      totals: found.totals.map {
        Total(
          currency: $0.currency,
          clearingBalanceMinor: $0.clearingBalanceMinor,
          openItemsMinor: $0.openItemsMinor,
          pairedItemsMinor: $0.pairedItemsMinor,
          pairedLinesMinor: $0.pairedLinesMinor,
          unbookedLinesMinor: $0.unbookedLinesMinor,
          feesMinor: $0.feesMinor,
          unbookedFeesMinor: $0.unbookedFeesMinor,
          deviationMinor: $0.deviationMinor,
          afterBookingMinor: $0.afterBookingMinor
        )
      },
      breaksOpened: found.breaksOpened,
      breaksResolved: found.breaksResolved,
      breaksOpen: found.breaksOpen,
      movementsBooked: found.movementsBooked,
      feesBooked: found.feesBooked,
      withoutMerchant: found.withoutMerchant,
      contradicted: found.contradicted
    )
    try output.result(answer) { Self.lines(answer) }
    let isRight = answer.breaksOpen == 0 && answer.totals.allSatisfy { $0.deviationMinor == 0 }
    return isRight ? .succeeded : .differs
  }

  static func lines(_ answer: Answer) -> [String] {
    var lines = [
      "\(answer.run)  \(answer.account) \(answer.mode)  \(answer.lines) lines, "
        + "\(answer.items) items"
    ]
    lines += Table.lines(
      ["class", "count"],
      answer.classes.sorted { $0.key < $1.key }.map { [$0.key, String($0.value)] }
    )
    for total in answer.totals {
      func amount(_ minor: Int64) -> String { LedgerText.amount(minor, total.currency) }
      lines += [
        "\(total.currency): clearing balance \(amount(total.clearingBalanceMinor)) = open items "
          + "\(amount(total.openItemsMinor)) + paired items \(amount(total.pairedItemsMinor))"
          + (total.deviationMinor == 0
            ? "" : "  WRONG by \(amount(total.deviationMinor)): see tender doctor"),
        "  after booking what was reported: \(amount(total.afterBookingMinor))"
          + (total.unbookedFeesMinor == 0
            ? "" : ", fees not booked: \(amount(total.unbookedFeesMinor))"),
      ]
    }
    lines.append(
      "booked: \(answer.movementsBooked) movements, \(answer.feesBooked) fees within lines"
    )
    if answer.withoutMerchant > 0 {
      lines.append(
        "not booked: \(answer.withoutMerchant), as nobody knows whose; set recon.merchants"
      )
    }
    if answer.contradicted > 0 {
      lines.append("not booked: \(answer.contradicted) that the books have in other words")
    }
    lines.append(
      "breaks: \(answer.breaksOpened) opened, \(answer.breaksResolved) resolved, "
        + "\(answer.breaksOpen) open"
    )
    return lines
  }
}
