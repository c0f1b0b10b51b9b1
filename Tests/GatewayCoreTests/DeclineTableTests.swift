import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// Every row of the versioned data. A change of a row raises the version.
struct DeclineTableTests {
  struct Row: Sendable {
    var codes: String
    var expected: DeclineClass
  }

  static let stripe: [Row] = [
    Row(
      codes: """
        do_not_try_again duplicate_transaction fraudulent incorrect_number invalid_account \
        invalid_number lost_card merchant_blacklist pickup_card restricted_card \
        revocation_of_all_authorizations revocation_of_authorization security_violation \
        service_not_allowed stolen_card stop_payment_order testmode_decline \
        transaction_not_allowed debit_not_authorized
        """, expected: .never),
    Row(
      codes: """
        card_not_supported currency_not_supported expired_card incorrect_address incorrect_cvc \
        incorrect_pin incorrect_zip invalid_amount invalid_cvc invalid_expiry_month \
        invalid_expiry_year invalid_pin new_account_information_available
        """, expected: .fixData),
    Row(
      codes: """
        authentication_not_handled authentication_required \
        mobile_device_authentication_required offline_pin_required \
        online_or_offline_pin_required payment_intent_authentication_failure
        """, expected: .stepUp),
    Row(
      codes: """
        approve_with_id call_issuer card_velocity_exceeded do_not_honor generic_decline \
        insufficient_funds no_action_taken not_permitted pin_try_exceeded try_again_later \
        withdrawal_count_limit_exceeded card_declined payment_intent_payment_attempt_failed \
        card_decline_rate_limit_exceeded
        """, expected: .later),
    Row(codes: "issuer_not_available processing_error reenter_transaction", expected: .otherGateway),
  ]

  static let adyen: [Row] = [
    Row(codes: "3 5 10 14 20 22 23 25 26 31 33 34 35 36 37 43 44 45 46 50", expected: .never),
    Row(codes: "6 7 8 17 19 24 32", expected: .fixData),
    Row(codes: "11 38 39 41 42", expected: .stepUp),
    Row(codes: "2 12 13 15 16 18 28 29 30 40", expected: .later),
    Row(codes: "4 9 21 27", expected: .otherGateway),
  ]

  @Test func everyCodeHasItsClass() {
    let table = DeclineTable.current
    for (source, rows, entries) in [
      (DeclineSignal.Source.stripe, Self.stripe, table.stripe),
      (.adyen, Self.adyen, table.adyen),
    ] {
      let codes = rows.flatMap { row in row.codes.split(separator: " ").map { (String($0), row) } }
      for (code, row) in codes {
        let decline = table.classify(DeclineSignal(source: source, code: code))
        #expect(decline.class == row.expected, "\(source) \(code)")
        #expect(!decline.code.isEmpty && decline.gatewayCode == code)
        #expect(decline.tableVersion == table.version && decline.origin == .bank)
      }
      // Each row of the data is in the test, so none changes unseen.
      #expect(Set(codes.map(\.0)) == Set(entries.keys))
      #expect(codes.count == entries.count)
    }
    // docs.adyen.com: 2 to 46, and 50.
    #expect(Set(table.adyen.keys.compactMap { Int($0) }) == Set(2...46).union([50]))
    #expect(table.version == 2)
  }

  @Test(arguments: [
    ("04 07 12 14 15 41 43 46 57 R0 R1 R3", DeclineClass.never, true),
    ("54 55 70 82 N7 6P", .fixData, false), ("1A", .stepUp, false),
    ("05 51 59 61 62 65 91 96 00 99 ZZ", .otherGateway, false),
  ])
  func networkResponseCodes(codes: String, expected: DeclineClass, isForbidden: Bool) {
    for code in codes.split(separator: " ").map(String.init) {
      let decline = DeclineTable.current.classify(
        DeclineSignal(source: .stripe, code: "processing_error", networkCode: code))
      #expect(decline.class == expected, "\(code)")
      #expect(decline.isForbiddenByNetwork == isForbidden && decline.networkCode == code)
    }
  }

  @Test(arguments: [
    ("01", DeclineClass.fixData, nil, false), ("02", .later, 72, false), ("03", .never, nil, true),
    ("04", .otherGateway, nil, false), ("21", .never, nil, true), ("22", .otherGateway, nil, false),
    ("24", .later, 1, false), ("25", .later, 24, false), ("26", .later, 48, false),
    ("27", .later, 96, false), ("28", .later, 144, false), ("29", .later, 192, false),
    ("30", .later, 240, false), ("40", .otherGateway, nil, false), ("41", .never, nil, true),
    ("43", .otherGateway, nil, false),
  ] as [(String, DeclineClass, Int64?, Bool)])
  func merchantAdviceCodes(code: String, expected: DeclineClass, hours: Int64?, isForbidden: Bool) {
    let decline = DeclineTable.current.classify(
      DeclineSignal(source: .adyen, code: "9", networkAdviceCode: code))
    #expect(decline.class == expected && decline.adviceCode == code)
    #expect(decline.retryAfterSeconds == hours.map { $0 * 3_600 })
    #expect(decline.isForbiddenByNetwork == isForbidden)
  }

  @Test func theLongestWaitCounts() {
    let decline = DeclineTable.current.classify(
      DeclineSignal(
        source: .stripe, code: "card_decline_rate_limit_exceeded", networkAdviceCode: "24"))
    #expect(decline.class == .later && decline.retryAfterSeconds == 24 * 3_600)
    // What never helps is not tried later.
    let lost = DeclineTable.current.classify(
      DeclineSignal(source: .stripe, code: "lost_card", networkAdviceCode: "25"))
    #expect(lost.class == .never)
  }

  /// The codes come out of the gateways' own answers.
  @Test func codesAreReadFromAnswers() {
    let stripe =
      #"{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds","network_decline_code":"51","network_advice_code":"26","payment_intent":"#
      + AnswerTests.intent("requires_payment_method") + "}}"
    let adyen = AnswerTests.adyen("Refused", #","refusalReasonCode":"12""#).replacing(
      #""refusalReasonRaw":"05 : Do not honor""#,
      with: #""refusalReasonRaw":"51 : Not sufficient funds","merchantAdviceCode":"26 : Retry after 2 days""#)
    for (gateway, status, body) in [
      (StripeGateway() as any Gateway, 402, stripe), (AdyenGateway(), 200, adyen),
    ] {
      let outcome = OutcomeTests.outcome(gateway, OutcomeTests.facts(status, body))
      guard case .declined(let decline) = outcome else {
        Issue.record("\(gateway.name): \(outcome)")
        continue
      }
      #expect(decline.code == "insufficient_funds" && decline.class == .later)
      #expect(decline.networkCode == "51" && decline.adviceCode == "26")
      #expect(decline.retryAfterSeconds == 48 * 3_600 && decline.tableVersion == 2)
    }
  }
}

struct NetworkCeilingTests {
  static let now = Timestamp(seconds: 2_000_000_000)
  static let hour: Int64 = 3_600
  static let day: Int64 = 24 * hour

  static func declines(
    _ count: Int, ageSeconds: Int64, amount: Amount = Sample.amount, isForbidden: Bool = false
  ) -> [CardDecline] {
    (0..<count).map {
      CardDecline(
        at: now - .seconds(ageSeconds + Int64($0)), amount: amount, isForbidden: isForbidden)
    }
  }

  static func refusal(_ brand: String, _ declines: [CardDecline]) -> Decline? {
    NetworkCeiling.refusal(of: Sample.amount, brand: brand, after: declines, now: now)
  }

  @Test(arguments: ["visa", "mastercard", "mc", "amex", ""])
  func aForbiddenCardIsNeverTriedAgain(brand: String) {
    let refusal = Self.refusal(
      brand, Self.declines(1, ageSeconds: 900 * Self.day, isForbidden: true))
    #expect(refusal?.class == .never && refusal?.code == "network_retry_limit")
    #expect(refusal?.retryAfterSeconds == nil)
  }

  struct Row: Sendable {
    var brand: String
    var count: Int
    var ageSeconds: Int64
    var refusedForSeconds: Int64?
  }

  @Test(arguments: [
    Row(brand: "visa", count: 0, ageSeconds: 0, refusedForSeconds: nil),
    Row(brand: "visa", count: 19, ageSeconds: hour, refusedForSeconds: nil),
    // Until the first of the twenty is 30 days old.
    Row(brand: "visa", count: 20, ageSeconds: hour, refusedForSeconds: 30 * day - hour - 19),
    Row(brand: "visa", count: 25, ageSeconds: 30 * day, refusedForSeconds: nil),
    Row(brand: "mastercard", count: 9, ageSeconds: hour, refusedForSeconds: nil),
    Row(brand: "mastercard", count: 10, ageSeconds: hour, refusedForSeconds: day - hour - 9),
    Row(brand: "mastercard", count: 34, ageSeconds: 2 * day, refusedForSeconds: nil),
    Row(brand: "mc", count: 35, ageSeconds: 2 * day, refusedForSeconds: 28 * day - 34),
    Row(brand: "amex", count: 60, ageSeconds: hour, refusedForSeconds: nil),
    // Not known which: held to both.
    Row(brand: "", count: 10, ageSeconds: hour, refusedForSeconds: day - hour - 9),
    Row(brand: "", count: 20, ageSeconds: 2 * day, refusedForSeconds: 28 * day - 19),
  ])
  func ceilings(row: Row) {
    let refusal = Self.refusal(row.brand, Self.declines(row.count, ageSeconds: row.ageSeconds))
    #expect(refusal?.retryAfterSeconds == row.refusedForSeconds)
    #expect(refusal == nil || refusal?.class == .later)
  }

  @Test func visaCountsOneAmountAndMastercardAll() {
    let others = Self.declines(30, ageSeconds: 2 * Self.day, amount: Amount(.eur, minor: 1))
    let own = Self.declines(19, ageSeconds: 3 * Self.day)
    #expect(Self.refusal("visa", others + own) == nil)
    #expect(Self.refusal("mastercard", others + own)?.class == .later)
  }

  /// A set-up asks about nothing, in whatever currency.
  @Test func nothingIsOneAmountInEveryCurrency() throws {
    let currencies = try ["EUR", "USD", "GBP", "CHF"].map { try #require(Currency($0)) }
    let asked = currencies.flatMap {
      Self.declines(5, ageSeconds: Self.hour, amount: Amount($0, minor: 0))
    }
    let refusal = { (amount: Amount, declines: [CardDecline]) in
      NetworkCeiling.refusal(of: amount, brand: "visa", after: declines, now: Self.now)
    }
    #expect(refusal(Amount(.eur, minor: 0), asked)?.class == .later)
    #expect(refusal(Amount(.eur, minor: 0), Array(asked.dropLast())) == nil)
    #expect(refusal(Sample.amount, asked) == nil)
  }
}
