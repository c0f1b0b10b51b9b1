import LedgerCore
import Money
import Postgres
import ReportFormats
import ServiceKit

/// A row of `recon_break`.
struct ReconBreakRecord: Sendable {
  var id: ReconBreakID
  var book: ReconBook
  var reconClass: ReconClass
  var state: BreakState
  var reported: Amount?
  var booked: Amount?
  var occurredOn: CivilDate
  var merchant: MerchantID?
  var transaction: LedgerTransactionID?
  var note: String
  var snoozedUntil: Timestamp?
  var version: Int32
  var openedAt: Timestamp
  var updatedAt: Timestamp
  var file: ReconFileID?
  var line: Int32?
  var sequence: UUIDBits?
  var itemCurrency: String?

  /// A row of `ReconBreakStore.columns`.
  init(_ row: Row) throws {
    let (id, gateway, account, word, stateWord) = try row.decode(
      (ReconBreakID, String, String, String, String).self
    )
    guard let reconClass = ReconClass(rawValue: word), let state = BreakState(rawValue: stateWord),
      let currency = Currency(try row[5, as: String.self])
    else { throw PostgresError(.decoding, "recon_break holds an unknown word") }
    self.id = id
    book = ReconBook(
      GatewayAccount(gateway: gateway, account: account),
      isLive: try row[20, as: Bool.self]
    )
    self.reconClass = reconClass
    self.state = state
    reported = try row[6, as: Int64?.self].map { Amount(currency, minor: $0) }
    itemCurrency = try row[8, as: String?.self]
    let bookedIn = itemCurrency.flatMap { Currency($0) } ?? currency
    booked = try row[7, as: Int64?.self].map { Amount(bookedIn, minor: $0) }
    occurredOn = try row[9, as: CivilDate.self]
    merchant = try row[10, as: MerchantID?.self]
    transaction = try row[11, as: LedgerTransactionID?.self]
    note = try row[12, as: String.self]
    snoozedUntil = try row[13, as: Timestamp?.self]
    version = try row[14, as: Int32.self]
    openedAt = try row[15, as: Timestamp.self]
    updatedAt = try row[16, as: Timestamp.self]
    file = try row[17, as: ReconFileID?.self]
    line = try row[18, as: Int32?.self]
    sequence = try row[19, as: UUIDBits?.self]
  }

  func ageDays(_ today: CivilDate) -> Int {
    max(0, today.daysSince1970 - occurredOn.daysSince1970)
  }

  func severity(_ today: CivilDate) -> BreakSeverity {
    BreakSeverity(reconClass, age: BreakAge(days: ageDays(today)))
  }
}

/// Reads and changes breaks.
enum ReconBreakStore {
  private static let columns = """
    b.id, b.gateway, b.account, b.class, b.state, b.currency::text, b.reported_minor,
    b.booked_minor, b.item_currency::text, b.occurred_on, b.merchant_id, i.transaction_id, b.note,
    b.snoozed_until, b.version, b.opened_at, b.updated_at, b.file_id, b.line, b.sequence,
    b.livemode
    """
  private static let from = """
    from recon_break b left join recon_item i on i.shard = b.shard and i.sequence = b.sequence
      and i.currency = b.item_currency and i.gateway = b.gateway and i.account = b.account
    """

  /// By id, which is by time of opening. Without a book: of every one.
  static func list(
    _ book: ReconBook?,
    all: Bool,
    after id: ReconBreakID,
    limit: Int64
  ) -> Statement {
    """
    select \(raw: columns) \(raw: from)
    where b.id > \(id)
      and (\(book == nil) or (b.gateway = \(book?.account.gateway ?? "")
        and b.account = \(book?.account.account ?? "") and b.livemode = \(book?.isLive ?? false)))
      and (\(all) or b.state in ('opened', 'reopened', 'acknowledged'))
    order by b.id limit \(limit)
    """
  }

  static func load(_ id: ReconBreakID) -> Statement {
    "select \(raw: columns) \(raw: from) where b.id = \(id)"
  }

  /// Whose it is, which never changes.
  static func book(_ id: ReconBreakID) -> Statement {
    "select gateway, account, livemode from recon_break where id = \(id)"
  }

  static func decodeBook(_ row: Row) throws -> ReconBook {
    let (gateway, account, isLive) = try row.decode((String, String, Bool).self)
    return ReconBook(GatewayAccount(gateway: gateway, account: account), isLive: isLive)
  }

  /// Those that ask for somebody; `ReconOpenBreaks`.
  static func open(_ book: ReconBook, _ day: CivilDate) -> Statement {
    """
    select count(*), count(*) filter (
        where class <> 'fee_mismatch'
          and occurred_on <= \(day)::date - \(Int32(BreakAge.criticalDays))),
      min(occurred_on)
    from recon_break
    where gateway = \(book.account.gateway) and account = \(book.account.account)
      and livemode = \(book.isLive) and state in ('opened', 'reopened', 'acknowledged')
    """
  }

  static func lock(_ id: ReconBreakID) -> Statement {
    "select state from recon_break where id = \(id) for update"
  }

  /// What a person does; the table's trigger keeps the row before.
  static func change(
    _ id: ReconBreakID,
    _ action: BreakAction,
    note: String,
    until: Timestamp?,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    """
    update recon_break set state = \(action.state.rawValue),
      note = case when \(note) = '' then note else \(note) end, snoozed_until = \(until),
      version = version + 1, updated_at = \(now), actor = \(stamp.actor),
      trace_id = \(stamp.traceID)
    where id = \(id)
    """
  }

  /// What was booked ends it.
  static func resolve(
    _ id: ReconBreakID,
    note: String,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    """
    update recon_break set state = 'resolved', note = \(note), snoozed_until = null,
      version = version + 1, updated_at = \(now), actor = \(stamp.actor),
      trace_id = \(stamp.traceID)
    where id = \(id)
    """
  }

  /// Oldest first.
  static func changes(_ id: ReconBreakID, limit: Int64) -> Statement {
    """
    select version, state, class, note, changed_at, actor from recon_break_change
    where break_id = \(id) order by version limit \(limit)
    """
  }
}

/// A line with what it is compared by.
struct ReconLineRecord: Sendable {
  /// Of its report.
  var kind: ReportKind
  var match: ReconLine
  var typeText: String
  var movementReference: String
  var batch: String
  var bookedAt: String
  var fee: Amount?
  var net: Amount?
}

/// An item and whether it answers a line.
struct ReconItemRecord: Sendable {
  var item: LedgerItem
  var merchant: MerchantID
  var effectiveOn: CivilDate
  var isPaired: Bool
}

/// What explains a break: its line, and what the books have under the same references.
enum ReconEvidence {
  static func line(_ file: ReconFileID, _ line: Int32) -> Statement {
    """
    select l.type, l.type_text, l.movement_reference, l.source_references, l.payment_reference,
      l.movement_ids, l.batch, l.booked_at, l.currency::text, l.gross_minor, l.fee_minor,
      l.net_currency::text, l.net_minor, f.kind
    from recon_line l join recon_file f on f.id = l.file_id
    where l.file_id = \(file) and l.line = \(line)
    """
  }

  static func decodeLine(_ row: Row) throws -> ReconLineRecord {
    guard let type = ReportRowType(rawValue: try row[0, as: String.self]),
      let currency = Currency(try row[8, as: String.self]),
      let kind = ReportKind(rawValue: try row[13, as: String.self])
    else { throw PostgresError(.decoding, "recon_line holds an unknown word") }
    let net = try row[11, as: String?.self].flatMap { Currency($0) }
    let netMinor = try row[12, as: Int64?.self]
    return ReconLineRecord(
      kind: kind,
      match: ReconLine(
        type: type,
        movementIDs: try row[5, as: [LedgerTransactionID].self],
        sourceReferences: try row[3, as: [String].self],
        paymentReference: try row[4, as: String.self],
        amount: Amount(currency, minor: try row[9, as: Int64.self])
      ),
      typeText: try row[1, as: String.self],
      movementReference: try row[2, as: String.self],
      batch: try row[6, as: String.self],
      bookedAt: try row[7, as: String.self],
      fee: try row[10, as: Int64?.self].map { Amount(net ?? currency, minor: $0) },
      net: net.flatMap { code in netMinor.map { Amount(code, minor: $0) } }
    )
  }

  private static let itemColumns = """
    i.transaction_id, i.merchant_id, i.kind, i.external_reference, i.currency::text, i.amount_minor,
    i.effective_on, not \(ReconSteps.isOpenItem) or exists (
      select from recon_booking b where b.transaction_id = i.transaction_id and b.part = 'fee')
    """

  /// Under any of the references of a line, in the order of the books.
  static func items(
    _ book: ReconBook,
    _ line: ReconLine,
    limit: Int64
  ) -> Statement {
    let references = line.sourceReferences + [line.paymentReference].filter { !$0.isEmpty }
    return """
      select \(raw: itemColumns) from recon_item i
      where i.gateway = \(book.account.gateway) and i.account = \(book.account.account)
        and i.livemode = \(book.isLive) and (
          (i.external_reference <> '' and i.external_reference = any(\(references)))
          or i.sequence = any(array(
            select sequence from movement
            where shard = \(LedgerShard.only) and id = any(\(line.movementIDs)))))
      order by i.sequence limit \(limit)
      """
  }

  /// One item, with what bears its reference.
  static func items(
    _ book: ReconBook,
    _ sequence: UUIDBits,
    limit: Int64
  ) -> Statement {
    """
    select \(raw: itemColumns) from recon_item i
    where i.gateway = \(book.account.gateway) and i.account = \(book.account.account)
      and i.livemode = \(book.isLive)
      and (i.sequence = \(sequence) or (i.external_reference <> '' and i.external_reference = (
        select o.external_reference from recon_item o where o.gateway = \(book.account.gateway)
          and o.account = \(book.account.account) and o.sequence = \(sequence) limit 1)))
    order by i.sequence limit \(limit)
    """
  }

  static func decodeItem(_ row: Row) throws -> ReconItemRecord {
    guard let currency = Currency(try row[4, as: String.self]) else {
      throw PostgresError(.decoding, "recon_item holds an unknown currency")
    }
    return ReconItemRecord(
      item: LedgerItem(
        id: try row[0, as: LedgerTransactionID.self],
        kind: try row[2, as: String.self],
        externalReference: try row[3, as: String.self],
        amount: Amount(currency, minor: try row[5, as: Int64.self])
      ),
      merchant: try row[1, as: MerchantID.self],
      effectiveOn: try row[6, as: CivilDate.self],
      isPaired: try row[7, as: Bool.self]
    )
  }
}
