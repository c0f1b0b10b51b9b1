/// How money was paid, as far as the forecast tells it apart: gateways pay out what was debited from
/// bank accounts later than what was charged to cards.
///
/// The word of whoever posted it (`TransactionMetadata.paymentMethodKey`). A closed list, so that nobody
/// makes a forecast of each of a thousand words.
package enum PaidMethod: String, Sendable, Hashable, CaseIterable, Comparable {
  case card
  case sepaDebit = "sepa_debit"
  /// Nobody said, or something else.
  case unknown

  /// The words that are told apart.
  package static let words = allCases.filter { $0 != .unknown }.map(\.rawValue)

  package static func < (left: PaidMethod, right: PaidMethod) -> Bool {
    left.rawValue < right.rawValue
  }
}
