package import Money

package enum ResolutionKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rs" }
}
/// A proposal of what people have seen at a gateway.
package typealias ResolutionID = EntityID<ResolutionKind>
