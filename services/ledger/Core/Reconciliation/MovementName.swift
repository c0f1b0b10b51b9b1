package import ReportFormats

/// What a movement that a report tells of is called where its id is made: the gateway's own id of it,
/// wherever that names one movement for good.
///
/// What is a name within its batch alone (`ReportKind.referenceScope`) is called by book and batch too: a
/// test account counts its batches like a live one of the same name.
package enum MovementName {
  /// - Parameters:
  ///   - payment: the gateway's id of the line's payment; empty: none.
  ///   - kind: of the report.
  package static func of(
    _ reference: String, payment: String, batch: String, in book: ReconBook, _ kind: ReportKind
  ) -> String {
    guard kind.referenceScope(payment: payment) == .batch, !reference.isEmpty else {
      return reference
    }
    return "\(book.isLive ? "live" : "test") \(batch) \(reference)"
  }
}
