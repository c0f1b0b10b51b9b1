package import Money

/// What a rule asks of a payment: all conditions that are set must hold.
package struct RoutingConditions: Sendable, Hashable {
  /// Minor units; only with exactly one currency, or amounts of different ones would compare.
  package var amountMinor: ClosedRange<Int64>?
  package var currencies: Set<Currency>?
  package var countries: Set<String>?
  package var methods: Set<MethodType>?
  package var brands: Set<String>?
  package var merchants: Set<MerchantID>?

  package init(
    amountMinor: ClosedRange<Int64>? = nil,
    currencies: Set<Currency>? = nil,
    countries: Set<String>? = nil,
    methods: Set<MethodType>? = nil,
    brands: Set<String>? = nil,
    merchants: Set<MerchantID>? = nil
  ) {
    self.amountMinor = amountMinor
    self.currencies = currencies
    self.countries = countries
    self.methods = methods
    self.brands = brands
    self.merchants = merchants
  }

  package func match(_ request: RouteRequest) -> Bool {
    func has<T>(_ set: Set<T>?, _ value: T?) -> Bool {
      guard let set else { return true }
      return value.map { set.contains($0) } ?? false
    }
    return has(currencies, request.amount.currency) && has(countries, request.country)
      && has(methods, request.method) && has(brands, request.brand)
      && has(merchants, request.merchantID)
      && amountMinor.map { $0.contains(request.amount.minor) } ?? true
  }

  /// Whatever the other conditions match, these match too, amounts left aside.
  func coverExceptAmount(_ other: RoutingConditions) -> Bool {
    func covers<T>(_ mine: Set<T>?, _ theirs: Set<T>?) -> Bool {
      guard let mine else { return true }
      return theirs.map { mine.isSuperset(of: $0) } ?? false
    }
    let methods = methods?.count == MethodType.allCases.count ? nil : methods
    return covers(currencies, other.currencies) && covers(countries, other.countries)
      && covers(methods, other.methods) && covers(brands, other.brands)
      && covers(merchants, other.merchants)
  }
}

/// Where a rule sends its payments.
package enum RoutingTargets: Sendable, Hashable {
  /// Best first.
  case priority([GatewayAccount])
  /// Percent of the payments whose first gateway it is; together 100.
  case split([Share])

  package struct Share: Sendable, Hashable {
    package var account: GatewayAccount
    package var percent: Int

    package init(account: GatewayAccount, percent: Int) {
      self.account = account
      self.percent = percent
    }
  }

  package var accounts: [GatewayAccount] {
    switch self {
    case .priority(let accounts): accounts
    case .split(let shares): shares.map(\.account)
    }
  }
}

/// What may change the order of a rule's targets.
package enum RoutingOrder: Sendable, Hashable {
  case given
  /// The better success rate first, steps of 2 percentage points; equal ones by fee. So many percent
  /// of the payments go to a random gateway first, or nobody would learn of the others.
  case successRate(explorePercent: Int)
  /// The lower fee first; what has no fee comes last.
  case cost
}

package struct RoutingRule: Sendable, Hashable {
  package var name: String
  package var conditions: RoutingConditions
  package var targets: RoutingTargets
  package var order: RoutingOrder

  package init(
    name: String,
    _ conditions: RoutingConditions = RoutingConditions(),
    targets: RoutingTargets,
    order: RoutingOrder = .given
  ) {
    self.name = name
    self.conditions = conditions
    self.targets = targets
    self.order = order
  }
}

/// Fees as data: percent and a fixed part for a gateway account, method and currency.
package struct FeeSchedule: Sendable, Hashable {
  package struct Key: Sendable, Hashable {
    package var account: GatewayAccount
    package var method: MethodType
    package var currency: Currency

    package init(account: GatewayAccount, method: MethodType, currency: Currency) {
      self.account = account
      self.method = method
      self.currency = currency
    }
  }

  package struct Fee: Sendable, Hashable {
    /// Hundredths of a percent.
    package var basisPoints: Int64
    package var fixedMinor: Int64

    package init(basisPoints: Int64, fixedMinor: Int64) {
      self.basisPoints = basisPoints
      self.fixedMinor = fixedMinor
    }
  }

  package var fees: [Key: Fee]

  package init(_ fees: [Key: Fee] = [:]) { self.fees = fees }

  /// Minor units, half a unit up; nil where the schedule says nothing, or the sum overflows.
  package func minor(of amount: Amount, _ method: MethodType, at account: GatewayAccount) -> Int64? {
    guard
      let fee = fees[Key(account: account, method: method, currency: amount.currency)]
    else { return nil }
    let (product, overflows) = amount.minor.multipliedReportingOverflow(by: fee.basisPoints)
    guard !overflows, product <= Int64.max - 5_000 else { return nil }
    let (sum, isTooLarge) = ((product + 5_000) / 10_000).addingReportingOverflow(fee.fixedMinor)
    return isTooLarge ? nil : sum
  }
}
