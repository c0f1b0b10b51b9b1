package import Money

/// What a version would have done to payments, beside another one. Pure: whoever reads the payments
/// adds them.
package struct Backtest: Sendable, Hashable {
  package struct Rule: Sendable, Hashable {
    package var name: String
    package var payments = 0
    package var moved = 0
    /// First choices; nil where no gateway could be used.
    package var shares: [GatewayAccount?: Int] = [:]
  }

  package struct Fees: Sendable, Hashable {
    package var payments = 0
    package var draft: Int64 = 0
    package var against: Int64 = 0
  }

  private let draft: RoutingTable
  private let against: RoutingTable
  /// In the draft's order, what no rule matches last.
  package private(set) var rules: [Rule]
  package private(set) var fees: [Currency: Fees] = [:]
  package private(set) var payments = 0
  package private(set) var moved = 0
  package private(set) var withoutFees = 0
  /// Rules by success rate are run in their own order: the rates of then are not kept.
  package private(set) var orderedBySuccess = 0
  private let places: [String: Int]

  package init(_ draft: RoutingTable, against: RoutingTable) {
    self.draft = Self.withoutRates(draft)
    self.against = Self.withoutRates(against)
    rules = (draft.rules.map(\.name) + [RoutingTable.fallbackName]).map { Rule(name: $0) }
    places = Dictionary(uniqueKeysWithValues: rules.enumerated().map { ($1.name, $0) })
    bySuccess = Set(
      draft.rules.filter { if case .successRate = $0.order { true } else { false } }.map(\.name))
  }

  private let bySuccess: Set<String>

  private static func withoutRates(_ table: RoutingTable) -> RoutingTable {
    table.replacing { rule in
      guard case .successRate = rule.order else { return rule }
      var rule = rule
      rule.order = .given
      return rule
    }
  }

  /// - Parameter gateways: those at which the payment method had a reference.
  package mutating func add(_ request: RouteRequest, gateways: Set<GatewayName>) {
    func route(_ table: RoutingTable) -> Route {
      table.route(request) { gateways.contains($0.gateway) ? nil : .noToken }
    }
    let (new, old) = (route(draft), route(against))
    let (here, there) = (new.candidates.first, old.candidates.first)
    let place = places[new.rule] ?? rules.count - 1
    payments += 1
    rules[place].payments += 1
    rules[place].shares[here, default: 0] += 1
    if bySuccess.contains(new.rule) { orderedBySuccess += 1 }
    if here != there {
      moved += 1
      rules[place].moved += 1
    }
    guard let newFee = fee(request, here), let oldFee = fee(request, there) else {
      withoutFees += 1
      return
    }
    var sum = fees[request.amount.currency] ?? Fees()
    let (draftSum, draftOverflows) = sum.draft.addingReportingOverflow(newFee)
    let (otherSum, otherOverflows) = sum.against.addingReportingOverflow(oldFee)
    guard !draftOverflows, !otherOverflows else {
      withoutFees += 1
      return
    }
    sum.payments += 1
    sum.draft = draftSum
    sum.against = otherSum
    fees[request.amount.currency] = sum
  }

  /// By the draft's schedule for both: what differs is where they go.
  private func fee(_ request: RouteRequest, _ account: GatewayAccount?) -> Int64? {
    account.flatMap { draft.fees.minor(of: request.amount, request.method, at: $0) }
  }
}
