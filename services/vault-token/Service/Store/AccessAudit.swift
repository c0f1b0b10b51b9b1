import Money
import Postgres
import ServiceKit
import VaultCore

/// What was done to a payment method. The raw values are stored and are API.
enum AccessAction: String, Sendable {
  case register
  case describe
  case resolve
  case delete
  case reencrypt
}

/// The rows of `access`, written in the transaction of the access itself.
struct AccessAudit: Sendable {
  let clock: any WallClock

  func statement(
    _ action: AccessAction,
    _ paymentMethod: PaymentMethodID,
    of merchant: MerchantID,
    outcome: String,
    _ call: CallContext
  ) -> Statement {
    let now = clock.now
    return """
      insert into access (
        merchant_id, id, payment_method_id, at, action, purpose, outcome, actor, trace_id)
      values (
        \(merchant), \(AccessID.generate(milliseconds: now.milliseconds)), \(paymentMethod),
        \(now), \(action.rawValue), '', \(outcome), \(call.actor), \(call.trace.traceIDBytes))
      """
  }

  static func list(
    of paymentMethod: PaymentMethodID,
    _ merchant: MerchantID,
    limit: Int64
  ) -> Statement {
    """
    select at, actor, action, purpose, outcome from access
    where merchant_id = \(merchant) and payment_method_id = \(paymentMethod)
    order by id desc limit \(limit)
    """
  }
}
