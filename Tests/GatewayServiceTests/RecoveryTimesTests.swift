import GatewayCore
import Money
import ServiceKit
import Testing

@testable import GatewayService

/// The waits of the jobs, and what shortens them.
struct RecoveryTimesTests {
  private static func read(_ text: String) throws -> RecoveryTimes {
    try RecoveryTimes.read(SettingsSource.reader(fileText: text, environment: [:]))
  }

  @Test func theStandard() throws {
    let times = try Self.read("other = 1")
    #expect(times == RecoveryTimes())
    #expect(times.giveUp.payerPresentSeconds == 900 && times.giveUp.offSessionSeconds == 259_200)
    #expect([0, 1, 7, 99].map { times.look(after: $0) } == [1, 2, 300, 300])
    #expect(times.firstReversal == 10)
  }

  @Test func oneSettingShortensEveryWait() throws {
    let times = try Self.read("recovery.timeScale = 0.01\ngiveUp.payerPresentSeconds = 600")
    let order = Self.order
    #expect(times.giveUpAt(order) - order.createdAt == .seconds(6))
    #expect(times.look(after: 0) == 0.01 && times.firstReversal == 0.1)
    #expect(times.scheduled(864) == 86_400)
    let start = Timestamp(seconds: 1_000)
    let due = (1...3).map {
      (ReversalSchedule.due(condemnedAt: start, try: $0, scale: times.scale) - start)
        / .milliseconds(1)
    }
    #expect(due == [100, 300, 750])
  }

  @Test(arguments: [
    "recovery.timeScale = 0", "recovery.timeScale = 1.5", "giveUp.payerPresentSeconds = 0",
    "giveUp.offSessionSeconds = -1", "giveUp.payerPresentSeconds = 59",
    "giveUp.offSessionSeconds = 21599", "giveUp.bankDays = 0",
  ])
  func whatCannotBeIsRefused(text: String) {
    #expect(throws: SettingsError.self) { try Self.read(text) }
  }

  private static var order: OperationRecord {
    let now = Timestamp(seconds: 1_795_737_600)
    return OperationRecord(
      merchant: GatewayHarness.merchant, intent: PaymentIntentID(bits: 1),
      paymentMethod: GatewayHarness.method, offSession: false, statementDescriptor: "",
      sendBefore: now, keyProof: [], createdAt: now, method: .card,
      operation: GatewayCore.Operation(
        id: OperationID(bits: 2), amount: Amount(.eur, minor: 100), captureMethod: .automatic),
      attempts: [:], captureTries: [:])
  }

  // MARK: Live accounts

  private static func account(
    _ gateway: GatewayName, _ url: String, _ key: String
  ) -> GatewayAccountSettings {
    GatewayAccountSettings(
      account: GatewayAccount(gateway: gateway, account: "main"), baseURL: url, filesURL: url,
      apiKey: SecretText(key))
  }

  /// What does not say that it is a test is live.
  @Test(arguments: [
    (GatewayName.stripe, "https://api.stripe.com", "sk_test_x", true),
    (.stripe, "https://api.stripe.com", "rk_test_x", true),
    (.stripe, "https://api.stripe.com", "sk_live_x", false),
    (.stripe, "http://127.0.0.1:1234", "sk_live_x", true),
    (.stripe, "http://127.evil.example", "sk_live_x", false),
    (.adyen, "https://checkout-test.adyen.com", "x", true),
    (.adyen, "https://prefix-checkout-live.adyenpayments.com/checkout", "x", false),
    (.adyen, "https://checkout-test.adyen.com.evil.example", "x", false),
    (.adyen, "http://localhost:8080", "x", true),
    (.adyen, "http://[::1]:8080", "x", true),
  ])
  func whichAccountsAreTests(_ gateway: GatewayName, _ url: String, _ key: String, _ isTest: Bool) {
    #expect(Self.account(gateway, url, key).isTest == isTest)
  }

  @Test func noWaitIsShortenedWhereMoneyIsReal() throws {
    let live = Self.account(.stripe, "https://api.stripe.com", "sk_live_x")
    let test = Self.account(.stripe, "https://api.stripe.com", "sk_test_x")
    let short = try Self.read("recovery.timeScale = 0.5")
    try short.check(against: [test])
    try RecoveryTimes().check(against: [live])
    #expect(throws: SettingsError.self) { try short.check(against: [test, live]) }
  }
}
