package import Money
package import Wire

extension Timestamp {
  /// As it stands in contracts.
  package var wire: GoogleProtobuf.Timestamp { GoogleProtobuf.Timestamp(self) }

  package init(wire: GoogleProtobuf.Timestamp) { self.init(wire) }
}
