import GRPCCore
import LedgerCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

@testable import LedgerService

/// Reconciliation's handler, called as the interceptor would call it, and its tables.
struct ReconCalls: Sendable {
  static let account = GatewayAccount(gateway: "stripe", account: "acct_1")

  let books: Books
  let environment: ServiceEnvironment
  let settings: ReconSettings
  let handler: ReconciliationHandler
  let settlements: SettlementHandler
  var account = Self.account
  var isLive = false
  /// Who calls.
  var person = "ann"

  /// The other books of the same account.
  var live: ReconCalls {
    var calls = self
    calls.isLive = true
    return calls
  }

  /// The same books, and another operator.
  func by(_ person: String) -> ReconCalls {
    var calls = self
    calls.person = person
    return calls
  }

  /// - Parameters:
  ///   - fees: 1 % and 0.25 EUR by default.
  ///   - booksReports: off, unless it is what a test is about.
  init(
    _ books: Books,
    fees: String = "stripe acct_1 EUR 100 25 0",
    dueDays: Int = 3,
    booksReports: Bool = false,
    merchants: String = "",
    writeOffLimits: String = "EUR 1000"
  ) throws {
    self.books = books
    environment = try LedgerCalls(books).environment
    settings = ReconSettings(
      fees: try FeeSchedule(parsing: fees),
      dueDays: dueDays,
      booksReports: booksReports,
      merchants: try ReconMerchants(parsing: merchants),
      writeOffLimits: try WriteOffLimits(parsing: writeOffLimits)
    )
    handler = ReconciliationHandler(environment, settings)
    settlements = SettlementHandler(environment, settings)
  }

  func call<R: Sendable>(
    _ method: String,
    key: String?,
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.ledger.v1.Reconciliation/\(method)",
      peer: .operator(person),
      merchant: nil,
      trace: .random(),
      key: try key.map { try IdempotencyKey($0) }
    )
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: "test"),
      remotePeer: "in-process:test",
      localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle()
    )
    return try await CallContext.$current.withValue(context) { try await body(server) }
  }

  /// The reason of a refusal; nil if the call succeeds.
  func reason<R>(_ body: () async throws -> R) async throws -> String? {
    do {
      _ = try await body()
      return nil
    } catch let failure as RPCFailure {
      return failure.reason
    } catch let refusal as StoredRefusal {
      return StatusDetails(RPCError(refusal))?.reason
    }
  }

  // MARK: Calls

  @discardableResult
  func importing(
    _ text: String,
    _ kind: LedgerV1.ReconReportKind = .payoutReconciliation,
    sha256: [UInt8]? = nil,
    currency: String = "",
    payouts: [LedgerV1.PayoutTotal] = [],
    key: String
  ) async throws -> LedgerV1.ReconFile? {
    let content = Array(text.utf8)
    let request = LedgerV1.ImportReportRequest(
      gateway: account.gateway,
      gatewayAccount: account.account,
      kind: kind,
      sha256: sha256 ?? SHA256.hash(content),
      content: content,
      currency: currency,
      payouts: payouts,
      livemode: isLive
    )
    return try await call("ImportReport", key: key) {
      try await handler.importReport(request: request, context: $0)
    }.file
  }

  /// Part `part` of so many, cut anywhere.
  func importing(
    part: Int,
    of count: Int,
    _ text: String,
    sha256: [UInt8]? = nil,
    sealedBy partKey: [UInt8] = [UInt8](repeating: 3, count: 32),
    key: String
  ) async throws -> LedgerV1.ImportReportResponse {
    let content = Array(text.utf8)
    let size = (content.count + count - 1) / count
    let start = min(max(part - 1, 0) * size, content.count)
    let request = LedgerV1.ImportReportRequest(
      gateway: account.gateway,
      gatewayAccount: account.account,
      kind: .payoutReconciliation,
      sha256: sha256 ?? SHA256.hash(content),
      content: Array(content[start..<min(start + size, content.count)]),
      livemode: isLive,
      part: UInt32(part),
      partCount: UInt32(count),
      partKey: partKey
    )
    return try await call("ImportReport", key: key) {
      try await handler.importReport(request: request, context: $0)
    }
  }

  func run(key: String) async throws -> LedgerV1.RunReconciliationResponse {
    let request = LedgerV1.RunReconciliationRequest(
      gateway: account.gateway,
      gatewayAccount: account.account,
      livemode: isLive
    )
    return try await call("RunReconciliation", key: key) {
      try await handler.runReconciliation(request: request, context: $0)
    }
  }

  func breaks(
    all: Bool = false,
    size: UInt32 = 0,
    token: String = ""
  ) async throws -> LedgerV1.ListBreaksResponse {
    let request = LedgerV1.ListBreaksRequest(
      gateway: account.gateway,
      gatewayAccount: account.account,
      all: all,
      pageSize: size,
      pageToken: token,
      livemode: isLive
    )
    return try await call("ListBreaks", key: nil) {
      try await handler.listBreaks(request: request, context: $0)
    }
  }

  func explain(_ id: String) async throws -> LedgerV1.ExplainBreakResponse {
    let request = LedgerV1.ExplainBreakRequest(breakID: id)
    return try await call("ExplainBreak", key: nil) {
      try await handler.explainBreak(request: request, context: $0)
    }
  }

  @discardableResult
  func change(
    _ id: String,
    _ action: LedgerV1.BreakAction,
    note: String = "",
    until: Timestamp? = nil,
    key: String
  ) async throws -> LedgerV1.ReconBreak? {
    let request = LedgerV1.ChangeBreakRequest(
      breakID: id,
      action: action,
      note: note,
      snoozedUntil: until?.wire
    )
    return try await call("ChangeBreak", key: key) {
      try await handler.changeBreak(request: request, context: $0)
    }.reconBreak
  }

  // MARK: Tables

  /// "line class", in the order of files and lines.
  func classes() async throws -> [String] {
    try await books.database.query(
      """
      select line || ' ' || class from recon_match
      where gateway = \(account.gateway) and account = \(account.account)
        and livemode = \(isLive) order by file_id, line
      """
    ).column(as: String.self)
  }

  /// Everything but what the runs themselves leave behind.
  func state() async throws -> [String] {
    try await books.database.query(
      """
      select x from (
        select 'm ' || m::text as x from recon_match m
        union all select 'b ' || b::text from recon_break b
        union all select 'c ' || c::text from recon_break_change c
        union all select 'i ' || i::text from recon_item i
        union all select 'f ' || f::text from recon_file f
        union all select 'l ' || l::text from recon_open_line l
        union all select 'o ' || o::text from recon_open_item o
        union all select 't ' || t::text from recon_total t
        union all select 'n ' || n::text from recon_batch n
        union all select 'k ' || k::text from recon_key k
        union all select 'g ' || g::text from recon_booking g
        union all select 'e ' || e::text from recon_open_fee e
        union all select 's ' || s::text from recon_settlement s
        union all select 'w ' || w::text from recon_write_off w
        union all select 'x ' || x.id::text from transaction x
      ) y order by x
      """
    ).column(as: String.self)
  }

  /// What is open, and the sums of what is not, counted again from lines, items and matches. Nothing
  /// is left of a run's keys.
  func expectSoundSets(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let wrong = try await books.database.query(
      """
      with matched as (
        select m.*, l.gross_minor, i.amount_minor, case
            when coalesce(l.net_currency, l.currency) = l.currency then l.fee_minor end as fee
        from recon_match m join recon_line l on l.file_id = m.file_id and l.line = m.line
        join recon_item i on i.shard = m.shard and i.sequence = m.sequence
          and i.currency = m.currency and i.gateway = m.gateway and i.account = m.account
        where m.class = 'matched'
      ), fees as (
        select i.* from recon_item i join recon_booking b on b.transaction_id = i.transaction_id
        where b.part = 'fee'
      )
      select 'a line is open that has matched, or the reverse' from recon_line l
        full join (
          select file_id, line from recon_open_line union all select file_id, line from matched
        ) o on o.file_id = l.file_id and o.line = l.line
        where l.line is null or o.line is null
      union all
      select 'an item is open that has matched, or the reverse' from recon_item i
        full join (
          select shard, sequence, currency, gateway, account from recon_open_item
          union all select shard, sequence, currency, gateway, account from matched
          union all select shard, sequence, currency, gateway, account from fees
        ) o on o.sequence = i.sequence and o.currency = i.currency and o.gateway = i.gateway
          and o.account = i.account and o.shard = i.shard
        where i.sequence is null or o.sequence is null
      union all
      select 'totals' from recon_total t full join (
          select gateway, account, livemode, currency, sum(line) as lines, sum(gross_minor) as gross,
            coalesce(sum(fee), 0) as fees, count(*) as item_count, sum(amount_minor) as items
          from (
            select gateway, account, livemode, currency, 1 as line, gross_minor, fee, amount_minor
            from matched
            union all
            select gateway, account, livemode, currency, 0, 0, 0, amount_minor from fees
          ) y group by gateway, account, livemode, currency
        ) x on x.gateway = t.gateway and x.account = t.account and x.livemode = t.livemode
          and x.currency = t.currency
        where (t.line_count, t.lines_minor, t.fees_minor, t.item_count, t.items_minor)
          is distinct from (x.lines, x.gross, x.fees, x.item_count, x.items)
      union all
      select 'a fee is open that is booked' from recon_open_fee f join recon_booking b
        on b.file_id = f.file_id and b.line = f.line and b.part = 'fee'
      union all
      select 'batches' from recon_batch b full join (
          select gateway, account, livemode, batch, net_currency, count(*) as lines,
            sum(net_minor) as net
          from recon_line where batch <> '' and net_currency is not null
            and type not in ('payout', 'payoutReversed')
          group by gateway, account, livemode, batch, net_currency
        ) x on x.gateway = b.gateway and x.account = b.account and x.livemode = b.livemode
          and x.batch = b.batch and x.net_currency = b.currency
        where (b.line_count, b.net_minor) is distinct from (x.lines, x.net)
      union all
      select 'the books are mixed' from recon_match m join recon_item i on i.shard = m.shard
          and i.sequence = m.sequence and i.currency = m.currency and i.gateway = m.gateway
          and i.account = m.account
        where i.livemode <> m.livemode
      union all
      select 'keys are left' from recon_key
      """
    ).column(as: String.self)
    #expect(wrong == [], sourceLocation: sourceLocation)
  }

  // MARK: Books and files in few words

  /// A movement as intents books it.
  func book(
    _ id: UInt128,
    _ kind: PostingKind,
    _ reference: String,
    _ minor: Int64,
    _ currency: Currency = .eur,
    on day: String = "2026-11-02",
    by method: String? = nil
  ) async throws {
    let amount = Amount(currency, minor: minor)
    let entries =
      kind == .reversal
      ? PostingTemplate.entries(.capture, amount, at: account)
        .map(PostingTemplate.reversal(of:))
      : PostingTemplate.entries(kind, amount, at: account)
    let command = PostingCommand(
      id: LedgerTransactionID(bits: id),
      merchant: isLive ? Books.liveMerchant : Books.merchant,
      kind: kind.rawValue,
      entries: entries ?? [],
      effectiveAtMicroseconds: Timestamp("\(day)T10:00:00Z")?.microseconds,
      subject: "",
      externalReference: reference,
      recordsFact: true,
      metadata: TransactionMetadata(method.map { [(key: "payment_method", value: $0)] } ?? [])
    )
    let outcomes = try await books.writer.post([
      PendingPosting(
        posting: try PostingRules.check(command),
        actor: "service:intents",
        traceID: nil
      )
    ])
    guard outcomes == [.created] else { throw TestSetupError("not booked: \(outcomes)") }
  }

  func isBooked(_ id: LedgerTransactionID) async throws -> Bool {
    try await !books.database.query("select 1 from movement where id = \(id)").isEmpty
  }

  static let header =
    "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,payment_intent_id\n"

  /// A line of Stripe's report.
  static func line(
    _ transaction: String,
    _ category: String,
    _ source: String,
    _ payment: String,
    _ minor: Int64,
    fee: Int64 = 0,
    currency: Currency = .eur,
    payout: String = "po_1"
  ) -> String {
    func text(_ minor: Int64) -> String { Amount(currency, minor: minor).decimal }
    return "\(payout),\(transaction),2026-11-02 10:00:00,\(currency.code.lowercased()),"
      + "\(text(minor)),\(text(fee)),\(text(minor - fee)),\(category),\(source),\(payment)\n"
  }
}
