import LedgerCore
import Money
import Postgres

/// A clearing account in one currency, with all its merchants.
struct ClearingCurrency: Sendable, Hashable {
  var account: GatewayAccount
  var currency: Currency
}

/// Reads clearing accounts piece by piece, in the order of the books.
enum ClearingPages {
  /// Entries of a piece.
  static let entriesMax: Int64 = 20_000
  /// Accounts at gateways, each with its currencies.
  static let accountsMax: Int64 = 5_000
  private static let segment = "gateway_clearing:"

  static func accounts() -> Statement {
    """
    select distinct code, currency::text from account
    where shard = \(LedgerShard.only) and starts_with(code, \(segment))
    order by code, currency::text limit \(accountsMax)
    """
  }

  /// A row of `accounts`; nil for a code that names no account at a gateway.
  static func decode(_ row: Row) throws -> ClearingCurrency? {
    let (code, word) = try row.decode((String, String).self)
    let parts = code.dropFirst(segment.utf8.count).split(separator: ":", maxSplits: 1)
      .map(String.init)
    guard let currency = Currency(word) else {
      throw PostgresError(.decoding, "a clearing account is in an unknown currency")
    }
    guard parts.count == 2 else { return nil }
    return ClearingCurrency(
      account: GatewayAccount(gateway: parts[0], account: parts[1]),
      currency: currency
    )
  }

  /// Where the next piece ends: the place of its last entry, none if nothing has moved since.
  static func end(
    _ account: GatewayAccount,
    after last: UUIDBits,
    through head: UUIDBits,
    limit: Int64 = entriesMax
  ) -> Statement {
    """
    select sequence from (
      select e.sequence from account a cross join lateral (
        select sequence from entry
        where shard = a.shard and account_id = a.id and sequence > \(last) and sequence <= \(head)
        order by sequence limit \(limit)
      ) e
      where a.shard = \(LedgerShard.only) and a.code = \(PostingTemplate.clearing(account))
      order by e.sequence limit \(limit)
    ) piece order by sequence desc limit 1
    """
  }
}
