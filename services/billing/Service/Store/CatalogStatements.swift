import BillingCore
import Money
import Postgres
import ServiceKit

/// The SQL of products and prices.
enum CatalogStatements {
  static func insertProduct(
    _ id: ProductID, of merchant: MerchantID, name: String, at now: Timestamp, _ stamp: Stamp
  ) -> Statement {
    """
    insert into product (merchant_id, id, name, created_at, actor, trace_id)
    values (\(merchant), \(id), \(name), \(now), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func productExists(_ id: ProductID, of merchant: MerchantID) -> Statement {
    "select name from product where merchant_id = \(merchant) and id = \(id)"
  }

  static func insertPrice(_ price: PriceRow, _ stamp: Stamp) -> Statement {
    """
    insert into price (merchant_id, id, product_id, currency, unit_amount_minor, interval_unit,
      interval_count, created_at, actor, trace_id)
    values (\(price.merchant), \(price.id), \(price.product), \(price.unitAmount.currency),
      \(price.unitAmount.minor), \(price.interval.unit.rawValue), \(Int16(price.interval.count)),
      \(price.createdAt), \(stamp.actor), \(stamp.traceID))
    """
  }

  /// The price with its product's name.
  static func price(_ id: PriceID, of merchant: MerchantID) -> Statement {
    """
    select p.merchant_id, p.id, p.product_id, p.currency, p.unit_amount_minor, p.interval_unit,
      p.interval_count, p.created_at, d.name
    from price p join product d on d.merchant_id = p.merchant_id and d.id = p.product_id
    where p.merchant_id = \(merchant) and p.id = \(id)
    """
  }
}

/// A price as its row; never changed.
struct PriceRow: Sendable {
  var merchant: MerchantID
  var id: PriceID
  var product: ProductID
  var unitAmount: Amount
  var interval: BillingInterval
  var createdAt: Timestamp
  var productName: String

  init(
    merchant: MerchantID, id: PriceID, product: ProductID, unitAmount: Amount,
    interval: BillingInterval, createdAt: Timestamp, productName: String
  ) {
    self.merchant = merchant
    self.id = id
    self.product = product
    self.unitAmount = unitAmount
    self.interval = interval
    self.createdAt = createdAt
    self.productName = productName
  }

  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    id = try row[1, as: PriceID.self]
    product = try row[2, as: ProductID.self]
    unitAmount = Amount(try row[3, as: Currency.self], minor: try row[4, as: Int64.self])
    let unit = try StoredValue.known(IntervalUnit(rawValue: row[5, as: Int16.self]))
    interval = try StoredValue.known(BillingInterval(unit, count: Int(row[6, as: Int16.self])))
    createdAt = try row[7, as: Timestamp.self]
    productName = try row[8, as: String.self]
  }
}
