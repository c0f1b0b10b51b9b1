import GRPCCore
import LedgerCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Transport
import Wire

@testable import LedgerService

/// Reconciliation's handler, called as the interceptor would call it, and its tables.
struct ReconCalls: Sendable {
  static let account = GatewayAccount(gateway: "stripe", account: "acct_1")

  let books: Books
  let environment: ServiceEnvironment
  let handler: ReconciliationHandler
  var account = Self.account

  /// - Parameter fees: 1 % and 0.25 EUR by default.
  init(
    _ books: Books,
    fees: String = "stripe acct_1 EUR 100 25 0",
    dueDays: Int = 3
  ) throws {
    self.books = books
    environment = try LedgerCalls(books).environment
    handler = ReconciliationHandler(
      environment,
      ReconSettings(fees: try FeeSchedule(parsing: fees), dueDays: dueDays)
    )
  }

  private func call<R: Sendable>(
    _ method: String,
    key: String?,
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.ledger.v1.Reconciliation/\(method)",
      peer: .operator("ann"),
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
      payouts: payouts
    )
    return try await call("ImportReport", key: key) {
      try await handler.importReport(request: request, context: $0)
    }.file
  }

  func run(key: String) async throws -> LedgerV1.RunReconciliationResponse {
    let request = LedgerV1.RunReconciliationRequest(
      gateway: account.gateway,
      gatewayAccount: account.account
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
      pageToken: token
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
      where gateway = \(account.gateway) and account = \(account.account) order by file_id, line
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
      ) y order by x
      """
    ).column(as: String.self)
  }

  // MARK: Books and files in few words

  /// A movement as intents books it.
  func book(
    _ id: UInt128,
    _ kind: PostingKind,
    _ reference: String,
    _ minor: Int64,
    _ currency: Currency = .eur,
    on day: String = "2026-11-02"
  ) async throws {
    let amount = Amount(currency, minor: minor)
    let entries =
      kind == .reversal
      ? PostingTemplate.entries(.capture, amount, at: account)
        .map(PostingTemplate.reversal(of:))
      : PostingTemplate.entries(kind, amount, at: account)
    let command = PostingCommand(
      id: LedgerTransactionID(bits: id),
      merchant: Books.merchant,
      kind: kind.rawValue,
      entries: entries ?? [],
      effectiveAtMicroseconds: Timestamp("\(day)T10:00:00Z")?.microseconds,
      subject: "",
      externalReference: reference,
      recordsFact: true
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
