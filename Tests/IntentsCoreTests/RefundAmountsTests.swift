import IntentsCore
import Money
import TestSupport
import Testing

/// What a refund may give back, as sums of rows.
struct RefundAmountsTests {
  /// Captured, taken by refunds that are not proven failed, asked for (nil: all) → given or refused.
  @Test(arguments: [
    (100, 0, nil, Optional(100)), (100, 0, 60, 60), (100, 0, 100, 100), (100, 0, 101, nil),
    (100, 60, 40, 40), (100, 60, 41, nil), (100, 60, 60, nil), (100, 60, nil, 40),
    (100, 100, nil, nil), (100, 100, 1, nil), (0, 0, nil, nil), (100, 0, 0, nil), (100, 0, -1, nil),
    (100, 120, nil, nil),
  ] as [(Int64, Int64, Int64?, Int64?)])
  func refund(captured: Int64, reserved: Int64, asked: Int64?, given: Int64?) {
    let amounts = IntentAmounts(
      intendedMinor: 100, authorizedMinor: 100, capturedMinor: captured,
      refundsReservedMinor: reserved)
    #expect((try? amounts.refund(requestedMinor: asked, in: .succeeded).get()) == given)
  }

  /// What the payer's bank took back cannot be given back again.
  @Test(arguments: [
    (100, 0, 100, nil, nil), (100, 0, 40, nil, Optional(60)), (100, 60, 40, nil, nil),
    (100, 30, 40, 30, 30), (100, 30, 40, 31, nil), (100, 100, 100, 1, nil),
  ] as [(Int64, Int64, Int64, Int64?, Int64?)])
  func returns(captured: Int64, reserved: Int64, returned: Int64, asked: Int64?, given: Int64?) {
    let amounts = IntentAmounts(
      intendedMinor: 100, authorizedMinor: 100, capturedMinor: captured,
      refundsReservedMinor: reserved, returnedMinor: returned)
    #expect((try? amounts.refund(requestedMinor: asked, in: .succeeded).get()) == given)
  }

  @Test func onlyADebitCanBeTakenBackForEightWeeks() {
    let debited = Timestamp(seconds: 1_700_000_000)
    #expect(ReturnRisk.end(of: .card, debitedAt: debited) == nil)
    #expect(
      ReturnRisk.end(of: .sepaDebit, debitedAt: debited)
        == Timestamp(seconds: 1_700_000_000 + 56 * 86_400))
  }

  @Test func onlyWhatSucceededIsRefundable() {
    let amounts = IntentAmounts(intendedMinor: 100, authorizedMinor: 100, capturedMinor: 100)
    for state in [
      IntentState.created, .requiresAction, .processing(.outcomeUnknown, authorized: false),
      .processing(.capturePending, authorized: true), .requiresCapture, .canceled,
      .failed(.abandonedBeforeSend),
    ] {
      #expect(amounts.refundableMinor(in: state) == 0)
      #expect(
        amounts.refund(requestedMinor: 1, in: state) == .failure(.state(allowed: [.succeeded])))
    }
  }

  @Test func onlyAProvenFailureReleases() {
    #expect(RefundState.pending(.outcomeUnknown).reserves)
    #expect(RefundState.pending(.gatewayPending).reserves)
    #expect(RefundState.succeeded.reserves)
    #expect(!RefundState.failed(RefundFailure(code: "x")).reserves)
  }
}

/// Random captures, refunds and facts in random order: what left the merchant never exceeds what was
/// captured, whatever fails late.
struct RefundPropertyTests {
  private struct Model {
    var amounts: IntentAmounts
    var refunds: [(minor: Int64, state: RefundState, left: Bool)] = []

    mutating func ask(_ minor: Int64?) {
      amounts.refundsReservedMinor = refunds.filter(\.state.reserves).reduce(0) { $0 + $1.minor }
      guard case .success(let given) = amounts.refund(requestedMinor: minor, in: .succeeded) else {
        return
      }
      refunds.append((given, .pending(.outcomeUnknown), false))
    }

    mutating func hear(_ index: Int, _ fact: RefundFact) {
      guard let step = RefundMachine.next(refunds[index].state, fact) else { return }
      refunds[index].state = step.state
      if step.notices.contains(.bookRefund) { refunds[index].left = true }
      if step.notices.contains(.bookReturn) { refunds[index].left = false }
    }

    /// A gateway that keeps its word: a refund that failed without having left never leaves.
    mutating func step(_ random: inout some RandomNumberGenerator) {
      guard !refunds.isEmpty, Bool.random(using: &random) else {
        ask(Bool.random(using: &random) ? nil : Int64.random(in: -5...120, using: &random))
        return
      }
      let index = Int.random(in: 0..<refunds.count, using: &random)
      let facts: [RefundFact] = [
        .pending, .refunded, .failed(RefundFailure(code: "refund_failed")),
      ]
      let fact = facts[Int.random(in: 0..<3, using: &random)]
      if case .failed = refunds[index].state, fact == .refunded { return }
      hear(index, fact)
    }

    var outMinor: Int64 { refunds.filter(\.left).reduce(0) { $0 + $1.minor } }
    var takenMinor: Int64 { refunds.filter(\.state.reserves).reduce(0) { $0 + $1.minor } }
  }

  @Test func neverMoreThanWasCaptured() {
    let seed = Seed.current
    var random = Seed.random("refunds")
    var begun = 0
    for run in 0..<2_000 {
      let captured = Int64.random(in: 0...120, using: &random)
      var model = Model(
        amounts: IntentAmounts(
          intendedMinor: 120, authorizedMinor: 120, capturedMinor: captured))
      for _ in 0..<30 {
        model.step(&random)
        #expect(model.takenMinor <= captured, "seed \(seed), run \(run)")
        #expect(model.outMinor <= captured, "seed \(seed), run \(run)")
        #expect(model.refunds.allSatisfy { $0.minor > 0 }, "seed \(seed), run \(run)")
      }
      begun += model.refunds.count
    }
    #expect(begun > 2_000, "the run has shown nothing")
  }
}
