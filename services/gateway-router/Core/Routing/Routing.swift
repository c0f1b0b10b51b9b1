package import Money

/// A gateway with the merchant's account there.
package struct GatewayAccount: Sendable, Hashable, CustomStringConvertible {
  package var gateway: GatewayName
  package var account: String

  package init(gateway: GatewayName, account: String) {
    self.gateway = gateway
    self.account = account
  }

  package var description: String { "\(gateway):\(account)" }
}

package enum MethodType: String, Sendable, Hashable, CaseIterable {
  case card
  case sepaDebit = "sepa_debit"

  /// A hold without a capture exists; without it a second gateway is impossible.
  package var separatesCapture: Bool { self == .card }
}

/// What a route depends on.
package struct RouteRequest: Sendable, Hashable {
  package var amount: Amount
  /// ISO 3166 alpha-2 of the issuer, if known.
  package var country: String?
  package var method: MethodType
  /// "visa", "mastercard"..., if known.
  package var brand: String?
  package var merchantID: MerchantID

  package init(
    amount: Amount,
    country: String?,
    method: MethodType,
    brand: String?,
    merchantID: MerchantID
  ) {
    self.amount = amount
    self.country = country
    self.method = method
    self.brand = brand
    self.merchantID = merchantID
  }
}

/// One rule: all conditions that are set must hold.
package struct RoutingRule: Sendable, Hashable {
  package var name: String
  /// Minor units; only with `currencies`, or amounts of different currencies would compare.
  package var amountMinor: ClosedRange<Int64>?
  package var currencies: Set<Currency>?
  package var countries: Set<String>?
  package var methods: Set<MethodType>?
  package var brands: Set<String>?
  package var merchants: Set<MerchantID>?
  /// Best first.
  package var priority: [GatewayAccount]

  package init(
    name: String,
    amountMinor: ClosedRange<Int64>? = nil,
    currencies: Set<Currency>? = nil,
    countries: Set<String>? = nil,
    methods: Set<MethodType>? = nil,
    brands: Set<String>? = nil,
    merchants: Set<MerchantID>? = nil,
    priority: [GatewayAccount]
  ) {
    self.name = name
    self.amountMinor = amountMinor
    self.currencies = currencies
    self.countries = countries
    self.methods = methods
    self.brands = brands
    self.merchants = merchants
    self.priority = priority
  }

  package func matches(_ request: RouteRequest) -> Bool {
    func has<T>(_ set: Set<T>?, _ value: T?) -> Bool {
      guard let set else { return true }
      return value.map { set.contains($0) } ?? false
    }
    return has(currencies, request.amount.currency) && has(countries, request.country)
      && has(methods, request.method) && has(brands, request.brand)
      && has(merchants, request.merchantID)
      && amountMinor.map { $0.contains(request.amount.minor) } ?? true
  }
}

/// Versioned rules: the first that matches decides; none: the default order.
package struct RoutingTable: Sendable, Hashable {
  package var version: Int
  package var rules: [RoutingRule]
  package var fallback: [GatewayAccount]

  package init(
    version: Int,
    rules: [RoutingRule],
    fallback: [GatewayAccount]
  ) throws(RoutingTableError) {
    for rule in rules where rule.priority.isEmpty { throw .emptyPriority(rule: rule.name) }
    for rule in rules where rule.amountMinor != nil && rule.currencies?.count != 1 {
      throw .amountWithoutCurrency(rule: rule.name)
    }
    guard !fallback.isEmpty else { throw .emptyFallback }
    self.version = version
    self.rules = rules
    self.fallback = fallback
  }
}

package enum RoutingTableError: Error, Sendable, Hashable {
  case emptyPriority(rule: String)
  /// An amount range needs exactly one currency.
  case amountWithoutCurrency(rule: String)
  case emptyFallback
}

/// Why a gateway is left out now.
package enum RouteSkip: Sendable, Hashable {
  case noToken
  case breakerOpen
  case notExpressible
}

/// The gateways to try, best first, and why.
package struct Route: Sendable, Hashable {
  package var version: Int
  /// The rule's name; "default" for none.
  package var rule: String
  package var candidates: [GatewayAccount]
  package var skipped: [(GatewayAccount, RouteSkip)]
  package var separatesCapture: Bool

  package static func == (left: Route, right: Route) -> Bool {
    left.explanation == right.explanation && left.separatesCapture == right.separatesCapture
  }
  package func hash(into hasher: inout Hasher) { hasher.combine(explanation) }

  /// A second gateway is possible: then every attempt is authorise-only.
  package var allowsSecond: Bool { separatesCapture && Set(candidates.map(\.gateway)).count > 1 }

  /// How the attempt at any candidate captures, for an operation that captures so.
  package func mode(_ method: Operation.CaptureMethod) -> Attempt.Mode {
    guard separatesCapture else { return .charge }
    let confirms = candidates.allSatisfy(\.gateway.traits.confirmsCharge)
    return method == .manual || allowsSecond || !confirms ? .authorizeOnly : .charge
  }

  /// For people: "v3 rule eu-cards: stripe:main, adyen:ECOM (skipped ...)".
  package var explanation: String {
    let names = candidates.map(\.description).joined(separator: ", ")
    let left = skipped.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    return "v\(version) rule \(rule): \(names.isEmpty ? "none" : names)"
      + (left.isEmpty ? "" : " (skipped: \(left))")
  }
}

extension RoutingTable {
  /// - Parameter skip: why a gateway cannot be used now; nil if it can.
  package func route(
    _ request: RouteRequest,
    skip: (GatewayAccount) -> RouteSkip?
  ) -> Route {
    let rule = rules.first { $0.matches(request) }
    var route = Route(
      version: version,
      rule: rule?.name ?? "default",
      candidates: [],
      skipped: [],
      separatesCapture: request.method.separatesCapture
    )
    var seen: Set<GatewayAccount> = []
    for gateway in rule?.priority ?? fallback where seen.insert(gateway).inserted {
      if let reason = skip(gateway) {
        route.skipped.append((gateway, reason))
      } else {
        route.candidates.append(gateway)
      }
    }
    return route
  }
}
