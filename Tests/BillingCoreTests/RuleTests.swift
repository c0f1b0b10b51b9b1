import BillingCore
import Money
import Testing

struct RuleTests {
  /// Every state and event; what is not listed changes nothing.
  @Test func subscriptionMoves() {
    let expected: [SubscriptionStatus: [SubscriptionEvent: SubscriptionStatus]] = [
      .incomplete: [
        .allPaid: .active, .cancel: .canceled, .firstPaymentOverdue: .incompleteExpired,
      ],
      .active: [.paymentFailed: .pastDue, .cancel: .canceled],
      .pastDue: [.allPaid: .active, .cancel: .canceled],
    ]
    for status in SubscriptionStatus.allCases {
      for event in SubscriptionEvent.allCases {
        #expect(SubscriptionMachine.next(status, event) == expected[status]?[event])
      }
    }
    #expect(SubscriptionMachine.states(allowing: .cancel) == [.incomplete, .active, .pastDue])
  }

  @Test func onlyLivingSubscriptionsRenew() {
    #expect(SubscriptionStatus.allCases.filter(\.renews) == [.active, .pastDue])
  }

  @Test(arguments: [
    (InvoiceStatus.open, InvoiceEvent.paymentSucceeded, InvoiceMachine.Verdict.moves(.paid)),
    (.open, .paymentFailed, .stays),
    (.open, .void, .moves(.void)),
    (.open, .giveUp, .moves(.uncollectible)),
    (.open, .finalize, .refused),
    (.paid, .paymentSucceeded, .stays),
    (.paid, .paymentFailed, .conflict),
    (.paid, .paymentReturned, .moves(.open)),
    (.open, .paymentReturned, .stays),
    (.void, .paymentReturned, .stays),
    (.uncollectible, .paymentReturned, .stays),
    (.draft, .paymentReturned, .refused),
    (.paid, .void, .refused),
    (.void, .paymentSucceeded, .conflict),
    (.void, .paymentFailed, .stays),
    (.uncollectible, .paymentSucceeded, .moves(.paid)),
    (.draft, .paymentSucceeded, .refused),
    (.draft, .finalize, .moves(.open)),
  ])
  func invoiceVerdicts(
    _ status: InvoiceStatus, _ event: InvoiceEvent, _ verdict: InvoiceMachine.Verdict
  ) {
    #expect(InvoiceMachine.verdict(status, event) == verdict)
  }

  /// A succeeded intent of which the bank took money back has not paid its invoice.
  @Test func succeededIsPaidOnlyWhileTheMoneyStays() {
    func event(_ status: PaymentStatus, _ paidMinor: Int64?) -> InvoiceEvent? {
      status.invoiceEvent(paidMinor: paidMinor, of: 1_500)
    }
    #expect(event(.succeeded, 1_500) == .paymentSucceeded)
    #expect(event(.succeeded, 3_000) == .paymentSucceeded)
    #expect(event(.succeeded, nil) == .paymentSucceeded, "an older sender")
    #expect(event(.succeeded, 1_499) == .paymentReturned)
    #expect(event(.succeeded, 0) == .paymentReturned)
    #expect(event(.failed, 0) == .paymentFailed && event(.canceled, nil) == .paymentFailed)
    #expect(event(.processing, 0) == nil && event(.requiresAction, nil) == nil)
    #expect(PaymentStatus.succeeded.invoiceEvent(paidMinor: 0, of: 0) == .paymentSucceeded)
  }

  @Test(arguments: [(1, "INV-000001"), (999_999, "INV-999999"), (1_000_000, "INV-1000000")])
  func invoiceNumbers(_ value: Int64, _ text: String) {
    #expect(InvoiceNumber(value)?.description == text)
    #expect(InvoiceNumber(text)?.value == value)
  }

  @Test(arguments: ["", "INV-", "INV-1", "INV-000000", "inv-000001", "INV-0000001", "INV-+00001"])
  func invoiceNumbersOfOthers(_ text: String) {
    #expect(InvoiceNumber(text) == nil)
  }

  @Test func billsAreUnitTimesQuantity() throws {
    let contract = try contract(unitMinor: 999, quantity: 3)
    let bill = try Bill(of: contract, period: 2)
    #expect(bill.total == Amount(.eur, minor: 2_997))
    #expect(bill.lines.map(\.amount.minor) == [2_997])
    #expect(bill.period.start.description == "2026-03-31T00:00:00Z")
    #expect(try Bill(of: contract, period: 2) == bill)
  }

  @Test func billsThatCannotBe() throws {
    let tooLarge = try contract(unitMinor: 99_999_999_999, quantity: 2)
    #expect(throws: BillRefusal.amountTooLarge) { try Bill(of: tooLarge, period: 0) }
    let overflow = try contract(unitMinor: .max / 2, quantity: 1_000_000)
    #expect(throws: BillRefusal.amountTooLarge) { try Bill(of: overflow, period: 0) }
    let far = try contract(unitMinor: 1, quantity: 1)
    #expect(throws: BillRefusal.periodOutOfRange) { try Bill(of: far, period: 100_000) }
  }

  /// Only what was never executed is tried again by itself, and not for ever.
  @Test func furtherTries() {
    let technical = PaymentFailureReason(code: "not_executed", isTerminal: false)
    #expect(PaymentTryPolicy.pauseSeconds(after: technical, tries: 1) == 30)
    #expect(PaymentTryPolicy.pauseSeconds(after: technical, tries: 4) == 7_200)
    #expect(PaymentTryPolicy.pauseSeconds(after: technical, tries: 5) == nil)
    #expect(PaymentTryPolicy.pauseSeconds(after: nil, tries: 1) == nil)
    let terminal = PaymentFailureReason(code: "not_executed", isTerminal: true)
    #expect(PaymentTryPolicy.pauseSeconds(after: terminal, tries: 1) == nil)
    let declined = PaymentFailureReason(code: "card_declined", isTerminal: false)
    #expect(PaymentTryPolicy.pauseSeconds(after: declined, tries: 1) == nil)
  }

  private func contract(unitMinor: Int64, quantity: Int64) throws -> BillingContract {
    BillingContract(
      schedule: BillingSchedule(
        anchor: try #require(Timestamp("2026-01-31T00:00:00Z")),
        interval: try #require(BillingInterval(.month, count: 1))),
      unitAmount: Amount(.eur, minor: unitMinor), quantity: quantity, description: "Seats")
  }
}
