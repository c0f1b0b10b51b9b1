import ArgumentParser
import Money
import Wire

/// What is booked.
struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "Show accounts, balances at any instant, transactions; book, hold; prove and seal the books.",
    subcommands: [
      LedgerAccounts.self, LedgerTrialBalance.self, LedgerShow.self, LedgerStatement.self,
      LedgerAsOf.self, LedgerJournal.self, LedgerPost.self, LedgerPending.self,
      LedgerPostPending.self, LedgerVoid.self, LedgerReverse.self, LedgerLimit.self,
      LedgerClose.self, LedgerReopen.self,
      LedgerVerify.self, LedgerDrift.self, LedgerSeal.self, LedgerSeals.self,
    ],
    defaultSubcommand: LedgerAccounts.self)
}

struct LedgerAccounts: Command {
  static let configuration = CommandConfiguration(
    commandName: "accounts", abstract: "List accounts and balances.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Flag(help: "Print comma-separated values, amounts in minor units.") var csv = false

  struct Row: Encodable {
    let code: String
    let currency: String
    let normalSide: String
    let debitsMinor: Int64
    let creditsMinor: Int64
    let balanceMinor: Int64
    let debitsPendingMinor: Int64
    let creditsPendingMinor: Int64
    let minimumMinor: Int64?
    let maximumMinor: Int64?
    let closed: Bool

    var isPlain: Bool {
      debitsPendingMinor == 0 && creditsPendingMinor == 0 && minimumMinor == nil
        && maximumMinor == nil && !closed
    }

    init(_ account: LedgerV1.Account) {
      code = account.code
      currency = account.currency
      normalSide = WireText.word(account.normalSide, "NORMAL_SIDE_")
      debitsMinor = account.debitsPostedMinor
      creditsMinor = account.creditsPostedMinor
      balanceMinor = account.balanceMinor
      debitsPendingMinor = account.debitsPendingMinor
      creditsPendingMinor = account.creditsPendingMinor
      minimumMinor = account.minimumBalanceMinor
      maximumMinor = account.maximumBalanceMinor
      closed = account.closed
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let accounts = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .accounts()
    }
    let rows = accounts.map { Row($0) }
    try output.result(rows) { csv ? Self.csv(rows) : Self.table(rows) }
    return .succeeded
  }

  static func table(_ rows: [Row]) -> [String] {
    let special = rows.filter { !$0.isPlain }
    return Table.lines(
      ["account", "side", "debits", "credits", "balance"],
      rows.map {
        [
          $0.code, $0.normalSide, LedgerText.amount($0.debitsMinor, $0.currency),
          LedgerText.amount($0.creditsMinor, $0.currency),
          LedgerText.amount($0.balanceMinor, $0.currency),
        ]
      }) + (special.isEmpty ? [] : [""] + heldAndLimits(special))
  }

  private static func heldAndLimits(_ rows: [Row]) -> [String] {
    func limit(_ minor: Int64?, _ row: Row) -> String {
      minor.map { LedgerText.amount($0, row.currency) } ?? "none"
    }
    return Table.lines(
      ["account", "held debits", "held credits", "at least", "at most", "closed"],
      rows.map {
        [
          $0.code, LedgerText.amount($0.debitsPendingMinor, $0.currency),
          LedgerText.amount($0.creditsPendingMinor, $0.currency), limit($0.minimumMinor, $0),
          limit($0.maximumMinor, $0), $0.closed ? "yes" : "no",
        ]
      })
  }

  static func csv(_ rows: [Row]) -> [String] {
    LedgerText.csv(
      [
        "account", "currency", "side", "debits_minor", "credits_minor", "balance_minor",
        "debits_pending_minor", "credits_pending_minor", "minimum_minor", "maximum_minor",
        "closed",
      ],
      rows.map {
        [
          $0.code, $0.currency, $0.normalSide, String($0.debitsMinor), String($0.creditsMinor),
          String($0.balanceMinor), String($0.debitsPendingMinor), String($0.creditsPendingMinor),
          $0.minimumMinor.map { String($0) } ?? "", $0.maximumMinor.map { String($0) } ?? "",
          String($0.closed),
        ]
      })
  }
}

struct LedgerShow: Command {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a transaction and its entries.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The transaction: ltx_…") var id: String
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?

  struct Leg: Encodable {
    let side: String
    let account: String
    let amount: String
  }
  struct Answer: Encodable {
    let id: String
    let kind: String
    let subject: String
    let externalReference: String
    let batch: UInt64
    /// pending, post_pending, void_pending or expire_pending; nil: it moved at once.
    let phase: String?
    let pending: String?
    let expiresAt: String?
    let endedBy: String?
    let reverses: String?
    let metadata: [String: String]
    let entries: [Leg]

    /// What it has to do with other transactions.
    var relations: [String] {
      [
        phase, pending.map { "of \($0)" }, expiresAt.map { "until \($0)" },
        endedBy.map { "ended by \($0)" }, reverses.map { "takes back \($0)" },
      ].compactMap { $0 }
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      try await Reads(session: session, merchant: MerchantOption.resolve(merchant, session))
        .transaction(id)
    }
    guard let found else {
      throw Failure("ledger answered without the transaction", next: "see tender doctor")
    }
    let answer = Answer(
      id: found.id, kind: found.kind, subject: found.subject,
      externalReference: found.externalReference, batch: found.batch,
      phase: found.phase == .unspecified ? nil : WireText.word(found.phase, "POSTING_PHASE_"),
      pending: Self.named(found.pendingID), expiresAt: found.expiresAt.map { LedgerText.time($0) },
      endedBy: Self.named(found.endedBy), reverses: Self.named(found.reverses),
      metadata: LedgerText.metadata(found.metadata),
      entries: found.entries.map {
        Leg(
          side: WireText.word($0.side, "NORMAL_SIDE_"), account: $0.accountCode,
          amount: WireText.money($0.amount))
      })
    try output.result(answer) {
      [
        "\(answer.id)  \(answer.kind)  \(answer.subject)  \(answer.externalReference)"
          + "  batch \(answer.batch)"
      ] + (answer.relations.isEmpty ? [] : [answer.relations.joined(separator: "  ")])
        + Table.lines(
          ["side", "account", "amount"], answer.entries.map { [$0.side, $0.account, $0.amount] })
        + LedgerText.metadataTable([(answer.id, answer.metadata)])
    }
    return .succeeded
  }

  private static func named(_ id: String) -> String? { id.isEmpty ? nil : id }
}

enum LedgerText {
  static func amount(_ minor: Int64, _ code: String) -> String {
    WireText.money(CommonV1.Money(currency: code, amountMinor: minor))
  }

  static func csv(_ head: [String], _ rows: [[String]]) -> [String] {
    ([head] + rows).map(CSVText.line)
  }

  /// An option's RFC 3339 instant.
  static func instant(_ text: String?, _ option: String) throws -> GoogleProtobuf.Timestamp? {
    guard let text else { return nil }
    guard let time = Timestamp(text) ?? Timestamp(text + "T00:00:00Z") else {
      throw Failure(
        "\(option): \(text) is no instant", next: "such as 2026-03-01 or 2026-03-01T12:00:00Z",
        status: .usage)
    }
    return GoogleProtobuf.Timestamp(time)
  }

  /// The pairs of an option that may be repeated; the ledger checks their limits.
  static func metadata(_ pairs: [String]) throws -> [CommonV1.MetadataEntry] {
    try pairs.map { pair in
      guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
        throw Failure(
          "--metadata: \(pair) is no pair", next: "such as payment_method=card", status: .usage)
      }
      return CommonV1.MetadataEntry(
        key: String(pair[..<equals]), value: String(pair[pair.index(after: equals)...]))
    }
  }

  static func metadata(_ entries: [CommonV1.MetadataEntry]) -> [String: String] {
    Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
  }

  /// As one cell: `payment_method=card; order=7`.
  static func text(_ metadata: [String: String]) -> String {
    metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
  }

  /// Widest pair in a table; CSV and JSON have all of it.
  static let pairMax = 64

  /// Behind an empty line, of transactions that have any; nothing without.
  static func metadataTable(_ rows: [(id: String, metadata: [String: String])]) -> [String] {
    let cells = rows.flatMap { id, metadata in
      metadata.sorted { $0.key < $1.key }.map { pair in
        let text = "\(pair.key)=\(pair.value)"
        return (id, text.count > pairMax ? String(text.prefix(pairMax - 1)) + "…" : text)
      }
    }
    guard !cells.isEmpty else { return [] }
    return [""] + Table.lines(["transaction", "metadata"], cells.map { [$0.0, $0.1] })
  }

  static func phase(_ phase: LedgerV1.PostingPhase) -> String {
    switch phase {
    case .unspecified: "moved"
    case .pending: "held"
    case .postPending: "moved from held"
    case .voidPending: "released"
    case .expirePending: "expired"
    case .unrecognized(let value): "phase \(value)"
    }
  }

  static func time(_ time: GoogleProtobuf.Timestamp?) -> String {
    time.map { "\(Timestamp($0))" } ?? ""
  }
}
