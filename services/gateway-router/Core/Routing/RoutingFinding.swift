/// What is wrong with a document of routing rules: the rule, the field, and a reason of this list.
package struct RoutingFinding: Error, Sendable, Hashable {
  package enum Reason: String, Sendable, Hashable, CaseIterable {
    // The text
    case documentTooLarge = "document_too_large"
    case notJSON = "not_json"
    case tooDeep = "too_deep"
    case textInvalid = "text_invalid"
    // Its shape
    case fieldRepeated = "field_repeated"
    case fieldUnknown = "field_unknown"
    case fieldMissing = "field_missing"
    case typeWrong = "type_wrong"
    case tooMany = "too_many"
    // Rules
    case nameInvalid = "name_invalid"
    case nameRepeated = "name_repeated"
    case targetsAmbiguous = "targets_ambiguous"
    case priorityEmpty = "priority_empty"
    case defaultEmpty = "default_empty"
    case gatewayUnknown = "gateway_unknown"
    case accountUnknown = "account_unknown"
    case accountRepeated = "account_repeated"
    case percentInvalid = "percent_invalid"
    case splitSum = "split_sum"
    case orderUnknown = "order_unknown"
    case exploreMisplaced = "explore_misplaced"
    // Conditions
    case conditionEmpty = "condition_empty"
    case amountWithoutCurrency = "amount_without_currency"
    case amountInvalid = "amount_invalid"
    case currencyUnknown = "currency_unknown"
    case countryUnknown = "country_unknown"
    case methodUnknown = "method_unknown"
    case brandInvalid = "brand_invalid"
    case merchantUnknown = "merchant_unknown"
    case valueRepeated = "value_repeated"
    case conditionsContradict = "conditions_contradict"
    case ruleShadowed = "rule_shadowed"
    // Fees
    case feeInvalid = "fee_invalid"
    case feeRepeated = "fee_repeated"
  }

  /// The rule's name; empty when it is not about one rule.
  package var rule: String
  /// `rules[3].when.currencies`; empty for the document itself.
  package var field: String
  package var reason: Reason
  /// With what to do. Never holds more of the document than names of rules.
  package var message: String

  package init(_ reason: Reason, rule: String = "", field: String = "", _ message: String) {
    self.rule = rule
    self.field = field
    self.reason = reason
    self.message = message
  }
}

/// What makes a document unusable: at least one finding.
package struct RoutingFindings: Error, Sendable, Hashable {
  /// More are not told.
  package static let max = 100

  package private(set) var first: RoutingFinding
  package private(set) var all: [RoutingFinding]

  init?(_ findings: [RoutingFinding]) {
    guard let first = findings.first else { return nil }
    self.first = first
    all = Array(findings.prefix(Self.max))
  }
}

/// Limits of a document.
package enum RoutingLimits {
  package static let documentBytesMax = 262_144
  package static let rulesMax = 500
  /// Values of one condition.
  package static let valuesMax = 300
  package static let feesMax = 500
  /// Targets of one rule.
  package static let targetsMax = 20
  package static let nameLengthMax = 60
  /// The same as of a payment, in minor units.
  package static let amountMinorMax: Int64 = 99_999_999_999
}
