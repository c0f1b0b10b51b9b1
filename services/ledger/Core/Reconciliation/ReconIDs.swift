package import Money

package enum ReconFileKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rf" }
}
/// A gateway's report that was imported.
package typealias ReconFileID = EntityID<ReconFileKind>

package enum ReconRunKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rr" }
}
/// One comparison of the books with the reports of an account at a gateway.
package typealias ReconRunID = EntityID<ReconRunKind>

package enum ReconBreakKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rb" }
}
/// Something that books and reports do not say alike.
package typealias ReconBreakID = EntityID<ReconBreakKind>

package enum WriteOffKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rw" }
}
/// A proposal to give a difference up.
package typealias WriteOffID = EntityID<WriteOffKind>
