import ArgumentParser
import Money
import Wire

/// One account's balance at an instant.
struct LedgerAsOf: Command {
  static let configuration = CommandConfiguration(
    commandName: "as-of",
    abstract: "Show an account's balance at an instant; without one also what is held.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The account's code, such as merchant_payable.") var account: String
  @Option(help: "ISO 4217.") var currency = "EUR"
  @Option(help: "Only what was recorded by this instant (RFC 3339, or a day).")
  var recorded: String?
  @Option(help: "Only what had taken effect by this instant (RFC 3339, or a day).")
  var effective: String?
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.GetBalanceRequest(
      accountCode: account, currency: currency,
      asOfRecorded: try LedgerText.instant(recorded, "--recorded"),
      asOfEffective: try LedgerText.instant(effective, "--effective"))
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await LedgerReads(session, MerchantOption.resolve(merchant, session)).balance(request)
    }
    let row = LedgerAccounts.Row(found)
    try output.result(row) { csv ? LedgerAccounts.csv([row]) : LedgerAccounts.table([row]) }
    return .succeeded
  }
}

/// The entries of an account over a time.
struct LedgerStatement: Command {
  static let configuration = CommandConfiguration(
    commandName: "statement",
    abstract: "List an account's entries with the balance after each, by time of recording.")
  static let pageSize: UInt32 = 500
  /// Entries of one JSON value.
  static let jsonMax = 100_000

  @OptionGroup var common: CommonOptions
  @Argument(help: "The account's code, such as merchant_payable.") var account: String
  @Option(help: "ISO 4217.") var currency = "EUR"
  @Option(help: "Recorded after this instant (RFC 3339, or a day).") var from: String?
  @Option(help: "Recorded at this instant or before.") var to: String?
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

  struct Line: Encodable {
    let recordedAt: String
    let effectiveAt: String
    let transaction: String
    let kind: String
    let subject: String
    let externalReference: String
    let side: String
    let amountMinor: Int64
    let balanceMinor: Int64
    let metadata: [String: String]
  }

  struct Answer: Encodable {
    let account: String
    let currency: String
    var openingMinor: Int64 = 0
    var entries: [Line] = []
    var closingMinor: Int64 = 0
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    var request = LedgerV1.ListEntriesRequest(
      accountCode: account, currency: currency, after: try LedgerText.instant(from, "--from"),
      through: try LedgerText.instant(to, "--to"), pageSize: Self.pageSize)
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      let reads = LedgerReads(session, try MerchantOption.resolve(merchant, session))
      var answer = Answer(account: account, currency: currency)
      var isFirst = true
      repeat {
        let page = try await reads.entries(request)
        if isFirst {
          answer.openingMinor = page.openingMinor
          head(page.openingMinor, output)
        }
        isFirst = false
        let lines = page.entries.map(Self.line)
        for line in lines { show(line, output) }
        if output.json { answer.entries += lines }
        guard answer.entries.count <= Self.jsonMax else {
          throw Failure(
            "more than \(Self.jsonMax) entries", next: "narrow --from and --to, or use --csv",
            status: .usage)
        }
        answer.closingMinor = page.closingMinor
        request.pageToken = page.nextPageToken
      } while !request.pageToken.isEmpty
      return answer
    }
    try output.result(answer) {
      csv ? [] : ["closing balance  \(LedgerText.amount(answer.closingMinor, currency))"]
    }
    return .succeeded
  }

  private func head(_ openingMinor: Int64, _ output: Output) {
    output.line(
      csv
        ? CSVText.line([
          "recorded_at", "effective_at", "transaction", "kind", "subject", "external_reference",
          "side", "currency", "amount_minor", "balance_minor", "metadata",
        ]) : "opening balance  \(LedgerText.amount(openingMinor, currency))")
  }

  private func show(_ line: Line, _ output: Output) {
    output.line(
      csv
        ? CSVText.line([
          line.recordedAt, line.effectiveAt, line.transaction, line.kind, line.subject,
          line.externalReference, line.side, currency, String(line.amountMinor),
          String(line.balanceMinor), LedgerText.text(line.metadata),
        ])
        : "\(line.recordedAt)  \(line.side)  \(LedgerText.amount(line.amountMinor, currency))  "
          + "\(LedgerText.amount(line.balanceMinor, currency))  \(line.kind)  \(line.subject)  "
          + line.transaction + (line.metadata.isEmpty ? "" : "  \(LedgerText.text(line.metadata))"))
  }

  private static func line(_ entry: LedgerV1.AccountEntry) -> Line {
    Line(
      recordedAt: LedgerText.time(entry.recordedAt),
      effectiveAt: LedgerText.time(entry.effectiveAt), transaction: entry.transactionID,
      kind: entry.kind, subject: entry.subject, externalReference: entry.externalReference,
      side: WireText.word(entry.side, "NORMAL_SIDE_"),
      amountMinor: entry.amount?.amountMinor ?? 0, balanceMinor: entry.balanceMinor,
      metadata: LedgerText.metadata(entry.metadata))
  }
}

/// Everything that was booked about one object.
struct LedgerJournal: Command {
  static let configuration = CommandConfiguration(
    commandName: "journal", abstract: "Show every transaction about a payment, oldest first.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The payment: pi_…") var payment: String
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

  struct Leg: Encodable {
    let transaction: String
    let kind: String
    /// What its amounts did: `moved`, `held`, or ended a held transaction.
    let phase: String
    let effectiveAt: String
    let recordedAt: String
    let side: String
    let account: String
    let currency: String
    let amountMinor: Int64
    let externalReference: String
    let metadata: [String: String]
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let transactions = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .transactions(about: payment)
    }
    let legs = transactions.flatMap { transaction in
      transaction.entries.map { entry in
        Leg(
          transaction: transaction.id, kind: transaction.kind,
          phase: LedgerText.phase(transaction.phase),
          effectiveAt: LedgerText.time(transaction.effectiveAt),
          recordedAt: LedgerText.time(transaction.recordedAt),
          side: WireText.word(entry.side, "NORMAL_SIDE_"), account: entry.accountCode,
          currency: entry.amount?.currency ?? "", amountMinor: entry.amount?.amountMinor ?? 0,
          externalReference: transaction.externalReference,
          metadata: LedgerText.metadata(transaction.metadata))
      }
    }
    try output.result(legs) {
      if csv {
        return LedgerText.csv(
          [
            "transaction", "kind", "phase", "effective_at", "recorded_at", "side", "account",
            "currency", "amount_minor", "external_reference", "metadata",
          ],
          legs.map {
            [
              $0.transaction, $0.kind, $0.phase, $0.effectiveAt, $0.recordedAt, $0.side,
              $0.account, $0.currency, String($0.amountMinor), $0.externalReference,
              LedgerText.text($0.metadata),
            ]
          })
      }
      return Table.lines(
        ["effective", "kind", "", "side", "account", "amount", "transaction"],
        legs.map {
          [
            $0.effectiveAt, $0.kind, $0.phase, $0.side, $0.account,
            LedgerText.amount($0.amountMinor, $0.currency), $0.transaction,
          ]
        })
        + LedgerText.metadataTable(
          transactions.map { (id: $0.id, metadata: LedgerText.metadata($0.metadata)) })
    }
    return .succeeded
  }
}
