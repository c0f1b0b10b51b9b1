package import Money
import Seal

/// The commands by which reconciliation books: what a report proves, and what people have decided.
package enum ReconCommands {
  /// The movement of a line. Its id is among those that matching asks for.
  ///
  /// - Parameters:
  ///   - name: what the movement is called (`MovementName`).
  ///   - reference: the gateway's id of the movement, the line's first.
  /// - Returns: nil for an amount that cannot be booked and without a reference.
  package static func line(
    _ template: LineTemplate,
    _ amount: Amount,
    name: String,
    reference: String,
    on day: CivilDate,
    of merchant: MerchantID,
    at account: GatewayAccount
  ) -> PostingCommand? {
    guard let entries = template.entries(amount, at: account) else { return nil }
    return movement(
      template.kind(of: amount),
      entries,
      name: name,
      reference: reference,
      on: day,
      of: merchant,
      at: account
    )
  }

  /// The fee within a line, which is a movement of its own under that line's name.
  ///
  /// - Parameters:
  ///   - fee: taken from us positive.
  ///   - subject: of the transaction that the line is about, so that they are found together.
  package static func fee(
    _ fee: Amount,
    name: String,
    reference: String,
    on day: CivilDate,
    of merchant: MerchantID,
    subject: String,
    at account: GatewayAccount
  ) -> PostingCommand? {
    guard let amount = try? fee.negated(),
      let entries = LineTemplate.fee.entries(amount, at: account)
    else { return nil }
    return movement(
      .fee,
      entries,
      name: name,
      reference: reference,
      on: day,
      of: merchant,
      subject: subject,
      at: account
    )
  }

  private static func movement(
    _ kind: PostingKind,
    _ entries: [PostingEntry],
    name: String,
    reference: String,
    on day: CivilDate,
    of merchant: MerchantID,
    subject: String = "",
    at account: GatewayAccount
  ) -> PostingCommand? {
    guard !reference.isEmpty else { return nil }
    let movement = Movement(account: account, kind: kind, source: .gatewayMovement(name))
    return command(
      movement,
      entries,
      at: Timestamp(seconds: Int64(day.daysSince1970) * 86_400),
      of: merchant,
      subject: subject,
      reference: reference,
      isFact: true
    )
  }

  /// A difference that people settle: on the clearing account, against adjustments or write-offs.
  ///
  /// - Parameters:
  ///   - amount: what was reported less what was booked.
  ///   - decision: what they have decided, as an id of ours: it is booked once.
  package static func settlement(
    _ kind: SettlementKind,
    _ amount: Amount,
    decision: String,
    at time: Timestamp,
    of merchant: MerchantID,
    reference: String,
    at account: GatewayAccount
  ) -> PostingCommand? {
    guard let entries = LineTemplate.entries(kind.postingKind, amount, at: account) else {
      return nil
    }
    let movement = Movement(
      account: account,
      kind: kind.postingKind,
      source: .operation(decision)
    )
    return command(
      movement,
      entries,
      at: time,
      of: merchant,
      subject: "",
      reference: reference,
      // A decision, not what a gateway did: it may be refused.
      isFact: false
    )
  }

  private static func command(
    _ movement: Movement,
    _ entries: [PostingEntry],
    at time: Timestamp,
    of merchant: MerchantID,
    subject: String,
    reference: String,
    isFact: Bool
  ) -> PostingCommand? {
    guard
      let id = LedgerTransactionID(bytes: SHA256.hash(movement.canonicalText).prefix(16))
    else { return nil }
    return PostingCommand(
      id: id,
      merchant: merchant,
      kind: movement.kind.rawValue,
      entries: entries,
      effectiveAtMicroseconds: time.microseconds,
      subject: subject,
      externalReference: reference,
      recordsFact: isFact
    )
  }
}

/// How people end a difference that nothing will ever answer. The raw values are those of SQL.
package enum SettlementKind: String, Sendable, Hashable, CaseIterable {
  case adjustment
  /// Given up, by two people.
  case writeOff = "write_off"

  var postingKind: PostingKind {
    switch self {
    case .adjustment: .adjustment
    case .writeOff: .writeOff
    }
  }
}

/// Whose movements of their own an account's fees and payouts are.
package struct ReconMerchants: Sendable, Hashable {
  package static let accountsMax = 200

  private var merchants: [ReconBook: MerchantID] = [:]

  package struct Mistake: Error, Sendable, Hashable {
    package let part: String
  }

  package init() {}

  /// `stripe acct_1 mt_…; stripe acct_1 ml_…`: gateway, account and merchant; the merchant says whether
  /// it is of the live books or of the test ones.
  package init(parsing text: String) throws(Mistake) {
    for part in text.split(separator: ";") {
      let words = part.split(separator: " ").map(String.init)
      if words.isEmpty { continue }
      guard words.count == 3, let merchant = MerchantID(words[2]),
        merchants.count < Self.accountsMax
      else { throw Mistake(part: String(part)) }
      let book = ReconBook(
        GatewayAccount(gateway: words[0], account: words[1]),
        isLive: merchant.isLive
      )
      guard merchants.updateValue(merchant, forKey: book) == nil else {
        throw Mistake(part: String(part))
      }
    }
  }

  /// The one that was named; otherwise the only one that the books know there; nil: nobody knows.
  package func owner(of book: ReconBook, known: [MerchantID]) -> MerchantID? {
    if let named = merchants[book] { return named }
    return known.count == 1 ? known.first : nil
  }
}
