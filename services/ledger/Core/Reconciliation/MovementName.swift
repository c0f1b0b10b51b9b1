/// What a movement that a report tells of is called where its id is made: the gateway's own id of it,
/// wherever that names one movement for good.
///
/// Adyen's lines without a payment have a text instead ("Transaction Fees November 2026", in each
/// settlement of the month), and its payouts the number of their batch, which a test account counts
/// like a live one of the same name. They are named by book and batch too.
package enum MovementName {
  /// - Parameter payment: the gateway's id of the line's payment; empty: none.
  package static func of(
    _ reference: String, payment: String, batch: String, in book: ReconBook
  ) -> String {
    guard book.account.gateway == "adyen", payment.isEmpty, !reference.isEmpty else {
      return reference
    }
    return "\(book.isLive ? "live" : "test") \(batch) \(reference)"
  }
}
