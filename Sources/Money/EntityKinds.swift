/// The ids of the platform. A service that needs another kind declares it the same way.
package enum PaymentIntentKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "pi" }
}
package typealias PaymentIntentID = EntityID<PaymentIntentKind>

package enum RefundKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "re" }
}
package typealias RefundID = EntityID<RefundKind>

package enum PaymentMethodKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "tok" }
}
package typealias PaymentMethodID = EntityID<PaymentMethodKind>

package enum SetupIntentKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "seti" }
}
package typealias SetupIntentID = EntityID<SetupIntentKind>

package enum EventKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "evt" }
}
package typealias EventID = EntityID<EventKind>

package enum SubscriptionKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "sub" }
}
package typealias SubscriptionID = EntityID<SubscriptionKind>

package enum InvoiceKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "in" }
}
package typealias InvoiceID = EntityID<InvoiceKind>

package enum DisputeKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "dp" }
}
package typealias DisputeID = EntityID<DisputeKind>

package enum LedgerTransactionKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "ltx" }
}
package typealias LedgerTransactionID = EntityID<LedgerTransactionKind>

package enum CustomerKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "cus" }
}
package typealias CustomerID = EntityID<CustomerKind>

package enum OperationKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "op" }
}
package typealias OperationID = EntityID<OperationKind>

package enum AttemptKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "att" }
}
package typealias AttemptID = EntityID<AttemptKind>

package enum CaptureKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "cap" }
}
package typealias CaptureID = EntityID<CaptureKind>

/// A person's word about an account at a gateway.
package enum GatewayOverrideKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "ovr" }
}
package typealias GatewayOverrideID = EntityID<GatewayOverrideKind>

package enum RoutingBacktestKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "bkt" }
}
package typealias RoutingBacktestID = EntityID<RoutingBacktestKind>

package enum EndpointKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "we" }
}
package typealias EndpointID = EntityID<EndpointKind>

package enum DeliveryKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "del" }
}
package typealias DeliveryID = EntityID<DeliveryKind>

package enum ProductKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "prod" }
}
package typealias ProductID = EntityID<ProductKind>

package enum PriceKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "price" }
}
package typealias PriceID = EntityID<PriceKind>

package enum AccountKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "acc" }
}
package typealias AccountID = EntityID<AccountKind>

package enum AlertKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "al" }
}
package typealias AlertID = EntityID<AlertKind>

/// A merchant is either test or live for ever: the lowest bit of the id says which (1 = live), and
/// the text prefix (`mt`, `ml`) must agree with it.
package enum MerchantKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { bits & 1 == 1 ? "ml" : "mt" }
  package static func settle(_ bits: UInt128) -> UInt128 { bits & ~1 }
}
package typealias MerchantID = EntityID<MerchantKind>

extension EntityID where Kind == MerchantKind {
  package var isLive: Bool { bits & 1 == 1 }

  /// A fresh id. (`generate` without `isLive` makes test merchants.)
  package static func generate(milliseconds: Int64, random: UInt128, isLive: Bool) -> MerchantID {
    let test = generate(milliseconds: milliseconds, random: random)
    return isLive ? MerchantID(bits: test.bits | 1) : test
  }
}
