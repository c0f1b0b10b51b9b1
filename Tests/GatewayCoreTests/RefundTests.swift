import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// The life of a refund at its gateway, one row per state and event.
struct RefundTests {
  static let amount = Sample.amount
  static let id = RefundID(bits: 77)

  static func refund(_ state: Refund.State, succeeded: Bool = false) -> Refund {
    Refund(
      id: id, amount: amount, state: state, hasSucceeded: succeeded, reference: "re_1",
      failure: state == .failed ? Refund.Failure(code: .failed, gatewayCode: "x") : nil)
  }

  static let states: [(name: String, refund: Refund)] = [
    ("sending", refund(.sending)), ("queued", refund(.queued)), ("unknown", refund(.unknown)),
    ("accepted", refund(.accepted)), ("succeeded", refund(.succeeded, succeeded: true)),
    ("failed", refund(.failed)), ("returned", refund(.failed, succeeded: true)),
  ]

  static let events: [(name: String, event: RefundEvent)] = [
    ("refunded", .outcome(Sample.settled(.refunded))),
    ("received", .outcome(Sample.settled(.received))),
    ("pending", .outcome(Sample.bankPending)),
    ("declined", .outcome(Sample.declined(.never))),
    ("rejected", .outcome(Sample.declined(.never, origin: .request))),
    ("notExecuted", .outcome(Sample.unsent)),
    ("noAnswer", .outcome(Sample.noAnswer)),
    ("notFound", .outcome(.unknown(.notFound))),
    ("conflict", .outcome(Sample.conflict)),
    ("cameBack", .cameBack(code: "expired_card")),
    ("sendAgain", .sendAgain),
    ("absent", .absent(absence)),
    ("seenDone", .attested(seen(.refundedAtGateway))),
    ("seenDead", .attested(seen(.canceledAtGateway))),
    ("seenNot", .attested(seen(.neverExisted))),
  ]

  static var absence: RefundAbsence {
    guard let absence = RefundAbsence(listedAfter: 90_000, at: .stripe) else {
      preconditionFailure("25 h are enough")
    }
    return absence
  }

  static func seen(_ kind: Attestation.Kind) -> Attestation {
    guard let seen = Attestation(kind, proposedBy: "operator:a", approvedBy: "operator:b") else {
      preconditionFailure("they are two")
    }
    return seen
  }

  /// Keys of Stripe are remembered for 24 h, and what was sent with one has two hours to arrive.
  @Test func absenceProvesOnlyWhenNothingCanBeUnderWay() {
    #expect(RefundAbsence(listedAfter: 89_999, at: .stripe) == nil)
    #expect(RefundAbsence(listedAfter: 90_000, at: .adyen) == nil)
    #expect(RefundAbsence(listedAfter: 7 * 86_400 + 3_600, at: .adyen) != nil)
  }

  /// `-` changes nothing · otherwise the new state, then the facts that are written in order
  /// (p pending, r refunded, f failed); a trailing `!` alerts.
  static let table = """
    state     refunded    received   pending    declined   rejected notExecuted noAnswer notFound conflict cameBack    sendAgain absent   seenDone    seenDead seenNot
    sending   succeeded:r accepted:p accepted:p failed:f   failed:f queued      unknown  unknown  unknown! failed:rf   -         failed:f succeeded:r failed:f failed:f
    queued    succeeded:r accepted:p accepted:p failed:f   -        -           unknown  unknown  unknown! failed:rf   sending   -        -           -        -
    unknown   succeeded:r accepted:p accepted:p failed:f   -        -           -        -        unknown! failed:rf   -         failed:f succeeded:r failed:f failed:f
    accepted  succeeded:r -          -          failed:f   -        -           -        -        accepted! failed:rf  -         -        succeeded:r failed:f -
    succeeded -           -          -          failed:f   -        -           -        -        succeeded! failed:f  -         -        -           -        -
    failed    succeeded:r! -          -          -          -        -           -        -        failed!  -           -         -        -           -        -
    returned  -           -          -          -          -        -           -        -        failed!  -           -         -        -           -        -
    """

  @Test func everyStateAndEveryEvent() throws {
    let lines = Self.table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines.count == 1 + Self.states.count)
    #expect(lines[0].dropFirst().elementsEqual(Self.events.map(\.name)))
    for line in lines.dropFirst() {
      let refund = try #require(Self.states.first { $0.name == line[0] }?.refund)
      #expect(line.count == lines[0].count, "\(line[0])")
      for (event, expected) in zip(Self.events, line.dropFirst()) {
        let word = Self.word(RefundMachine.next(refund, event.event))
        #expect(word == expected, "\(line[0]) + \(event.name)")
      }
    }
  }

  private static func word(_ step: RefundMachine.Step?) -> String {
    guard let step else { return "-" }
    let facts = step.facts.map { kind in
      switch kind {
      case .pending: "p"
      case .refunded: "r"
      case .failed: "f"
      }
    }.joined()
    return "\(step.refund.state)" + (facts.isEmpty ? "" : ":\(facts)")
      + (step.alerts.isEmpty ? "" : "!")
  }

  @Test func aContradictionIsReportedOnce() throws {
    let step = try #require(
      RefundMachine.next(Self.refund(.unknown), .outcome(Sample.conflict)))
    #expect(step.alerts == [.answerConflicts])
    #expect(RefundMachine.next(step.refund, .outcome(Sample.conflict)) == nil)
  }

  /// Whatever comes in whatever order: a refund is told done at most once, a failure after a success is
  /// the last word, a success after a failure is told too: what moved money is never kept back.
  @Test func factsCountOnceInAnyOrder() {
    let seed = UInt64.random(in: 1...UInt64(Int64.max))
    var random = SeededGenerator(seed: seed)
    var ends: [Refund.State: Int] = [:]
    for run in 0..<5_000 {
      var refund = Refund(id: Self.id, amount: Self.amount)
      var facts: [RefundFactKind] = []
      for _ in 0..<12 {
        let event = Self.events[Int.random(in: 0..<Self.events.count, using: &random)].event
        guard let step = RefundMachine.next(refund, event) else { continue }
        if refund.isDecided, step.refund.state != refund.state {
          #expect(
            refund.state == .succeeded
              ? step.refund.state == .failed
              : step.refund.state == .succeeded && step.alerts == [.succeededAfterFailure],
            "seed \(seed), run \(run)")
        }
        refund = step.refund
        facts += step.facts
      }
      let allowed: [[RefundFactKind]] = [
        [], [.pending], [.refunded], [.failed], [.pending, .refunded], [.pending, .failed],
        [.refunded, .failed], [.pending, .refunded, .failed], [.failed, .refunded],
        [.pending, .failed, .refunded], [.failed, .refunded, .failed],
        [.pending, .failed, .refunded, .failed],
      ]
      #expect(allowed.contains(facts), "\(facts), seed \(seed), run \(run)")
      #expect((refund.state == .failed) == (facts.last == .failed), "seed \(seed), run \(run)")
      #expect(refund.hasSucceeded == facts.contains(.refunded), "seed \(seed), run \(run)")
      #expect((refund.state == .failed) == (refund.failure != nil), "seed \(seed), run \(run)")
      ends[refund.state, default: 0] += 1
    }
    #expect((ends[.succeeded] ?? 0) > 100 && (ends[.failed] ?? 0) > 100, "\(ends)")
  }

  // MARK: What goes out next

  @Test(arguments: [
    (Refund.State.queued, GatewayName.stripe, Int64(0), false, RefundStep.send),
    (.sending, .stripe, 0, false, .get(reference: "re_1")),
    (.accepted, .stripe, 0, false, .get(reference: "re_1")), (.accepted, .adyen, 0, false, .wait),
    (.succeeded, .stripe, 0, false, .done), (.failed, .adyen, 0, false, .done),
    (.unknown, .adyen, 0, false, .replay), (.unknown, .adyen, 0, true, .wait),
    (.unknown, .adyen, (7 * 24 - 1) * 3_600, false, .wait),
  ])
  func steps(
    _ state: Refund.State, _ gateway: GatewayName, _ age: Int64, _ saysNothing: Bool,
    _ expected: RefundStep
  ) {
    let step = RefundRule.step(
      for: Self.refund(state), at: gateway, ageSeconds: age, keySaysNothing: saysNothing)
    #expect(step == expected)
  }

  /// Queued at a restore's point, it may have gone out since: never sent without evidence.
  @Test func whatARestoreFoundQueuedIsNotJustSent() {
    let refund = Refund(id: Self.id, amount: Self.amount, state: .queued)
    for (gateway, expected) in [(GatewayName.stripe, RefundStep.list), (.adyen, .doubt)] {
      for age in [Int64(0), 1_000_000] {
        let step = RefundRule.step(
          for: refund, at: gateway, ageSeconds: age, keySaysNothing: false,
          isOlderThanRestore: true)
        #expect(step == expected)
      }
    }
    let begun = Timestamp(seconds: 1_000)
    let gate = RestoreGate(isClosed: false, begunAt: begun)
    #expect(gate.mayHaveLost(after: begun) && !gate.mayHaveLost(after: begun + .seconds(1)))
    #expect(!RestoreGate.open.mayHaveLost(after: begun))
  }

  /// Without the gateway's id: the same request while the key is remembered, then only reads.
  @Test func theKeysWindowEndsTheReplay() {
    let refund = Refund(id: Self.id, amount: Self.amount, state: .unknown)
    func step(_ age: Int64, _ saysNothing: Bool = false) -> RefundStep {
      RefundRule.step(for: refund, at: .stripe, ageSeconds: age, keySaysNothing: saysNothing)
    }
    #expect(step(0) == .replay && step(23 * 3_600 - 1) == .replay)
    #expect(step(23 * 3_600) == .list && step(1_000_000) == .list)
    #expect(step(0, true) == .list)
  }

  // MARK: The second guard

  static let captured = Sample.operation(
    .automatic,
    [
      Sample.start(Sample.first, .stripe, .charge),
      .outcome(Sample.first, Sample.settled(.captured)),
    ])

  /// The payer has from their bank what was returned, and does not get it from us as well.
  @Test func theGuardCountsWhatTheBankTookBack() {
    func ask(_ minor: Int64, returned: Int64, _ refunds: [Refund] = []) -> RefundGuard.Refusal? {
      do throws(RefundGuard.Refusal) {
        let mayBegin = try RefundGuard.mayBegin(
          Self.id, Amount(.eur, minor: minor), of: Self.captured, refunds, returnedMinor: returned)
        #expect(mayBegin)
        return nil
      } catch { return error }
    }
    let other = Refund(id: RefundID(bits: 2), amount: Amount(.eur, minor: 1_000), state: .accepted)
    #expect(ask(1, returned: 4_999) == .never(.amountTooLarge(refundableMinor: 0)))
    #expect(ask(2_999, returned: 2_000) == nil)
    #expect(ask(3_000, returned: 2_000) == .never(.amountTooLarge(refundableMinor: 2_999)))
    #expect(ask(2_000, returned: 2_000, [other]) == .never(.amountTooLarge(refundableMinor: 1_999)))
  }

  @Test func theGuardCountsWhatIsNotProvenFailed() throws {
    let other = Refund(id: RefundID(bits: 2), amount: Amount(.eur, minor: 3_000), state: .unknown)
    let failed = Refund(
      id: RefundID(bits: 3), amount: Amount(.eur, minor: 4_999), state: .failed,
      failure: Refund.Failure(code: .failed, gatewayCode: ""))
    func ask(_ minor: Int64, _ refunds: [Refund], id: RefundID = Self.id) -> Result<Bool, RefundGuard.Refusal> {
      Result { () throws(RefundGuard.Refusal) in
        try RefundGuard.mayBegin(id, Amount(.eur, minor: minor), of: Self.captured, refunds,
          returnedMinor: 0)
      }
    }
    #expect(ask(4_999, [failed]) == .success(true))
    #expect(ask(5_000, []) == .failure(.never(.amountTooLarge(refundableMinor: 4_999))))
    #expect(ask(1_999, [other, failed]) == .success(true))
    #expect(ask(2_000, [other]) == .failure(.never(.amountTooLarge(refundableMinor: 1_999))))
    #expect(ask(3_000, [other], id: other.id) == .success(false))
    #expect(ask(3_001, [other], id: other.id) == .failure(.differs(.amount)))
    #expect(ask(0, []) == .failure(.never(.amountTooLarge(refundableMinor: 4_999))))
    let open = Sample.operation(.automatic, [Sample.start(Sample.first)])
    #expect(throws: RefundGuard.Refusal.never(.notWon)) {
      try RefundGuard.mayBegin(Self.id, Self.amount, of: open, [], returnedMinor: 0)
    }
    // Refused before, it stays refused, whatever became of the operation.
    let refused = Refund(
      id: Self.id, amount: Self.amount, state: .failed,
      failure: Refund.Failure(code: .operationNotWon, gatewayCode: ""))
    for operation in [open, Self.captured] {
      #expect(
        try RefundGuard.mayBegin(Self.id, Self.amount, of: operation, [refused], returnedMinor: 0) == false)
    }
  }

  // MARK: Notifications

  static func notice(
    _ event: GatewayNotice.Event, own: String? = GatewayReference.refund(id).text,
    minor: Int64 = 4_999, modification: String? = "psp_refund", account: String? = "main"
  ) -> GatewayNotice {
    GatewayNotice(
      gateway: .stripe, deduplicationKey: "k", isLive: false, occurredAt: nil,
      paymentReference: "pi_1", modificationReference: modification,
      echo: Echo(
        reference: "pi_1", amount: Amount(.eur, minor: minor), account: account, ownReference: own),
      event: event)
  }

  static func verdict(_ notice: GatewayNotice, _ refund: Refund) throws -> RefundNoticeRule.Verdict {
    let attempt = try #require(captured.winner?.attempt)
    return RefundNoticeRule.verdict(notice, about: attempt, [refund], Sample.classify)
  }

  static func after(_ notices: [GatewayNotice], _ refund: Refund) throws -> (Refund, [RefundFactKind]) {
    var refund = refund
    var facts: [RefundFactKind] = []
    for notice in notices {
      guard case .apply(_, let event) = try verdict(notice, refund),
        let step = RefundMachine.next(refund, event)
      else { continue }
      refund = step.refund
      facts += step.facts
    }
    return (refund, facts)
  }

  /// Done, then back, and each message twice: one refund and one return, in whatever order.
  @Test func orderAndRepetitionChangeNothing() throws {
    let done = Self.notice(.refund(.succeeded))
    let back = Self.notice(.refundReversed(code: "expired_card"))
    for notices in [[done, done, back, back], [back, done, back, done], [done, back, done, back]] {
      let (refund, facts) = try Self.after(notices, Self.refund(.accepted))
      #expect(refund.state == .failed && facts == [.refunded, .failed])
      #expect(refund.failure == Refund.Failure(code: .reversed, gatewayCode: "expired_card"))
    }
  }

  @Test func anotherAmountOrAccountIsNotBelieved() throws {
    for notice in [
      Self.notice(.refund(.succeeded), minor: 1), Self.notice(.refund(.succeeded), account: "other"),
      Self.notice(.refundReversed(code: "x"), minor: 1),
    ] {
      let (refund, facts) = try Self.after([notice], Self.refund(.accepted))
      #expect(refund.state == .accepted && refund.isConflicted && facts.isEmpty)
    }
  }

  @Test func theGatewaysIdFindsARefundToo() throws {
    let known = Refund(id: Self.id, amount: Self.amount, state: .accepted, reference: "psp_refund")
    let (refund, facts) = try Self.after([Self.notice(.refund(.succeeded), own: nil)], known)
    #expect(refund.state == .succeeded && facts == [.refunded])
  }

  @Test func aRefundThatNobodyAskedForIsForPeople() throws {
    let other = GatewayReference.refund(RefundID(bits: 5)).text
    for notice in [
      Self.notice(.refund(.succeeded), own: other), Self.notice(.refund(.succeeded), own: nil),
      Self.notice(.refund(.succeeded), own: nil, modification: nil),
    ] {
      guard case .alert("refund_without_request", _) = try Self.verdict(notice, Self.refund(.accepted))
      else {
        Issue.record("\(notice)")
        continue
      }
    }
  }

  // MARK: Stripe's list of refunds

  static func page(_ body: String, status: Int = 200) -> FoundRefund? {
    StripeGateway().readRefunds(
      TransferFacts(stage: .answered, requestSize: 1, status: status, body: Array(body.utf8)),
      for: .refund(id))
  }

  @Test func aRefundIsFoundByOurReference() throws {
    let request = try #require(try StripeGateway().refunds(of: "pi_1", after: "re_0"))
    #expect(request.path == "/v1/refunds?payment_intent=pi_1&limit=50&starting_after=re_0")
    #expect(request.method == .get && !request.hasMoneyEffect)
    let ours = GatewayReference.refund(Self.id).text
    let body = """
      {"object":"list","has_more":false,"data":[{"id":"re_9","object":"refund","status":"pending",
      "metadata":{}},{"id":"re_1","object":"refund","amount":4999,"currency":"eur",
      "status":"succeeded","metadata":{"reference":"\(ours)"}}]}
      """
    guard case .found(let found) = Self.page(body) else {
      Issue.record("not found")
      return
    }
    #expect(found.echo.reference == "re_1" && found.state == .succeeded)
    let other = body.replacing(ours, with: "x")
    #expect(Self.page(other) == .absent)
    #expect(Self.page(other.replacing("false", with: "true")) == .more(after: "re_1"))
    #expect(Self.page("{", status: 200) == .failed(.unreadable))
    #expect(Self.page("<html>", status: 502) == .failed(.foreignError(status: 502)))
    #expect(try AdyenGateway().refunds(of: "psp", after: nil) == nil)
  }
}
