package import GRPCCore
import LedgerCore
import Money
package import Postgres
import ServiceKit
package import Wire

/// tender.ledger.v1.LedgerHistory.
package struct LedgerHistoryHandler: LedgerV1.LedgerHistory.SimpleServiceProtocol {
  static let pageSizeDefault: UInt32 = 100

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  package func getBalance(
    request: LedgerV1.GetBalanceRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetBalanceResponse {
    let merchant = try CallContext.require().requireMerchant()
    let recorded = try Self.instant(request.asOfRecorded, "as_of_recorded")
    let effective = try Self.instant(request.asOfEffective, "as_of_effective")
    guard let account = try await account(request.accountCode, request.currency, of: merchant)
    else { throw Self.accountNotFound }
    let row = try await database.query(
      HistoryStore.balance(of: account.id, recorded: recorded, effective: effective)
    ).single()
    let (debits, credits) = (try row[0, as: Int64.self], try row[1, as: Int64.self])
    var answer = LedgerV1.Account(
      id: account.id.description,
      merchantID: merchant.description,
      code: request.accountCode,
      currency: request.currency,
      normalSide: account.side == .debit ? .debit : .credit,
      debitsPostedMinor: debits,
      creditsPostedMinor: credits,
      balanceMinor: account.side == .debit ? debits &- credits : credits &- debits,
      createdAt: GoogleProtobuf.Timestamp(account.createdAt)
    )
    // Of another instant nothing is known but what moved.
    if recorded == nil, effective == nil {
      try BalanceStore.decodeHeldAndLimits(row, at: 2, into: &answer)
    }
    return LedgerV1.GetBalanceResponse(account: answer)
  }

  package func listEntries(
    request: LedgerV1.ListEntriesRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListEntriesResponse {
    let merchant = try CallContext.require().requireMerchant()
    let after = try Self.instant(request.after, "after")
    let through = try Self.instant(request.through, "through")
    let token = try EntryPlace(token: request.pageToken)
    guard let account = try await account(request.accountCode, request.currency, of: merchant)
    else { throw token == nil ? Self.accountNotFound : PageToken.invalid }
    let start: EntryPlace
    if let token {
      try await check(token, of: account)
      start = token
    } else if let after {
      start = EntryPlace(sequence: try await place(after), position: .max)
    } else {
      start = EntryPlace(sequence: .zero, position: .max)
    }
    var balance = try await self.balance(of: account, at: start)
    let opening = balance
    let size = Int(request.pageSize == 0 ? Self.pageSizeDefault : request.pageSize)
    let rows = try await database.query(
      HistoryStore.entries(
        of: account.id,
        after: start.sequence,
        start.position,
        through: try await place(through),
        limit: Int64(size + 1)
      )
    )
    var entries: [LedgerV1.AccountEntry] = []
    var last = start
    for row in rows.prefix(size) {
      let entry = try Self.entry(row, of: account, &balance)
      entries.append(entry)
      last = EntryPlace(
        sequence: BookSequence(try row[0, as: UUIDBits.self].bits),
        position: try row[1, as: Int16.self]
      )
    }
    return LedgerV1.ListEntriesResponse(
      normalSide: account.side == .debit ? .debit : .credit,
      openingMinor: opening,
      entries: entries,
      closingMinor: balance,
      nextPageToken: rows.count > size ? last.token : ""
    )
  }

  package func getTrialBalanceAsOf(
    request: LedgerV1.GetTrialBalanceAsOfRequest,
    context: ServerContext
  ) async throws -> LedgerV1.GetTrialBalanceAsOfResponse {
    let merchant = try CallContext.require().requireMerchant()
    let recorded = try Self.instant(request.asOfRecorded, "as_of_recorded")
    let effective = try Self.instant(request.asOfEffective, "as_of_effective")
    let token = try AccountPlace(token: request.pageToken)
    let through: BookSequence
    var last: (code: String, currency: String)?
    if let token {
      through = token.through
      last = try await names(of: token.account, merchant)
    } else {
      through = recorded == nil ? try await end() : try await place(recorded)
    }
    let size =
      request.pageSize == 0 ? LedgerHandler.accountsMax : Int64(clamping: request.pageSize)
    let rows = try await database.query(
      HistoryStore.accounts(
        of: merchant,
        through: through,
        effective: effective,
        after: last,
        limit: size + 1
      )
    )
    let accounts = try rows.prefix(Int(size)).map {
      try BalanceStore.decodeAccount($0, of: merchant)
    }
    let next = rows.count > accounts.count ? accounts.last.flatMap { AccountID($0.id) } : nil
    return LedgerV1.GetTrialBalanceAsOfResponse(
      accounts: accounts,
      nextPageToken: next.map { AccountPlace(through: through, account: $0).token } ?? ""
    )
  }

  // MARK: Parts

  private static func instant(
    _ time: GoogleProtobuf.Timestamp?,
    _ field: String
  ) throws(RPCFailure) -> Timestamp? {
    guard let time else { return nil }
    guard let microseconds = PostingCommand.microseconds(time) else {
      throw RPCFailure.invalid(
        field,
        "AS_OF_INVALID",
        "The instant is not between the years 1 and 9999."
      )
    }
    return Timestamp(microseconds: microseconds)
  }

  /// Nil if the merchant has none.
  private func account(
    _ code: String,
    _ currency: String,
    of merchant: MerchantID
  ) async throws -> HistoryStore.Account? {
    let rows = try await database.query(HistoryStore.account(code, currency, of: merchant))
    return try rows.first.map { try HistoryStore.decodeAccount($0) }
  }

  private static let accountNotFound = RPCFailure.notFound(
    "ACCOUNT_NOT_FOUND",
    "This merchant has no account with this code in this currency; see ListAccounts."
  )

  /// A token names a leg of this account: another merchant's, or a made-up one, does not.
  private func check(_ place: EntryPlace, of account: HistoryStore.Account) async throws {
    let rows = try await database.query(
      HistoryStore.entry(of: account.id, at: place.sequence, place.position)
    )
    if rows.isEmpty { throw PageToken.invalid }
  }

  private func place(_ recorded: Timestamp?) async throws -> BookSequence {
    let row = try await database.query(HistoryStore.place(recorded)).single()
    return BookSequence(try row[0, as: UUIDBits.self].bits)
  }

  /// A token names an account of this merchant: another merchant's, or a made-up one, does not.
  private func names(
    of account: AccountID,
    _ merchant: MerchantID
  ) async throws -> (code: String, currency: String) {
    let rows = try await database.query(HistoryStore.names(of: account, merchant))
    guard let row = rows.first else { throw PageToken.invalid }
    return (try row[0, as: String.self], try row[1, as: String.self])
  }

  private func end() async throws -> BookSequence {
    let row = try await database.query(HistoryStore.end()).single()
    return BookSequence(try row[0, as: UUIDBits.self].bits)
  }

  /// The balance after the entry at a place, on the account's normal side.
  private func balance(
    of account: HistoryStore.Account,
    at place: EntryPlace
  ) async throws -> Int64 {
    let (debits, credits) = try await database.query(
      HistoryStore.balance(of: account.id, through: place.sequence)
    ).single().decode((Int64, Int64).self)
    let rest = try await database.query(
      HistoryStore.rest(of: account.id, in: place.sequence, behind: place.position)
    ).single()[0, as: Int64.self]
    return Int64(account.side.rawValue) &* (debits &- credits &- rest)
  }

  private static func entry(
    _ row: Row,
    of account: HistoryStore.Account,
    _ balance: inout Int64
  ) throws -> LedgerV1.AccountEntry {
    let (side, amount) = (try row[2, as: Int16.self], try row[4, as: Int64.self])
    // Wrapping: amounts that somebody tampered with must not end the process.
    balance &+= Int64(account.side.rawValue * side) &* amount
    guard let metadata = try TransactionStore.decodeMetadata(row, 11) else {
      throw PostgresError(.decoding, "a transaction whose metadata contradicts itself")
    }
    return LedgerV1.AccountEntry(
      transactionID: try row[5, as: LedgerTransactionID.self].description,
      kind: try row[6, as: String.self],
      subject: try row[7, as: String.self],
      externalReference: try row[8, as: String.self],
      side: side == Side.debit.rawValue ? .debit : .credit,
      amount: CommonV1.Money(currency: try row[3, as: String.self], amountMinor: amount),
      effectiveAt: GoogleProtobuf.Timestamp(try row[9, as: Timestamp.self]),
      recordedAt: GoogleProtobuf.Timestamp(try row[10, as: Timestamp.self]),
      balanceMinor: balance,
      metadata: metadata.wire
    )
  }
}

/// A place among an account's entries: behind this leg of this transaction.
private struct EntryPlace {
  var sequence: BookSequence
  var position: Int16

  init(sequence: BookSequence, position: Int16) {
    self.sequence = sequence
    self.position = position
  }

  /// Nil for an empty token.
  init?(token: String) throws(RPCFailure) {
    if token.isEmpty { return nil }
    let parts = PageToken.parts(token)
    guard parts.count == 2, let sequence = BookSequence(parts[0]), let position = Int16(parts[1])
    else { throw PageToken.invalid }
    self.init(sequence: sequence, position: position)
  }

  var token: String { "\(sequence)/\(position)" }
}

/// A place among the accounts of a trial balance: behind this account, in the books through this
/// transaction.
private struct AccountPlace {
  var through: BookSequence
  var account: AccountID

  init(through: BookSequence, account: AccountID) {
    self.through = through
    self.account = account
  }

  /// Nil for an empty token.
  init?(token: String) throws(RPCFailure) {
    if token.isEmpty { return nil }
    let parts = PageToken.parts(token)
    guard parts.count == 2, let through = BookSequence(parts[0]),
      let account = BookSequence(parts[1])
    else { throw PageToken.invalid }
    self.init(through: through, account: AccountID(bits: account.bits))
  }

  var token: String { "\(through)/\(BookSequence(account.bits))" }
}
