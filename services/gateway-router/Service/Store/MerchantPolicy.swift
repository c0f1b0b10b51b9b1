import GatewayCore
import Money
import Postgres
import ServiceKit

/// Whether a payment whose outcome is unknown may be authorised a second time elsewhere, beside the
/// first; at most one authorisation is ever captured, the other one is given back.
struct MerchantPolicy: Sendable, Hashable {
  var version: Int32
  var speculatesWithPayer: Bool
  var speculatesOffSession: Bool

  /// While a merchant has set nothing.
  static let standard = MerchantPolicy(
    version: 0, speculatesWithPayer: true, speculatesOffSession: false)
}

extension MerchantPolicy {
  init(_ row: Row) throws {
    (version, speculatesWithPayer, speculatesOffSession) = try row.decode(
      (Int32, Bool, Bool).self)
  }
}

/// The SQL of policies: rows are only added, the newest version counts.
enum PolicyStatements {
  static func current(of merchant: MerchantID) -> Statement {
    """
    select version, speculates_with_payer, speculates_off_session from merchant_policy
    where merchant_id = \(merchant) order by version desc limit 1
    """
  }

  /// The next version; no row when another one was added at the same moment.
  static func insert(
    withPayer: Bool, offSession: Bool, of merchant: MerchantID, _ stamp: Stamp
  ) -> Statement {
    """
    insert into merchant_policy (merchant_id, version, speculates_with_payer,
      speculates_off_session, actor, trace_id)
    select \(merchant), coalesce(max(version), 0) + 1, \(withPayer), \(offSession),
      \(stamp.actor), \(stamp.traceID)
    from merchant_policy where merchant_id = \(merchant)
    on conflict (merchant_id, version) do nothing
    returning version, speculates_with_payer, speculates_off_session
    """
  }
}
