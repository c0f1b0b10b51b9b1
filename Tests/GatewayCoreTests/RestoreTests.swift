import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// What is rebuilt of a payment that a gateway has and a restored database does not.
struct RestoreTests {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let intent = PaymentIntentID(bits: 700)
  static let method = PaymentMethodID(bits: 800)
  static let proof = String(repeating: "0a", count: 32)

  static func listed(
    _ change: (inout ListedPayment) -> Void = { _ in }
  ) -> ListedPayment {
    var payment = ListedPayment(
      reference: "pi_1", createdSeconds: 1_000, isLive: false, amount: Sample.amount,
      mode: .authorizeOnly, method: .card,
      ownReference: GatewayReference.authorize(Sample.first).text,
      metadata: AuthorizeOrder.metadata(
        intent: intent, operation: Sample.operationID, keyProof: proof, merchant: merchant,
        paymentMethod: method, captureMethod: .manual, isOffSession: true, sequence: 2))
    change(&payment)
    return payment
  }

  static func identity(
    _ mode: Attempt.Mode = .authorizeOnly, _ capture: Operation.CaptureMethod = .automatic,
    sequence: Int = 1
  ) -> PaymentIdentity {
    PaymentIdentity(
      attempt: Sample.first, operation: Sample.operationID, intent: intent, merchant: merchant,
      paymentMethod: method, keyProof: Array(repeating: 10, count: 32), captureMethod: capture,
      isOffSession: false, sequence: sequence, amount: Sample.amount, mode: mode, method: .card)
  }

  // MARK: Marks

  @Test func whatWasSentIsReadBack() {
    guard case .ours(let found) = PaymentMark(Self.listed()) else {
      Issue.record("not ours")
      return
    }
    #expect(found.attempt == Sample.first && found.operation == Sample.operationID)
    #expect(found.intent == Self.intent && found.merchant == Self.merchant)
    #expect(found.paymentMethod == Self.method && found.captureMethod == .manual)
    #expect(found.isOffSession && found.sequence == 2 && found.amount == Sample.amount)
    #expect(found.keyProof == Array(repeating: 10, count: 32))
  }

  @Test(arguments: [nil, "", "order-17", GatewayReference.refund(RefundID(bits: 1)).text])
  func whatBearsNoReferenceOfAPaymentIsForeign(_ reference: String?) {
    #expect(PaymentMark(Self.listed { $0.ownReference = reference }) == .foreign)
  }

  /// A name whose value is taken out or spoilt: never ours; its claim only while that is whole.
  @Test(arguments: PaymentMetadata.allCases)
  func everyMarkIsChecked(_ name: PaymentMetadata) {
    let claimNames: Set<PaymentMetadata> = [.intent, .operation, .keyProof, .merchant]
    for value in [nil, "", "x", "tok_1", String(repeating: "F", count: 64)] {
      let mark = PaymentMark(Self.listed { $0.metadata[name.rawValue] = value })
      guard case .unusable(let trouble, let claim) = mark else {
        Issue.record("\(name) \(value ?? "nil"): \(mark)")
        continue
      }
      #expect(trouble == (value == nil ? .metadataMissing : .metadataMalformed), "\(name)")
      #expect((claim != nil) == !claimNames.contains(name), "\(name)")
    }
  }

  @Test func liveAndTestAreNeverMixed() {
    let mark = PaymentMark(Self.listed { $0.isLive = true })
    #expect(mark == .unusable(.livemodeDiffers, nil))
  }

  @Test func aPaymentThatWeWouldNotMakeIsNotOurs() {
    for change: (inout ListedPayment) -> Void in [
      { $0.amount = nil }, { $0.mode = nil }, { $0.method = nil },
      { $0.amount = Amount(.eur, minor: 0) },
    ] {
      guard case .unusable(.paymentUnreadable, .some) = PaymentMark(Self.listed(change)) else {
        Issue.record("readable")
        continue
      }
    }
  }

  // MARK: Verdicts

  /// The words of a verdict: phase and facts, or why not.
  static func words(
    _ identity: PaymentIdentity, _ outcome: Outcome, known: Operation? = nil, others: Bool = true
  ) -> String {
    switch RestoreRule.verdict(
      identity, at: .stripe, account: "main", outcome, known: known, hasOtherGateways: others)
    {
    case .known: return "known"
    case .later: return "later"
    case .people(let doubt): return "people \(doubt.rawValue)"
    case .rebuild(let operation, let actions):
      let facts = actions.compactMap { action -> String? in
        guard case .writeFact(let fact) = action else { return nil }
        return fact.amount.map { "\(fact.kind) \($0.minor)" } ?? "\(fact.kind)"
      }
      let isAlarming = actions.contains { if case .alert = $0 { true } else { false } }
      return "\(operation.state) [\(facts.joined(separator: ", "))]" + (isAlarming ? " ALERT" : "")
    }
  }

  private static let half = Amount(.eur, minor: 2_000)

  struct Row: Sendable {
    var identity: PaymentIdentity
    var outcome: Outcome
    var others: Bool
    var expected: String
  }

  static let rows: [Row] = [
    // Money that was taken names the winner, whatever else was asked.
    Row(
      identity: identity(), outcome: Sample.settled(.captured), others: true,
      expected: "won [authorized 4999, captured 4999]"),
    Row(
      identity: identity(.charge), outcome: Sample.settled(.captured), others: true,
      expected: "won [captured 4999]"),
    Row(
      identity: identity(.authorizeOnly, .manual), outcome: Sample.settled(.captured, half),
      others: true, expected: "won [authorized 4999, captured 2000]"),
    Row(
      identity: identity(), outcome: Sample.settled(.captured, half), others: true,
      expected: "people contradicts"),
    Row(
      identity: identity(.charge), outcome: Sample.settled(.captured, half), others: false,
      expected: "people contradicts"),
    // An authorisation may have been the suspect's.
    Row(
      identity: identity(), outcome: Sample.settled(.authorized), others: true,
      expected: "people winner_unproven"),
    Row(
      identity: identity(), outcome: Sample.settled(.authorized), others: false,
      expected: "won [authorized 4999]"),
    // A no may have been followed by another gateway's yes.
    Row(
      identity: identity(), outcome: Sample.settled(.canceled), others: true,
      expected: "people end_unproven"),
    Row(
      identity: identity(), outcome: Sample.settled(.canceled), others: false,
      expected: "closed [canceled]"),
    Row(
      identity: identity(), outcome: Sample.declined(.otherGateway), others: true,
      expected: "people end_unproven"),
    Row(
      identity: identity(), outcome: Sample.declined(.never), others: true,
      expected: "people end_unproven"),
    Row(
      identity: identity(), outcome: Sample.declined(.never), others: false,
      expected: "closed [declined]"),
    Row(
      identity: identity(sequence: 2), outcome: Sample.declined(.never), others: true,
      expected: "people end_unproven"),
    Row(
      identity: identity(.charge), outcome: Sample.declined(.otherGateway), others: true,
      expected: "closed [declined]"),
    // With the bank or the payer.
    Row(
      identity: identity(.charge), outcome: Sample.bankPending, others: true,
      expected: "open [pending]"),
    Row(
      identity: identity(), outcome: Sample.action, others: true,
      expected: "people winner_unproven"),
    Row(
      identity: identity(), outcome: Sample.action, others: false,
      expected: "open [requiresAction]"),
    Row(
      identity: identity(sequence: 2), outcome: Sample.action, others: true,
      expected: "people winner_unproven"),
    // Nothing was said.
    Row(identity: identity(), outcome: Sample.noAnswer, others: false, expected: "later"),
    Row(
      identity: identity(), outcome: Sample.conflict, others: false,
      expected: "people contradicts"),
    Row(
      identity: identity(), outcome: .unknown(.undecided(reference: "pi_1")), others: false,
      expected: "people undecided"),
  ]

  @Test(arguments: rows)
  func onlyWhatTheBooksProveIsRebuilt(_ row: Row) {
    #expect(Self.words(row.identity, row.outcome, others: row.others) == row.expected)
  }

  @Test func whatIsKnownStays() {
    let known = Sample.operation(.automatic, [Sample.start(Sample.first)])
    #expect(Self.words(Self.identity(), Sample.settled(.captured), known: known) == "known")
  }

  /// The failover that the restore has lost: its second attempt was captured and wins.
  @Test func aLostAttemptJoinsItsOperation() {
    let known = Sample.operation(
      .automatic, [Sample.start(Sample.second), .outcome(Sample.second, Sample.noAnswer)])
    #expect(
      Self.words(Self.identity(), Sample.settled(.captured), known: known)
        == "won [authorized 4999, captured 4999]")
    #expect(
      Self.words(Self.identity(), Sample.settled(.authorized), known: known, others: false)
        == "people winner_unproven")
    let over = Sample.operation(.automatic, [.close(.abandoned, onlyIfUnsent: true)])
    #expect(
      Self.words(Self.identity(), Sample.settled(.captured), known: over)
        == "people operation_over")
    let other = Operation(
      id: Sample.operationID, amount: Amount(.eur, minor: 1), captureMethod: .automatic)
    #expect(
      Self.words(Self.identity(), Sample.settled(.captured), known: other) == "people contradicts")
  }

  @Test func anAttemptIsRecoveredOnceAndOnlyWhileItIsOpen() {
    let found = OperationEvent.recovered(
      NewAttempt(id: Sample.first, gateway: .stripe, account: "main", mode: .authorizeOnly))
    let open = Sample.operation(.automatic, [found])
    #expect(open.attempts.map(\.attempt.sequence) == [1])
    #expect(OperationMachine.next(open, found) == .refused(.attemptUnderway))
    let won = Sample.operation(
      .automatic, [found, .outcome(Sample.first, Sample.settled(.authorized))])
    #expect(
      OperationMachine.next(
        won,
        .recovered(
          NewAttempt(id: Sample.second, gateway: .stripe, account: "main", mode: .charge)))
        == .refused(.notOpen))
  }

  // MARK: Gate and standing

  @Test func nothingFromBeforeARestoreIsRepeated() {
    let begun = Timestamp(seconds: 1_000)
    let (before, after) = (Timestamp(seconds: 999), Timestamp(seconds: 1_001))
    #expect(RestoreGate.open.mayRepeat(sentAt: before))
    let closed = RestoreGate(isClosed: true, begunAt: begun)
    #expect(!closed.mayRepeat(sentAt: before) && !closed.mayRepeat(sentAt: after))
    let opened = RestoreGate(isClosed: false, begunAt: begun)
    #expect(!opened.mayRepeat(sentAt: before) && opened.mayRepeat(sentAt: after))
  }

  /// Nothing may be left out of the books: an item that cannot be placed refuses its page.
  @Test func aPageIsReadWholeOrNotAtAll() {
    func facts(_ item: String) -> TransferFacts {
      let body = #"{"object":"list","has_more":false,"data":["# + item + "]}"
      return TransferFacts(
        stage: .answered, requestSize: 100, status: 200, headers: [:], body: Array(body.utf8))
    }
    func payments(_ item: String) -> StripeListPage<ListedPayment> {
      StripePaymentList.read(facts(item), after: nil)
    }
    guard
      case .items(let found, false) = payments(
        #"{"id":"pi_1","created":7,"livemode":false,"amount":4999,"currency":"eur"}"#)
    else {
      Issue.record("no page")
      return
    }
    #expect(found.map(\.reference) == ["pi_1"] && found.first?.amount == Sample.amount)
    for item in [
      #"{"created":7,"livemode":false}"#, #"{"id":"pi_1","livemode":false}"#,
      #"{"id":"pi_1","created":7}"#, #"{"id":"pi/1","created":7,"livemode":false}"#,
    ] {
      #expect(payments(item) == .failed("a payment without id, time or mode"), "\(item)")
    }
    for item in [#"{"created":7}"#, #"{"id":"re_1"}"#] {
      #expect(
        StripeRefundList.read(facts(item), after: nil)
          == .failed("a refund without id or time"), "\(item)")
    }
  }

  @Test func whatIsUnprovenIsSaid() throws {
    let nothing = RestoreStanding(unread: [], pending: 0, forPeople: 0, missingDays: [("a", [])])
    #expect(nothing.unproven.isEmpty)
    let day = try #require(CivilDate(year: 2_026, month: 11, day: 1))
    let all = RestoreStanding(
      unread: ["payments of stripe:main"], pending: 2, forPeople: 1, missingDays: [("adyen:M", [day])])
    #expect(all.unproven.count == 4 && all.unproven[3].contains("2026-11-01"))
  }

  @Test func everyDayNeedsItsReport() throws {
    let first = try #require(CivilDate(year: 2_026, month: 10, day: 31))
    let last = try #require(CivilDate(year: 2_026, month: 11, day: 2))
    let point = Timestamp(first) + .seconds(86_399)
    let read = try #require(CivilDate(year: 2_026, month: 11, day: 1))
    #expect(
      RestoreStanding.missingDays(from: point, to: Timestamp(last), read: [read]) == [first, last])
    #expect(ReportFileName("payments_accounting_report_2026_11_01.csv")?.day == read)
    #expect(ReportFileName("payments_accounting_report_2026_13_01.csv")?.day == nil)
    #expect(ReportFileName("settlement_detail_report_batch_1.csv")?.day == nil)
  }
}
