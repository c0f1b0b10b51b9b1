import ArgumentParser
import Money
import Wire

struct LedgerLimit: Command {
  static let configuration = CommandConfiguration(
    commandName: "limit",
    abstract: "Set what an account may hold at least and at most; replaces both.",
    discussion: """
      What is held counts. Authorised transactions that would pass a limit are refused from then \
      on; what has happened is booked in any case.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "The account's code, such as merchant_payable.") var account: String
  @Option(help: "ISO 4217.") var currency = "EUR"
  @Option(
    parsing: .unconditional,
    help: "The least, on the account's normal side: 0, 100.00, -5.00; no limit without it.")
  var minimum: String?
  @Option(parsing: .unconditional, help: "The most; no limit without it.") var maximum: String?
  @Flag(help: "Take both limits away.") var none = false
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func validate() throws {
    guard none == (minimum == nil && maximum == nil) else {
      throw ValidationError("say --minimum, --maximum or both; or --none, which takes both away")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.SetAccountLimitsRequest(
      accountCode: account, currency: currency,
      minimumBalanceMinor: try Self.minor(minimum, currency),
      maximumBalanceMinor: try Self.minor(maximum, currency))
    let key = try CallKeys.choose(key, prefix: "limit")
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      let metadata = CallKeys.metadata(
        key: key, merchant: try MerchantOption.resolve(merchant, session))
      return try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.Ledger.Client(wrapping: client)
          .setAccountLimits(request, metadata: metadata)
      }.account
    }
    guard let found else {
      throw Failure("ledger answered without the account", next: "see tender doctor")
    }
    let row = LedgerAccounts.Row(found)
    try output.result(row) { LedgerAccounts.table([row]) }
    return .succeeded
  }

  /// Zero and negative numbers are limits too.
  static func minor(_ text: String?, _ code: String) throws -> Int64? {
    guard let text else { return nil }
    guard let currency = Currency(code) else {
      throw Failure(
        "\(code) is no currency", next: "three capital letters of ISO 4217, such as EUR",
        status: .usage)
    }
    let isNegative = text.hasPrefix("-")
    do {
      let amount = try Amount.parse(String(isNegative ? text.dropFirst() : text[...]), currency)
      return isNegative ? -amount.minor : amount.minor
    } catch {
      throw Failure("\(text) \(code) is no amount", next: "\(error)", status: .usage)
    }
  }
}

struct LedgerPending: Command {
  static let configuration = CommandConfiguration(
    commandName: "pending", abstract: "List what is held, what ends first before the others.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

  /// `ListPending` tells no more.
  static let listedMax = 200

  struct Row: Encodable {
    let transaction: String
    let kind: String
    let subject: String
    let expiresAt: String
    let currency: String
    /// The sum of its debits in its first currency.
    let amountMinor: Int64

    init(_ held: LedgerV1.Transaction) {
      transaction = held.id
      kind = held.kind
      subject = held.subject
      expiresAt = LedgerText.time(held.expiresAt)
      let currency = held.entries.first?.amount?.currency ?? ""
      self.currency = currency
      amountMinor = held.entries.reduce(0) { sum, entry in
        guard entry.side == .debit, let amount = entry.amount, amount.currency == currency else {
          return sum
        }
        return sum &+ amount.amountMinor
      }
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let held = try await ServiceSession.with(try Checkout.find()) { session in
      let metadata = CallKeys.metadata(merchant: try MerchantOption.resolve(merchant, session))
      return try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.Ledger.Client(wrapping: client)
          .listPending(LedgerV1.ListPendingRequest(), metadata: metadata)
      }.transactions
    }
    let rows = held.map { Row($0) }
    try output.result(rows) {
      if csv { return Self.csv(rows) }
      let isCut = rows.count >= Self.listedMax
      return Self.table(rows)
        + (isCut ? ["the first \(Self.listedMax); what ends later may be held too"] : [])
    }
    return .succeeded
  }

  static func table(_ rows: [Row]) -> [String] {
    Table.lines(
      ["until", "kind", "amount", "transaction"],
      rows.map {
        [$0.expiresAt, $0.kind, LedgerText.amount($0.amountMinor, $0.currency), $0.transaction]
      })
  }

  static func csv(_ rows: [Row]) -> [String] {
    LedgerText.csv(
      ["transaction", "kind", "subject", "expires_at", "currency", "amount_minor"],
      rows.map {
        [
          $0.transaction, $0.kind, $0.subject, $0.expiresAt, $0.currency, String($0.amountMinor),
        ]
      })
  }
}
