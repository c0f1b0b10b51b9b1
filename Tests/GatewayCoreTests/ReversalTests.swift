import Money
import Testing

@testable import GatewayCore

struct ReferenceTests {
  @Test func referencesComeBack() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      let bits = UInt128.random(in: 0...UInt128.max, using: &random)
      let number = Int.random(in: 1...9_999, using: &random)
      for reference in [
        GatewayReference.authorize(AttemptID(bits: bits)),
        .get(AttemptID(bits: bits), try: number), .cancel(AttemptID(bits: bits), try: number),
        .compensate(AttemptID(bits: bits)), .capture(CaptureID(bits: bits), try: number),
        .refund(RefundID(bits: bits)), .setup(SetupIntentID(bits: bits)),
      ] {
        #expect(GatewayReference(reference.text) == reference)
        #expect(reference.text.utf8.count <= GatewayReference.lengthMax)
        #expect(reference.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(!CardNumberDetector.contains(reference.text))
      }
    }
    let good = GatewayReference.authorize(AttemptID(bits: 7)).text
    #expect(GatewayReference(good)?.attemptID == AttemptID(bits: 7))
    for bad in [
      "", "t", String(good.dropLast()), good + "00000", good + "x", "x" + good.dropFirst(),
      String(good.dropLast()) + "0", "tq" + good.dropFirst(2),
    ] {
      #expect(GatewayReference(bad) == nil, "\(bad)")
    }
  }
}

struct ReversalTests {
  @Test func scheduleNeverEnds() {
    let start = Timestamp(seconds: 1_000)
    let seconds = (1...9).map {
      (ReversalSchedule.due(condemnedAt: start, try: $0) - start) / .seconds(1)
    }
    #expect(seconds == [10, 30, 75, 300, 3_600, 21_600, 86_400, 172_800, 259_200])
  }

  @Test func looksBeforeItActsAndNeverReplays() {
    func step(
      _ gateway: GatewayName,
      _ evidence: Evidence,
      reference: String? = "P",
      fresh: Bool = true,
      returned: Int64 = 0
    ) -> ReversalStep {
      ReversalRule.step(
        for: Attempt(
          id: Sample.first,
          sequence: 1,
          gateway: gateway,
          account: "m",
          mode: .authorizeOnly,
          evidence: evidence,
          reference: reference
        ),
        isFresh: fresh,
        returnedMinor: returned
      )
    }
    #expect(step(.stripe, .authorized, fresh: false) == .get(reference: "P"))
    #expect(step(.stripe, .authorized) == .cancel(reference: "P"))
    #expect(step(.stripe, .captured) == .refund(reference: "P"))
    #expect(step(.stripe, .pending) == .wait)
    #expect(step(.stripe, .unknown, reference: nil, fresh: false) == .find)
    #expect(step(.stripe, .unknown, reference: nil) == .wait)
    #expect(step(.adyen, .unknown, reference: nil) == .cancelByReference)
    #expect(step(.adyen, .unknown) == .cancel(reference: "P"))
    #expect(step(.adyen, .captured) == .refund(reference: "P"))
    // What the payer's bank took back, in full or in part, is not given back by us as well.
    for gateway in GatewayName.allCases {
      #expect(step(gateway, .captured, returned: 1) == .wait)
    }
    for done in [Evidence.canceled, .refunded, .notExecuted, .returned] {
      #expect(step(.stripe, done) == .done && step(.adyen, done) == .done)
    }
    let decline = Decline(class: .never, code: "c", gatewayCode: "c")
    #expect(step(.stripe, .declined(decline, isAlive: true)) == .cancel(reference: "P"))
    #expect(step(.stripe, .declined(decline, isAlive: false)) == .done)
  }

  /// A payment that was captured before its release is the payment: no job gives it back.
  @Test func aCapturedWinnerIsNotReleased() {
    let won: [OperationEvent] = [
      Sample.start(Sample.first), .outcome(Sample.first, Sample.settled(.authorized)),
      .close(.canceled, onlyIfUnsent: false),
    ]
    func step(_ events: [OperationEvent]) -> ReversalStep {
      ReversalRule.step(
        about: Sample.first, in: Sample.operation(.manual, events), isFresh: true, returnedMinor: 0)
    }
    #expect(step(won) == .cancel(reference: "pi_1"))
    #expect(step(won + [.outcome(Sample.first, Sample.settled(.captured))]) == .done)
  }

  /// Interleavings 5: once a second attempt exists, evidence is read-only.
  @Test func probesReplayOnlyTheSoleAttempt() {
    func step(
      _ events: [OperationEvent],
      age: Int64 = 8,
      windowIsOpen: Bool = true
    ) -> ProbeStep {
      ProbeRule.step(
        for: Sample.first,
        in: Sample.operation(.automatic, events),
        ageSeconds: age,
        sendWindowIsOpen: windowIsOpen
      )
    }
    let sole = [Sample.start(Sample.first), .outcome(Sample.first, Sample.noAnswer)]
    #expect(step(sole) == .replay)
    // The call that sent it may still try another gateway.
    #expect(step(sole, age: 7) == .find)
    #expect(step(sole, age: 23 * 3_600) == .find)
    #expect(step(sole, windowIsOpen: false) == .find)
    let pair = sole + [Sample.start(Sample.second, .adyen, speculative: true)]
    #expect(step(pair) == .find)
    let adyen = [Sample.start(Sample.first, .adyen), .outcome(Sample.first, Sample.noAnswer)]
    #expect(step(adyen) == .replay && step(adyen, windowIsOpen: false) == .wait)
    #expect(step(sole + [.close(.gaveUp, onlyIfUnsent: false)]) == .wait)
    let known = [Sample.start(Sample.first), .outcome(Sample.first, Sample.bankPending)]
    #expect(step(known) == .get(reference: "pi_1"))
  }
}
