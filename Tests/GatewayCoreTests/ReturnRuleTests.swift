import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// A payer's bank takes a paid direct debit back.
struct ReturnRuleTests {
  private static func verdict(
    minor: Int64? = 4_999,
    currency: Currency = .eur,
    account: String? = nil,
    movement: String = "du_1",
    captured: Int64 = 4_999,
    returned: Int64 = 0
  ) throws -> ReturnRule.Verdict? {
    let winner = try #require(NoticeRuleTests.won.winner?.attempt)
    var echo = Echo()
    echo.amount = minor.map { Amount(currency, minor: $0) }
    echo.account = account
    return ReturnRule.verdict(
      NoticeRuleTests.notice(.returned(movement: movement, code: "MD06"), echo: echo),
      about: winner,
      captured: Amount(.eur, minor: captured),
      returned: returned
    )
  }

  @Test func whatIsCapturedCanBeReturnedOnce() throws {
    #expect(try Self.verdict() == .book(Sample.bankReturn))
    #expect(
      try Self.verdict(minor: 1_000, returned: 3_999)
        == .book(BankReturn(movement: "du_1", amount: Amount(.eur, minor: 1_000), code: "MD06"))
    )
    #expect(try Self.verdict(captured: 0) == .later)
  }

  @Test func whatContradictsIsForPeople() throws {
    let wrong: [ReturnRule.Verdict?] = [
      try Self.verdict(minor: 5_000), try Self.verdict(returned: 1), try Self.verdict(minor: nil),
      try Self.verdict(minor: 0), try Self.verdict(currency: .usd),
      try Self.verdict(account: "another"), try Self.verdict(movement: ""),
    ]
    for verdict in wrong {
      guard case .alert("return_conflicts", _)? = verdict else {
        Issue.record("\(String(describing: verdict))")
        continue
      }
    }
  }

  /// Adyen tells of a debit that was captured at once by its authorisation alone.
  @Test func anAuthorisationOfAChargeIsItsCapture() throws {
    let pending = Sample.operation(
      .automatic,
      [
        Sample.start(Sample.first, .adyen, .charge),
        .outcome(Sample.first, .pending(Pending(reference: "psp1", kind: .bank))),
      ])
    let notice = NoticeRuleTests.notice(.payment(.authorized))
    #expect(try NoticeRuleTests.applied(notice, pending).capturedMinor == Sample.amount.minor)
    // Where capture is a step of its own, it still is.
    let authorized = try NoticeRuleTests.applied(notice, NoticeRuleTests.unknown)
    #expect(authorized.winner != nil && authorized.capturedMinor == 0)
  }

  // MARK: What the gateways say

  private static func stripe(_ reason: String) -> GatewayNotice.Event? {
    StripeNotices.parse(
      Array(
        """
        {"id":"evt_1","type":"charge.dispute.created","livemode":false,"data":{"object":{
        "object":"dispute","id":"du_1","payment_intent":"pi_1","amount":4999,"currency":"eur",
        "status":"lost","reason":"\(reason)"}}}
        """.utf8
      )
    )?.event
  }

  @Test func aDisputeWithABanksReasonIsAReturn() {
    for reason in [
      "debit_not_authorized", "insufficient_funds", "incorrect_account_details",
      "bank_cannot_process", "customer_initiated",
    ] {
      #expect(Self.stripe(reason) == .returned(movement: "du_1", code: reason))
    }
    #expect(Self.stripe("fraudulent") == .dispute("lost"))
  }

  @Test func aChargebackOfADebitIsAReturn() {
    func event(_ method: String, _ code: String = "CHARGEBACK") -> GatewayNotice.Event? {
      AdyenNotices.parse(
        Array(
          """
          {"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"\(code)",
          "pspReference":"back1","originalReference":"psp1","success":"true",
          "paymentMethod":"\(method)","reason":"AM04:Insufficient funds",
          "amount":{"currency":"EUR","value":4999}}}]}
          """.utf8
        )
      ).first?.event
    }
    #expect(event("sepadirectdebit") == .returned(movement: "back1", code: "AM04"))
    #expect(event("visa") == .dispute("CHARGEBACK"))
    #expect(event("sepadirectdebit", "CHARGEBACK_REVERSED") == .dispute("CHARGEBACK_REVERSED"))
  }
}
