import Money
import Testing

@testable import GatewayCore

/// What is wrong with a document is said with the rule's name and the field.
struct RoutingDocumentTests {
  typealias Reason = RoutingFinding.Reason

  struct Row: Sendable {
    let reason: Reason
    let rule: String
    let field: String
    let document: String

    init(_ reason: Reason, _ rule: String, _ field: String, _ document: String) {
      self.reason = reason
      self.rule = rule
      self.field = field
      self.document = document
    }
  }

  private static func findings(_ text: String) -> [RoutingFinding] {
    do throws(RoutingFindings) {
      _ = try RoutingDocument(text, accounts: RoutingSample.accounts)
      return []
    } catch { return error.all }
  }

  private static func rule(_ rest: String) -> String {
    RoutingSample.document(#""name":"a","# + rest)
  }

  private static func when(_ conditions: String) -> String {
    rule(#""when":{\#(conditions)},"priority":["stripe"]"#)
  }

  private static let go = #""priority":["stripe"]"#

  static let table: [Row] = [
    Row(.documentTooLarge, "", "", String(repeating: " ", count: 262_145)),
    Row(.notJSON, "", "", ""),
    Row(.notJSON, "", "", "{"),
    Row(.notJSON, "", "", #"{"rules":[],"default":["stripe"]} x"#),
    Row(.notJSON, "", "", #"{"rules":[01],"default":["stripe"]}"#),
    Row(.notJSON, "", "", #"{"rules":["\ud800"],"default":["stripe"]}"#),
    Row(.tooDeep, "", "", String(repeating: "[", count: 100_000)),
    Row(.textInvalid, "", "", RoutingSample.document("\"name\":\"a\u{0}\",\(go)")),
    Row(.textInvalid, "", "", RoutingSample.document(#""name":"a\u0000",\#(go)"#)),
    Row(.fieldRepeated, "", "", #"{"rules":[],"rules":[],"default":["stripe"]}"#),
    Row(.fieldUnknown, "", "field 3", #"{"rules":[],"default":["stripe"],"x":1}"#),
    Row(.fieldUnknown, "", "rules[0], field 2", RoutingSample.document(#""name":"a","if":1,\#(go)"#)),
    Row(.fieldMissing, "", "default", #"{"rules":[]}"#),
    Row(.fieldMissing, "", "rules[0].name", RoutingSample.document(go)),
    Row(.typeWrong, "", "", "[]"),
    Row(.typeWrong, "", "rules", #"{"rules":{},"default":["stripe"]}"#),
    Row(.typeWrong, "a", "rules[0].when.amountMinor.from",
      when(#""amountMinor":{"from":1.5},"currencies":["EUR"]"#)),
    Row(.tooMany, "", "rules",
      #"{"rules":[\#(Array(repeating: "1", count: 10_000).joined(separator: ","))],"default":["stripe"]}"#),
    Row(.nameInvalid, "", "rules[0].name", RoutingSample.document(#""name":"","# + go)),
    Row(.nameInvalid, "", "rules[0].name", RoutingSample.document(#""name":"default","# + go)),
    Row(.nameInvalid, "", "rules[0].name", RoutingSample.document(#""name":"A b","# + go)),
    Row(.nameRepeated, "a", "rules[1].name",
      RoutingSample.document(#""name":"a",\#(go)"#, #""name":"a",\#(go)"#)),
    Row(.targetsAmbiguous, "a", "rules[0]", rule(#""when":{}"#)),
    Row(.targetsAmbiguous, "a", "rules[0]", rule(#""split":[],\#(go)"#)),
    Row(.priorityEmpty, "a", "rules[0].priority", rule(#""priority":[]"#)),
    Row(.defaultEmpty, "", "default", #"{"rules":[],"default":[]}"#),
    Row(.gatewayUnknown, "a", "rules[0].priority[1]", rule(#""priority":["stripe","paypal"]"#)),
    Row(.accountUnknown, "a", "rules[0].priority[0]", rule(#""priority":["stripe:other"]"#)),
    Row(.accountRepeated, "a", "rules[0].priority[1]", rule(#""priority":["stripe","stripe:main"]"#)),
    Row(.percentInvalid, "a", "rules[0].split[0].percent",
      rule(#""split":[{"to":"stripe","percent":0}]"#)),
    Row(.splitSum, "a", "rules[0].split",
      rule(#""split":[{"to":"stripe","percent":60},{"to":"adyen","percent":41}]"#)),
    Row(.splitSum, "a", "rules[0].split", rule(#""split":[]"#)),
    Row(.orderUnknown, "a", "rules[0].order", rule(#""order":"best",\#(go)"#)),
    Row(.exploreMisplaced, "a", "rules[0].explorePercent", rule(#""explorePercent":5,\#(go)"#)),
    Row(.percentInvalid, "a", "rules[0].explorePercent",
      rule(#""order":"success_rate","explorePercent":51,\#(go)"#)),
    Row(.conditionEmpty, "a", "rules[0].when.countries", when(#""countries":[]"#)),
    Row(.amountWithoutCurrency, "a", "rules[0].when.amountMinor", when(#""amountMinor":{"from":1}"#)),
    Row(.amountWithoutCurrency, "a", "rules[0].when.amountMinor",
      when(#""amountMinor":{"from":1},"currencies":["EUR","USD"]"#)),
    Row(.amountInvalid, "a", "rules[0].when.amountMinor",
      when(#""amountMinor":{"from":2,"to":1},"currencies":["EUR"]"#)),
    Row(.currencyUnknown, "a", "rules[0].when.currencies[0]", when(#""currencies":["EURO"]"#)),
    Row(.countryUnknown, "a", "rules[0].when.countries[0]", when(#""countries":["de"]"#)),
    Row(.methodUnknown, "a", "rules[0].when.methods[0]", when(#""methods":["cash"]"#)),
    Row(.brandInvalid, "a", "rules[0].when.brands[0]", when(#""brands":["Visa"]"#)),
    Row(.merchantUnknown, "a", "rules[0].when.merchants[0]", when(#""merchants":["pi_x"]"#)),
    Row(.valueRepeated, "a", "rules[0].when.brands[1]", when(#""brands":["visa","visa"]"#)),
    Row(.conditionsContradict, "a", "rules[0].when.currencies",
      when(#""methods":["sepa_debit"],"currencies":["USD"]"#)),
    Row(.conditionsContradict, "a", "rules[0].when.brands",
      when(#""methods":["sepa_debit"],"brands":["visa"]"#)),
    Row(.ruleShadowed, "b", "rules[1]",
      RoutingSample.document(
        #""name":"a","when":{"currencies":["EUR","USD"]},\#(go)"#,
        #""name":"b","when":{"currencies":["EUR"],"brands":["visa"]},\#(go)"#)),
    Row(.ruleShadowed, "b", "rules[1]",
      RoutingSample.document(
        #""name":"a","when":{"methods":["card","sepa_debit"]},\#(go)"#, #""name":"b",\#(go)"#)),
    // Two earlier rules leave it nothing together.
    Row(.ruleShadowed, "c", "rules[2]",
      RoutingSample.document(
        #""name":"a","when":{"currencies":["EUR"],"amountMinor":{"to":99}},\#(go)"#,
        #""name":"b","when":{"currencies":["EUR"],"amountMinor":{"from":100}},\#(go)"#,
        #""name":"c","when":{"currencies":["EUR"],"countries":["DE"]},\#(go)"#)),
    Row(.feeInvalid, "", "fees[0]", fee("10001")),
    Row(.feeRepeated, "", "fees[1]",
      RoutingSample.document(
        fees: [feeText("1"), feeText("2")].joined(separator: ","))),
  ]

  private static func feeText(_ points: String) -> String {
    #"{"gateway":"stripe","method":"card","currency":"EUR","basisPoints":\#(points),"fixedMinor":1}"#
  }

  private static func fee(_ points: String) -> String {
    RoutingSample.document(fees: feeText(points))
  }

  @Test(arguments: table) func isFound(_ row: Row) {
    let findings = Self.findings(row.document)
    #expect(
      findings.contains { $0.reason == row.reason && $0.rule == row.rule && $0.field == row.field },
      "\(row.reason) at \(row.field); found \(findings.prefix(3))")
  }

  /// The list of reasons is closed: each has a row.
  @Test func everyReasonHasARow() {
    #expect(Set(Self.table.map(\.reason)) == Set(Reason.allCases))
  }

  @Test func whatIsReachableIsNotCalledShadowed() throws {
    for document in [
      RoutingSample.document(
        #""name":"a","when":{"currencies":["EUR"],"amountMinor":{"to":98}},\#(Self.go)"#,
        #""name":"b","when":{"currencies":["EUR"],"amountMinor":{"from":100}},\#(Self.go)"#,
        #""name":"c","when":{"currencies":["EUR"]},\#(Self.go)"#),
      RoutingSample.document(
        #""name":"a","when":{"brands":["visa"]},\#(Self.go)"#, #""name":"b",\#(Self.go)"#),
    ] {
      #expect(Self.findings(document) == [])
    }
  }

  /// Damaged at random: an answer, never a crash, and findings stay few.
  @Test func damagedDocumentsAreAnswered() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("documents: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let pieces = ["{", "}", "[", "]", "\"", "\\", ",", ":", "0", "-", "e", "null", "\\u00", "\u{7}", "é"]
    let whole = Self.table.map(\.document).filter { $0.utf8.count < 1_000 }
    for _ in 0..<3_000 {
      var text = Array(whole.randomElement(using: &random) ?? "")
      for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
        let index = Int.random(in: 0..<text.count, using: &random)
        text.replaceSubrange(
          index...index, with: Array(pieces.randomElement(using: &random) ?? ""))
      }
      #expect(Self.findings(String(text)).count <= RoutingFindings.max, "seed \(seed)")
    }
  }
}

struct BacktestTests {
  @Test func saysWhatMovesAndWhatItCosts() throws {
    let draft = try RoutingSample.table(
      RoutingSample.document(
        #""name":"small","when":{"currencies":["EUR"],"amountMinor":{"to":1999}},"priority":["adyen"]"#,
        #""name":"best","when":{"currencies":["USD"]},"priority":["stripe"],"order":"success_rate""#,
        fees: """
          {"gateway":"stripe","method":"card","currency":"EUR","basisPoints":150,"fixedMinor":25},
          {"gateway":"adyen","method":"card","currency":"EUR","basisPoints":100,"fixedMinor":10}
          """), version: 2)
    let settings = try #require(RoutingTable(settingsOrder: RoutingSample.accounts))
    var backtest = Backtest(draft, against: settings)
    let both: Set<GatewayName> = [.stripe, .adyen]
    backtest.add(RoutingSample.request(1_000), gateways: both)
    backtest.add(RoutingSample.request(1_500), gateways: [.stripe])
    backtest.add(RoutingSample.request(5_000), gateways: both)
    backtest.add(RoutingSample.request(5_000, .usd), gateways: both)
    #expect(backtest.rules.map(\.name) == ["small", "best", "default"])
    #expect(backtest.rules.map(\.payments) == [2, 1, 1])
    #expect(backtest.rules[0].shares == [RoutingSample.adyen: 1, nil: 1])
    #expect(backtest.rules.map(\.moved) == [2, 0, 0] && backtest.moved == 2)
    // 1,000: 20 in place of 40; 5,000: 100 in both.
    #expect(backtest.fees == [.eur: Backtest.Fees(payments: 2, draft: 120, against: 140)])
    #expect(backtest.withoutFees == 2 && backtest.orderedBySuccess == 1)
  }
}

extension Backtest.Fees {
  fileprivate init(payments: Int, draft: Int64, against: Int64) {
    self.init()
    self.payments = payments
    self.draft = draft
    self.against = against
  }
}
