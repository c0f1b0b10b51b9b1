import Money
import Postgres
import VaultCore

/// The statements of the audit's chain.
enum AccessSealStore {
  /// Rows that wait, whole merchants together.
  static func waiting(limit: Int64) -> Statement {
    """
    select \(raw: columns("a")) from (
      select merchant_id, id from access_unsealed order by merchant_id, id limit \(limit)) u
    join access a on a.merchant_id = u.merchant_id and a.id = u.id
    order by a.merchant_id, a.id
    """
  }

  /// Number and hash of the last link of each chain that has one.
  static func heads(of merchants: [MerchantID]) -> Statement {
    """
    select h.merchant_id, h.number, h.hash from unnest(\(merchants)) m(id)
    cross join lateral (
      select merchant_id, number, hash from access_seal where merchant_id = m.id
      order by number desc limit 1) h
    """
  }

  static func insert(_ seal: AccessSeal) -> [Statement] {
    [
      """
      insert into access_seal (
        merchant_id, number, sealed_at, ids, leaves, previous_hash, hash)
      values (
        \(seal.merchant), \(seal.number), \(Timestamp(microseconds: seal.sealedAtMicroseconds)),
        \(seal.ids), \(seal.leaves), \(seal.previousHash), \(seal.hash))
      """,
      "delete from access_unsealed where merchant_id = \(seal.merchant) and id = any(\(seal.ids))",
    ]
  }

  /// The links behind a place, chain after chain.
  static func seals(
    after merchant: MerchantID, _ number: Int64, only: Bool, limit: Int64
  ) -> Statement {
    """
    select merchant_id, number, sealed_at, ids, leaves, previous_hash, hash from access_seal
    where (merchant_id, number) > (\(merchant), \(number))
      and (not \(only) or merchant_id = \(merchant))
    order by merchant_id, number limit \(limit)
    """
  }

  static func hash(of merchant: MerchantID, _ number: Int64) -> Statement {
    "select hash from access_seal where merchant_id = \(merchant) and number = \(number)"
  }

  static func rows(of merchant: MerchantID, _ ids: [AccessID]) -> Statement {
    """
    select \(raw: columns("a")) from access a
    where a.merchant_id = \(merchant) and a.id = any(\(ids))
    """
  }

  /// Rows that are neither covered nor waiting.
  static func unsealed(only merchant: MerchantID?, limit: Int64) -> Statement {
    """
    select a.merchant_id, a.id from access a
    where (\(merchant) is null or a.merchant_id = \(merchant)) and not exists (
      select from access_unsealed u where u.merchant_id = a.merchant_id and u.id = a.id)
    except
    select s.merchant_id, unnest(s.ids) from access_seal s
    where \(merchant) is null or s.merchant_id = \(merchant)
    order by 1, 2 limit \(limit)
    """
  }

  static func waitingCount(only merchant: MerchantID?) -> Statement {
    """
    select count(*) from access_unsealed
    where \(merchant) is null or merchant_id = \(merchant)
    """
  }

  private static func columns(_ table: String) -> String {
    [
      "merchant_id", "id", "payment_method_id", "at", "action", "purpose", "outcome", "actor",
      "trace_id",
    ].map { "\(table).\($0)" }.joined(separator: ", ")
  }
}

extension AccessRecord {
  init(row: Row) throws(PostgresError) {
    let (merchant, id, method, at, action, purpose, outcome, actor, trace) = try row.decode(
      (
        MerchantID, AccessID, PaymentMethodID, Timestamp, String, String, String, String, [UInt8]?
      ).self)
    self.init(
      merchant: merchant, id: id, paymentMethod: method, atMicroseconds: at.microseconds,
      action: action, purpose: purpose, outcome: outcome, actor: actor, traceID: trace)
  }
}

extension AccessSeal {
  init(row: Row) throws(PostgresError) {
    let (merchant, number, at, ids, leaves, previous, hash) = try row.decode(
      (MerchantID, Int64, Timestamp, [AccessID], [UInt8], [UInt8], [UInt8]).self)
    self.init(
      merchant: merchant, number: number, sealedAtMicroseconds: at.microseconds, ids: ids,
      leaves: leaves, previousHash: previous, hash: hash)
  }
}
