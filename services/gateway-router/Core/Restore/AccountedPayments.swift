package import Money
package import ReportFormats

/// The payments that a payment accounting report names by our reference: at a gateway without a
/// list the only way to see what a restored database does not know.
package struct AccountedPayments: Sendable, Hashable {
  package struct Entry: Sendable, Hashable {
    /// The gateway's id.
    package var paymentReference: String
    package var amount: Amount
    package var types: Set<ReportRowType>
  }

  /// More than this of one report: people compare it themselves.
  package static let countMax = 500_000

  package private(set) var entries: [AttemptID: Entry] = [:]
  package private(set) var isCut = false

  package init() {}

  package mutating func add(_ row: ReportRow) {
    guard let own = GatewayReference(row.ownReference), own.kind == .authorize,
      let attempt = own.attemptID
    else { return }
    guard entries[attempt] != nil || entries.count < Self.countMax else {
      isCut = true
      return
    }
    let amount = Amount(row.gross.currency, minor: Int64(clamping: row.gross.minor.magnitude))
    entries[
      attempt,
      default: Entry(paymentReference: row.paymentReference, amount: amount, types: [])
    ].types.insert(row.type)
  }

  /// What holds or has moved money, as far as this report says; refusals do neither.
  package var holding: [AttemptID: Entry] {
    entries.filter { !$0.value.types.isSubset(of: [.received, .refused]) }
  }
}
