import Money

/// Versioned rules: the first that matches decides; none: the default order. Made of a document that
/// was checked, or of the settings' order.
package struct RoutingTable: Sendable, Hashable {
  /// 0 is the settings' order.
  package let version: Int
  package let rules: [RoutingRule]
  package let fallback: [GatewayAccount]
  package let fees: FeeSchedule

  package init(version: Int, _ document: RoutingDocument) {
    self.version = version
    rules = document.rules
    fallback = document.fallback
    fees = document.fees
  }

  /// nil for an empty order.
  package init?(settingsOrder: [GatewayAccount]) {
    guard !settingsOrder.isEmpty else { return nil }
    version = 0
    rules = []
    fallback = settingsOrder
    fees = FeeSchedule()
  }

  private init(_ other: RoutingTable, rules: [RoutingRule]) {
    version = other.version
    fallback = other.fallback
    fees = other.fees
    self.rules = rules
  }

  /// The same table with other forms of its rules.
  func replacing(_ rule: (RoutingRule) -> RoutingRule) -> RoutingTable {
    RoutingTable(self, rules: rules.map(rule))
  }
}

/// Why a gateway is left out now. The text is that of contracts and SQL.
package enum RouteSkip: String, Sendable, Hashable, CaseIterable {
  case noToken = "no_token"
  case breakerOpen = "breaker_open"
  case atLimit = "at_limit"
  case forcedOpen = "forced_open"
}

/// What made the order of a route. The text is that of contracts and SQL.
package enum RouteReason: String, Sendable, Hashable {
  case given
  case split
  case successRate = "success_rate"
  case explored
  case cost
}

/// The gateways to try, best first, and why.
package struct Route: Sendable, Hashable {
  package struct Skipped: Sendable, Hashable {
    package var account: GatewayAccount
    package var reason: RouteSkip
  }

  package var version: Int
  /// The rule's name; "default" for none.
  package var rule: String
  package var reason: RouteReason
  package var candidates: [GatewayAccount]
  package var skipped: [Skipped]
  package var separatesCapture: Bool

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
    let left = skipped.map { "\($0.account) \($0.reason.rawValue)" }.joined(separator: ", ")
    return "v\(version) rule \(rule)\(reason == .given ? "" : " by \(reason.rawValue)"): "
      + (names.isEmpty ? "none" : names) + (left.isEmpty ? "" : " (skipped: \(left))")
  }
}

extension RoutingTable {
  /// The name of what no rule matches.
  package static let fallbackName = "default"
  /// Success rates within so many thousandths count as equal.
  static let rateStepPermille = 20

  package func rule(for request: RouteRequest) -> RoutingRule? {
    rules.first { $0.conditions.match(request) }
  }

  /// - Parameters:
  ///   - permille: an account's success rate; nil while too little is known, which counts as full.
  ///   - skip: why a gateway cannot be used now; nil if it can.
  package func route(
    _ request: RouteRequest,
    permille: (GatewayAccount) -> Int? = { _ in nil },
    skip: (GatewayAccount) -> RouteSkip?
  ) -> Route {
    let rule = rule(for: request)
    var route = Route(
      version: version,
      rule: rule?.name ?? Self.fallbackName,
      reason: .given,
      candidates: [],
      skipped: [],
      separatesCapture: request.method.separatesCapture
    )
    let targets = rule?.targets ?? .priority(fallback)
    let (accounts, reason) = Self.draw(targets, request, rule?.name ?? Self.fallbackName)
    route.reason = reason
    var seen: Set<GatewayAccount> = []
    for account in accounts where seen.insert(account).inserted {
      if let reason = skip(account) {
        route.skipped.append(Route.Skipped(account: account, reason: reason))
      } else {
        route.candidates.append(account)
      }
    }
    if let rule { order(&route, by: rule, request, permille) }
    return route
  }

  /// The drawn share first, then the others, the largest first.
  private static func draw(
    _ targets: RoutingTargets, _ request: RouteRequest, _ name: String
  ) -> ([GatewayAccount], RouteReason) {
    guard case .split(let shares) = targets else { return (targets.accounts, .given) }
    var left = request.draw("split " + name)
    var drawn = shares[0].account
    for share in shares {
      drawn = share.account
      left -= share.percent
      if left < 0 { break }
    }
    let others = shares.enumerated().filter { $0.element.account != drawn }
      .sorted { ($1.element.percent, $0.offset) < ($0.element.percent, $1.offset) }
      .map(\.element.account)
    return ([drawn] + others, .split)
  }

  private func order(
    _ route: inout Route, by rule: RoutingRule, _ request: RouteRequest,
    _ permille: (GatewayAccount) -> Int?
  ) {
    let accounts = route.candidates
    guard accounts.count > 1 else { return }
    func fee(_ account: GatewayAccount) -> Int64 {
      fees.minor(of: request.amount, request.method, at: account) ?? .max
    }
    let sorted: [(offset: Int, element: GatewayAccount)]
    switch rule.order {
    case .given: return
    case .successRate(let explorePercent):
      if request.draw("explore " + rule.name) < explorePercent {
        let first = request.draw("explored " + rule.name) * accounts.count / 100
        route.candidates.swapAt(0, first)
        route.reason = .explored
        return
      }
      func step(_ account: GatewayAccount) -> Int {
        -((permille(account) ?? 1_000) / Self.rateStepPermille)
      }
      sorted = accounts.enumerated().sorted {
        (step($0.element), fee($0.element), $0.offset)
          < (step($1.element), fee($1.element), $1.offset)
      }
      route.reason = .successRate
    case .cost:
      sorted = accounts.enumerated().sorted {
        (fee($0.element), $0.offset) < (fee($1.element), $1.offset)
      }
      route.reason = .cost
    }
    route.candidates = sorted.map(\.element)
  }
}
