import Money

/// Conditions and single values of a document.
extension RoutingReader {
  mutating func conditions(_ json: RoutingJSON, _ field: String) -> RoutingConditions {
    var conditions = RoutingConditions()
    let known: Set = ["amountMinor", "currencies", "countries", "methods", "brands", "merchants"]
    guard let fields = object(json, field, known) else { return conditions }
    conditions.currencies = values(fields, "currencies", field) { $0.currency($1, $2) }
    conditions.countries = values(fields, "countries", field) { $0.country($1, $2) }
    conditions.methods = values(fields, "methods", field) { $0.method($1, $2) }
    conditions.brands = values(fields, "brands", field) { $0.brand($1, $2) }
    conditions.merchants = values(fields, "merchants", field) { $0.merchant($1, $2) }
    if let value = fields["amountMinor"] {
      conditions.amountMinor = amounts(value, field + ".amountMinor")
      if conditions.currencies?.count != 1 {
        find(
          .amountWithoutCurrency, field + ".amountMinor",
          "An amount range needs exactly one currency.")
      }
    }
    if conditions.methods == [.sepaDebit] {
      if let currencies = conditions.currencies, !currencies.contains(.eur) {
        find(.conditionsContradict, field + ".currencies", "SEPA debits are in EUR only.")
      }
      if conditions.brands != nil {
        find(.conditionsContradict, field + ".brands", "SEPA debits have no card brand.")
      }
    }
    return conditions
  }

  private mutating func amounts(_ json: RoutingJSON, _ field: String) -> ClosedRange<Int64>? {
    guard let fields = object(json, field, ["from", "to"]) else { return nil }
    let from = fields["from"].map { integer($0, field + ".from") } ?? 0
    let to = fields["to"].map { integer($0, field + ".to") } ?? RoutingLimits.amountMinorMax
    guard let from, let to else { return nil }
    guard from >= 0, to <= RoutingLimits.amountMinorMax, from <= to else {
      find(
        .amountInvalid, field,
        "A range goes from 0 up to \(RoutingLimits.amountMinorMax) minor units, `from` first.")
      return nil
    }
    return from...to
  }

  private mutating func values<Value: Hashable>(
    _ fields: [String: RoutingJSON], _ name: String, _ field: String,
    _ read: (inout RoutingReader, RoutingJSON, String) -> Value?
  ) -> Set<Value>? {
    guard let json = fields[name] else { return nil }
    let place = "\(field).\(name)"
    guard let list = list(json, place, max: RoutingLimits.valuesMax) else { return nil }
    if list.isEmpty { find(.conditionEmpty, place, "It matches nothing: leave it out.") }
    var values: Set<Value> = []
    for (index, json) in list.enumerated() {
      guard let value = read(&self, json, "\(place)[\(index)]") else { continue }
      if !values.insert(value).inserted {
        find(.valueRepeated, "\(place)[\(index)]", "The value stands before.")
      }
    }
    return values
  }

  // MARK: Single values

  mutating func currency(_ json: RoutingJSON, _ field: String) -> Currency? {
    known(text(json, field), Currency.init(_:), .currencyUnknown, field, "EUR, USD, …")
  }

  private mutating func country(_ json: RoutingJSON, _ field: String) -> String? {
    known(
      text(json, field),
      { code in
        code.utf8.count == 2 && code.utf8.allSatisfy { (0x41...0x5A).contains($0) } ? code : nil
      }, .countryUnknown, field, "two capital letters of ISO 3166, such as DE")
  }

  mutating func method(_ json: RoutingJSON, _ field: String) -> MethodType? {
    known(
      text(json, field), MethodType.init(rawValue:), .methodUnknown, field, "card or sepa_debit")
  }

  private mutating func brand(_ json: RoutingJSON, _ field: String) -> String? {
    known(
      text(json, field),
      { brand in
        (1...20).contains(brand.utf8.count)
          && brand.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
          } ? brand : nil
      }, .brandInvalid, field, "visa, mastercard, amex, …: a-z, 0-9 and _")
  }

  private mutating func merchant(_ json: RoutingJSON, _ field: String) -> MerchantID? {
    known(text(json, field), { MerchantID($0) }, .merchantUnknown, field, "mt_… or ml_…")
  }

  /// "stripe:main", or "stripe" where it has one account.
  mutating func account(_ json: RoutingJSON, _ field: String) -> GatewayAccount? {
    guard let text = text(json, field) else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let gateway = GatewayName(rawValue: String(parts[0])) else {
      let names = GatewayName.allCases.map(\.rawValue).joined(separator: ", ")
      find(.gatewayUnknown, field, "There is no such gateway: \(names).")
      return nil
    }
    let there = accounts.filter { $0.gateway == gateway }
    let chosen =
      parts.count == 2 ? there.first { $0.account == parts[1] } : there.count == 1 ? there[0] : nil
    if chosen == nil {
      let names = there.map(\.description).joined(separator: ", ")
      find(
        .accountUnknown, field,
        names.isEmpty
          ? "The settings name no account of this gateway: add it to `gateways.priority`."
          : "The settings do not name this account; there is \(names).")
    }
    return chosen
  }

  private mutating func known<Value>(
    _ text: String?, _ make: (String) -> Value?, _ reason: RoutingFinding.Reason, _ field: String,
    _ allowed: String
  ) -> Value? {
    guard let text else { return nil }
    if let value = make(text) { return value }
    find(reason, field, "Not known; allowed: \(allowed).")
    return nil
  }

  // MARK: JSON

  mutating func object(
    _ json: RoutingJSON, _ field: String, _ known: Set<String>
  ) -> [String: RoutingJSON]? {
    guard case .object(let members) = json else {
      find(.typeWrong, field, "An object is due here.")
      return nil
    }
    for (index, member) in members.enumerated() where !known.contains(member.key) {
      find(
        .fieldUnknown, field.isEmpty ? "field \(index + 1)" : "\(field), field \(index + 1)",
        "There is no such field; known: \(known.sorted().joined(separator: ", ")).")
    }
    return Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
  }

  mutating func list(_ json: RoutingJSON, _ field: String, max: Int) -> [RoutingJSON]? {
    guard case .array(let values) = json else {
      find(.typeWrong, field, "A list is due here.")
      return nil
    }
    guard values.count <= max else {
      find(.tooMany, field, "\(values.count) are more than the \(max) allowed.")
      return nil
    }
    return values
  }

  mutating func required(
    _ fields: [String: RoutingJSON], _ name: String, _ field: String
  ) -> RoutingJSON? {
    if let value = fields[name] { return value }
    find(.fieldMissing, field.isEmpty ? name : "\(field).\(name)", "The field is missing.")
    return nil
  }

  mutating func text(_ json: RoutingJSON, _ field: String) -> String? {
    if case .string(let text) = json { return text }
    find(.typeWrong, field, "A text is due here.")
    return nil
  }

  mutating func integer(_ json: RoutingJSON, _ field: String) -> Int64? {
    if case .integer(let number) = json { return number }
    find(.typeWrong, field, "A whole number is due here.")
    return nil
  }
}
