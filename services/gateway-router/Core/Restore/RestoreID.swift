package import Money

package enum RestoreKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "rst" }
}
/// One restore of the database.
package typealias RestoreID = EntityID<RestoreKind>
