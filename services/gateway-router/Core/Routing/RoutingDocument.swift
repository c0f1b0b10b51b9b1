import Money

/// Rules as people write them, checked: JSON of the form that services/gateway-router/README.md
/// describes. Exists only without findings.
package struct RoutingDocument: Sendable, Hashable {
  package let rules: [RoutingRule]
  package let fallback: [GatewayAccount]
  package let fees: FeeSchedule

  /// - Parameter accounts: those there are; a gateway alone names its one account.
  package init(_ text: String, accounts: [GatewayAccount]) throws(RoutingFindings) {
    var reader = RoutingReader(accounts: accounts)
    reader.read(text)
    if let findings = RoutingFindings(reader.findings) { throw findings }
    rules = reader.rules
    fallback = reader.fallback
    fees = reader.fees
  }
}

/// Reads the parts of a document and collects what is wrong with each.
struct RoutingReader {
  let accounts: [GatewayAccount]
  private(set) var findings: [RoutingFinding] = []
  private(set) var rules: [RoutingRule] = []
  private(set) var fallback: [GatewayAccount] = []
  private(set) var fees = FeeSchedule()
  /// What the findings are about just now.
  var rule = ""

  init(accounts: [GatewayAccount]) { self.accounts = accounts }

  mutating func find(_ reason: RoutingFinding.Reason, _ field: String, _ message: String) {
    findings.append(RoutingFinding(reason, rule: rule, field: field, message))
  }

  mutating func read(_ text: String) {
    guard text.utf8.count <= RoutingLimits.documentBytesMax else {
      return find(
        .documentTooLarge, "",
        "The document is longer than \(RoutingLimits.documentBytesMax) bytes: merge rules.")
    }
    do throws(RoutingJSON.Failure) {
      read(try RoutingJSON.parse(text))
    } catch {
      let reason: RoutingFinding.Reason =
        switch error.kind {
        case .malformed: .notJSON
        case .tooDeep: .tooDeep
        case .repeatedKey: .fieldRepeated
        case .controlCharacter: .textInvalid
        }
      find(reason, "", "Line \(error.line), column \(error.column): \(error.what).")
    }
  }

  private mutating func read(_ json: RoutingJSON) {
    guard let fields = object(json, "", ["rules", "default", "fees"]) else { return }
    if let value = required(fields, "rules", ""),
      let list = list(value, "rules", max: RoutingLimits.rulesMax)
    {
      var names: Set<String> = []
      for (index, value) in list.enumerated() { read(rule: value, "rules[\(index)]", &names) }
    }
    rule = ""
    if let value = required(fields, "default", "") {
      fallback = targets(value, "default", orElse: .defaultEmpty)
    }
    if let value = fields["fees"], let list = list(value, "fees", max: RoutingLimits.feesMax) {
      for (index, value) in list.enumerated() { read(fee: value, "fees[\(index)]") }
    }
    if findings.isEmpty { findShadowed() }
  }

  // MARK: Rules

  private mutating func read(rule value: RoutingJSON, _ field: String, _ names: inout Set<String>) {
    rule = ""
    let known: Set = ["name", "when", "priority", "split", "order", "explorePercent"]
    guard let fields = object(value, field, known) else { return }
    guard let name = required(fields, "name", field).flatMap({ text($0, field + ".name") }) else {
      return
    }
    guard isName(name) else {
      return find(
        .nameInvalid, field + ".name",
        "A name is 1 to \(RoutingLimits.nameLengthMax) of a-z, 0-9 and -, and not `default`.")
    }
    rule = name
    if !names.insert(name).inserted {
      find(.nameRepeated, field + ".name", "Another rule has this name: choose a new one.")
    }
    let conditions = fields["when"].map { self.conditions($0, field + ".when") }
    let order = self.order(fields, field)
    guard let targets = targets(of: fields, field) else { return }
    rules.append(
      RoutingRule(
        name: name, conditions ?? RoutingConditions(), targets: targets, order: order))
  }

  private func isName(_ name: String) -> Bool {
    (1...RoutingLimits.nameLengthMax).contains(name.utf8.count)
      && name != RoutingTable.fallbackName
      && name.utf8.allSatisfy {
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
      }
  }

  private mutating func targets(
    of fields: [String: RoutingJSON], _ field: String
  ) -> RoutingTargets? {
    switch (fields["priority"], fields["split"]) {
    case (let value?, nil):
      return .priority(targets(value, field + ".priority", orElse: .priorityEmpty))
    case (nil, let value?): return split(value, field + ".split").map { .split($0) }
    case (nil, nil), (_?, _?):
      find(.targetsAmbiguous, field, "Say either `priority` or `split`.")
      return nil
    }
  }

  private mutating func targets(
    _ value: RoutingJSON, _ field: String, orElse empty: RoutingFinding.Reason
  ) -> [GatewayAccount] {
    guard let list = list(value, field, max: RoutingLimits.targetsMax) else { return [] }
    if list.isEmpty { find(empty, field, "Name at least one gateway.") }
    var named: [GatewayAccount] = []
    for (index, value) in list.enumerated() {
      guard let account = account(value, "\(field)[\(index)]") else { continue }
      if named.contains(account) {
        find(.accountRepeated, "\(field)[\(index)]", "The account is named before.")
      }
      named.append(account)
    }
    return named
  }

  private mutating func split(
    _ value: RoutingJSON, _ field: String
  ) -> [RoutingTargets.Share]? {
    guard let list = list(value, field, max: RoutingLimits.targetsMax) else { return nil }
    var shares: [RoutingTargets.Share] = []
    var sum = 0
    for (index, value) in list.enumerated() {
      let place = "\(field)[\(index)]"
      guard let fields = object(value, place, ["to", "percent"]) else { return nil }
      let target = required(fields, "to", place)
      let percent = required(fields, "percent", place).flatMap { integer($0, place + ".percent") }
      guard let target, let percent else { return nil }
      guard let account = account(target, place + ".to") else { return nil }
      guard (1...100).contains(percent) else {
        find(.percentInvalid, place + ".percent", "A share is 1 to 100 percent.")
        return nil
      }
      if shares.contains(where: { $0.account == account }) {
        find(.accountRepeated, place + ".to", "The account is named before.")
      }
      sum += Int(percent)
      shares.append(RoutingTargets.Share(account: account, percent: Int(percent)))
    }
    guard sum == 100 else {
      find(.splitSum, field, "The shares sum up to \(sum) percent: make it 100.")
      return nil
    }
    return shares
  }

  private mutating func order(_ fields: [String: RoutingJSON], _ field: String) -> RoutingOrder {
    let name = fields["order"].flatMap { text($0, field + ".order") } ?? "given"
    let percent = fields["explorePercent"].flatMap { integer($0, field + ".explorePercent") }
    if let percent, !(0...50).contains(percent) {
      find(.percentInvalid, field + ".explorePercent", "Explore 0 to 50 percent.")
    }
    if fields["explorePercent"] != nil, name != "success_rate" {
      find(.exploreMisplaced, field + ".explorePercent", "Only `success_rate` explores.")
    }
    switch name {
    case "given": return .given
    case "success_rate": return .successRate(explorePercent: Int(clamping: percent ?? 5))
    case "cost": return .cost
    default:
      find(.orderUnknown, field + ".order", "An order is `given`, `success_rate` or `cost`.")
      return .given
    }
  }

  /// A rule that an earlier one leaves nothing to, or earlier ones together by their amounts.
  private mutating func findShadowed() {
    for (index, later) in rules.enumerated() {
      let wanted = later.conditions.amountMinor ?? 0...RoutingLimits.amountMinorMax
      let earlier = rules[..<index].filter { $0.conditions.coverExceptAmount(later.conditions) }
      let ranges = earlier.map { rule in
        (rule.name, rule.conditions.amountMinor ?? 0...Int64.max)
      }.sorted { $0.1.lowerBound < $1.1.lowerBound }
      var next = wanted.lowerBound
      var names: [String] = []
      for (name, range) in ranges where next <= wanted.upperBound && range.lowerBound <= next {
        guard range.upperBound >= next else { continue }
        names.append(name)
        next = range.upperBound == .max ? .max : range.upperBound + 1
      }
      guard next > wanted.upperBound else { continue }
      rule = later.name
      find(
        .ruleShadowed, "rules[\(index)]",
        "Nothing reaches this rule: \(names.joined(separator: ", ")) "
          + "\(names.count == 1 ? "comes" : "come") first. Move it up or take it out.")
    }
    rule = ""
  }

  // MARK: Fees

  private mutating func read(fee value: RoutingJSON, _ field: String) {
    let known: Set = ["gateway", "method", "currency", "basisPoints", "fixedMinor"]
    guard let fields = object(value, field, known) else { return }
    let place = required(fields, "gateway", field).flatMap { account($0, field + ".gateway") }
    let method = required(fields, "method", field).flatMap { self.method($0, field + ".method") }
    let currency = required(fields, "currency", field)
      .flatMap { self.currency($0, field + ".currency") }
    let points = required(fields, "basisPoints", field)
      .flatMap { integer($0, field + ".basisPoints") }
    let fixed = required(fields, "fixedMinor", field)
      .flatMap { integer($0, field + ".fixedMinor") }
    guard let place, let method, let currency, let points, let fixed else { return }
    guard (0...10_000).contains(points), (0...1_000_000).contains(fixed) else {
      return find(
        .feeInvalid, field, "A fee is 0 to 10,000 basis points and 0 to 1,000,000 minor units.")
    }
    let key = FeeSchedule.Key(account: place, method: method, currency: currency)
    if fees.fees.updateValue(.init(basisPoints: points, fixedMinor: fixed), forKey: key) != nil {
      find(.feeRepeated, field, "Another fee has the same gateway, method and currency.")
    }
  }
}
