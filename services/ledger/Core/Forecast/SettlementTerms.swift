package import Money

/// When a gateway pays out what it holds in one currency, by contract.
package struct SettlementTerms: Sendable, Hashable {
  package static let lagDaysMax = 60

  package var calendar: BusinessCalendar
  /// Business days from the day of a movement to its payout.
  package var lagDays: Int
  /// Minutes of the day in UTC, 1 to 1,440: what moves from then on is of the next day.
  package var cutOffMinute: Int

  package init(
    calendar: BusinessCalendar,
    lagDays: Int,
    cutOffMinute: Int = SettlementContracts.midnight
  ) {
    self.calendar = calendar
    self.lagDays = lagDays
    self.cutOffMinute = cutOffMinute
  }
}

/// What was agreed with the gateways, and what holds where nothing is named.
package struct SettlementContracts: Sendable, Hashable {
  package static let contractsMax = 200
  package static let midnight = 1_440

  private struct Key: Sendable, Hashable {
    var account: GatewayAccount
    var currency: Currency
  }

  /// Why a text is no list of contracts; the part is what is wrong.
  package struct Mistake: Error, Sendable, Hashable {
    package let part: String
  }

  private var terms: [Key: SettlementTerms] = [:]

  package init() {}

  /// `stripe acct_1 USD federal 2 24:00; adyen * EUR target2 1 21:00`: gateway, account or `*`,
  /// currency, calendar, business days and the cut-off in UTC.
  package init(parsing text: String) throws(Mistake) {
    for part in text.split(separator: ";") {
      let words = part.split(separator: " ").map(String.init)
      if words.isEmpty { continue }
      guard words.count == 6, let currency = Currency(words[2]),
        let calendar = BusinessCalendar(rawValue: words[3]), let lagDays = Int(words[4]),
        (0...SettlementTerms.lagDaysMax).contains(lagDays),
        let cutOff = Self.minute(words[5]), terms.count < Self.contractsMax,
        terms.updateValue(
          SettlementTerms(calendar: calendar, lagDays: lagDays, cutOffMinute: cutOff),
          forKey: Key(
            account: GatewayAccount(gateway: words[0], account: words[1]),
            currency: currency
          )
        ) == nil
      else { throw Mistake(part: String(part)) }
    }
  }

  /// The account's own, then its gateway's, then what is usual: Stripe pays US dollars on the
  /// second business day, anything else is taken for three.
  package func terms(of account: GatewayAccount, _ currency: Currency) -> SettlementTerms {
    let anyOf = GatewayAccount(gateway: account.gateway, account: "*")
    if let named = terms[Key(account: account, currency: currency)]
      ?? terms[Key(account: anyOf, currency: currency)]
    {
      return named
    }
    return SettlementTerms(
      calendar: .usual(currency),
      lagDays: account.gateway == "stripe" && currency == .usd ? 2 : 3
    )
  }

  /// 00:01 to 24:00.
  private static func minute(_ text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = Int(parts[0]),
      let minute = Int(parts[1]), (0...24).contains(hour), (0...59).contains(minute)
    else { return nil }
    let sum = hour * 60 + minute
    return (1...midnight).contains(sum) ? sum : nil
  }
}
