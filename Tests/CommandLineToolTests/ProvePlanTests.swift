import Testing

@testable import CommandLineTool

#if TENDER_FAULTS
  import Faults
#endif

@Suite struct ProvePlanTests {
  private static let seeds = Array(UInt64(1)...40)

  @Test("the same seed is the same plan; another seed, or another run's keys, is not")
  func repeats() {
    for seed in Self.seeds {
      let plan = ProvePlan(seed: seed, payments: 80, run: "a")
      #expect(plan == ProvePlan(seed: seed, payments: 80, run: "a"))
      #expect(plan.payments != ProvePlan(seed: seed + 1_000, payments: 80, run: "a").payments)
      let other = ProvePlan(seed: seed, payments: 80, run: "b")
      #expect(Set(plan.payments.map(\.key)).isDisjoint(with: other.payments.map(\.key)))
      #expect(plan.outages == other.outages)
      #expect(plan.payments.map(\.steps) == other.payments.map(\.steps))
    }
  }

  @Test("faults match by amount; merchants share keys, payments of one do not", arguments: seeds)
  func identities(seed: UInt64) {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a")
    #expect(Set(plan.payments.map(\.amountMinor)).count == 80)
    #expect(Set(plan.payments.map(\.description)).count == 80)
    for merchant in 0..<ProvePlan.merchants {
      let keys = plan.payments.filter { $0.merchant == merchant }.map(\.key)
      #expect(Set(keys).count == keys.count)
    }
    #expect(Set(plan.payments.map(\.key)).count == 80 / ProvePlan.merchants)
    #expect(plan.payments.allSatisfy { payment in
      payment.steps.allSatisfy { step in
        switch step {
        case .capture(let amount), .captureAgainstCancel(let amount):
          (1...payment.amountMinor).contains(amount)
        case .twoCaptures(let one, let two):
          (1...payment.amountMinor).contains(one) && (1...payment.amountMinor).contains(two)
        case .refund(let amounts):
          !amounts.isEmpty && amounts.allSatisfy { (0...payment.amountMinor).contains($0) }
        default: true
        }
      }
    })
  }

  @Test("every plan has what its paths need", arguments: seeds)
  func content(seed: UInt64) {
    for count in [ProvePlan.paymentsMin, 80, 200] {
      let plan = ProvePlan(seed: seed, payments: count, run: "a")
      let leaving = plan.payments.filter(\.leaves)
      #expect(leaving.count == 1 && leaving.allSatisfy { $0.callers == 1 && $0.faults.isEmpty })
      #expect(plan.payments.contains { $0.callers > 1 })
      let faults = plan.payments.flatMap(\.faults)
      for staged in ["authorize", "cancel", "refund"] {
        #expect(faults.contains { $0.operation == staged })
      }
      #expect(plan.payments.contains { $0.capture == .manual })
      for service in PlatformService.allCases {
        #expect(plan.outages.contains { $0.kind == .kill(service) })
      }
      #expect(plan.outages.contains { $0.kind == .stopDatabase })
    }
  }

  @Test(
    "the ambush: asked while gateway-router stands still, then both are killed", arguments: seeds)
  func ambush(seed: UInt64) throws {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a")
    let leaving = plan.payments.first { $0.leaves }
    let asked = try #require(leaving).startMilliseconds
    let pauses = plan.outages.filter { outage in
      if case .pause(.gateway, _) = outage.kind { true } else { false }
    }
    let still = try #require(pauses.first)
    func kills(_ service: PlatformService) -> [Int64] {
      plan.outages.filter { $0.kind == .kill(service) }.map(\.atMilliseconds)
    }
    let intents = try #require(kills(.intents).first)
    let router = try #require(kills(.gateway).first)
    #expect(still.atMilliseconds < asked && asked + 500 < intents && intents < router)
    #expect(kills(.intents).dropFirst().allSatisfy { $0 > router + 1_000 })
  }

  @Test(
    "one service stands still for longer than every lease and is not killed meanwhile",
    arguments: seeds)
  func standsStill(seed: UInt64) throws {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a")
    let pauses = plan.outages.compactMap { outage -> (PlatformService, Int64, Int64)? in
      guard case .pause(let service, let time) = outage.kind else { return nil }
      return (service, outage.atMilliseconds, time)
    }
    // The other pause is the ambush's, which a kill ends.
    let ambush = plan.payments.first { $0.leaves }?.startMilliseconds ?? 0
    let (service, start, time) = try #require(
      pauses.first { $0.1 != ambush - OutageSchedule.ambushPaymentAfter })
    #expect(time > 10_000)
    let killed = plan.outages.contains {
      $0.kind == .kill(service) && (start...(start + time)).contains($0.atMilliseconds)
    }
    #expect(!killed)
  }

  @Test("payers who leave ask for payments of their own, before the load", arguments: seeds)
  func departures(seed: UInt64) {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a")
    #expect(plan.departures.count == ProvePlan.departuresCount)
    #expect(Set(plan.everyPayment.map(\.amountMinor)).count == plan.everyPayment.count)
    #expect(Set(plan.everyPayment.map(\.number)).count == plan.everyPayment.count)
    let keys = Set(plan.payments.map(\.key))
    #expect(plan.departures.allSatisfy { !keys.contains($0.key) && $0.faults.isEmpty })
  }

  #if TENDER_FAULTS
    @Test("three clocks jump, by minutes or hours, one of them met by payments", arguments: seeds)
    func jumps(seed: UInt64) throws {
      let plan = ProvePlan(seed: seed, payments: 80, run: "a")
      let jumps = plan.outages.compactMap { outage -> (PlatformService, Int64, Int64, Int64)? in
        guard case .jump(let service, let seconds, let time) = outage.kind else { return nil }
        return (service, seconds, outage.atMilliseconds, time)
      }
      #expect(jumps.count == 3)
      let deciding = try #require(jumps.first)
      #expect(ClockJumps.deciding.contains(deciding.0))
      for those in [ClockJumps.recording, ClockJumps.idle] {
        #expect(jumps.dropFirst().count(where: { those.contains($0.0) }) == 1)
      }
      for (service, seconds, start, time) in jumps {
        #expect(abs(seconds) >= 60 && abs(seconds) <= FaultOrders.clockShiftSecondsMax)
        #expect(service != .webhooks || abs(seconds) < 300)
        #expect(start > OutageSchedule.ambushEndsBefore && start + time < ProvePlan.loadMilliseconds)
      }
      let refused = plan.outages.first {
        if case .refuse = $0.kind { true } else { false }
      }
      // Enough of that time is left for the breaker to open.
      let refusal = try #require(refused).atMilliseconds
      #expect(deciding.2 + deciding.3 <= refusal + OutageSchedule.refusalMilliseconds - 2_000)
    }

    @Test("over a few seeds every such clock jumps both ways")
    func jumpsBothWays() {
      let jumps = Self.seeds.flatMap { ProvePlan(seed: $0, payments: 80, run: "a").outages }
        .compactMap { outage -> String? in
          guard case .jump(let service, let seconds, _) = outage.kind else { return nil }
          return "\(service.rawValue) \(seconds < 0 ? "behind" : "ahead")"
        }
      let services = ClockJumps.deciding + ClockJumps.recording + ClockJumps.idle
      #expect(Set(jumps).count == 2 * services.count)
    }
  #endif

  @Test("nothing is broken before the staged payments have met what they are staged for")
  func opening() {
    for seed in Self.seeds {
      let plan = ProvePlan(seed: seed, payments: 80, run: "a")
      let early = plan.outages.filter { $0.atMilliseconds < OutageSchedule.openingMilliseconds }
      #expect(
        early.map(\.kind) == [
          .loseLists(gateway: "stripe", milliseconds: OutageSchedule.openingMilliseconds)
        ])
      let staged = Encounter.all(ambush: 3_000)
      let starts = plan.payments.prefix(staged.count - 1).map(\.startMilliseconds)
      #expect(starts.allSatisfy { $0 + 1_000 < OutageSchedule.openingMilliseconds })
    }
  }

  @Test("a breaker that opens is left alone until it is probed; what stays unknown begins early")
  func order() throws {
    for seed in Self.seeds {
      let plan = ProvePlan(seed: seed, payments: 80, run: "a")
      let refused = plan.outages.first {
        if case .refuse = $0.kind { true } else { false }
      }
      let start = try #require(refused).atMilliseconds
      #expect(!plan.outages.contains { $0.kind == .kill(.gateway) && $0.atMilliseconds > start })
      // Twice the breaker's shortest opening, and payments go on until then.
      #expect(start + OutageSchedule.refusalMilliseconds + 5_000 < ProvePlan.loadMilliseconds)
      let calm = plan.payments.filter { $0.startMilliseconds >= ProvePlan.calmMilliseconds }
      #expect(calm.allSatisfy { $0.faults.allSatisfy { $0.operation != "authorize" } })
      #expect(ProvePlan.calmMilliseconds >= start + OutageSchedule.refusalMilliseconds)
      for payment in plan.payments where payment.faults.contains(where: {
        FaultDecks.silencing.contains($0.fault) && $0.operation == "authorize"
      }) {
        #expect(payment.startMilliseconds < ProvePlan.silencingMilliseconds)
      }
    }
  }

  @Test("no fault comes again before each has come once")
  func decks() {
    var decks = FaultDecks()
    var random = SeededRandom(seed: 5)
    let parts: [(FaultDecks.Part, [String])] = [
      (.middle, FaultDecks.authorize), (.early, FaultDecks.silencing + FaultDecks.authorize),
    ]
    for (part, deck) in parts {
      let drawn = (0..<300).compactMap { decks.draw(Int64($0), part, &random) }
        .filter { $0.operation == "authorize" }
      for start in stride(from: 0, to: drawn.count - deck.count, by: deck.count) {
        #expect(Set(drawn[start..<(start + deck.count)].map(\.fault)) == Set(deck))
      }
      #expect(drawn.count > 2 * deck.count)
    }
  }

  @Test("over a few seeds every fault, step and standing service comes up")
  func coverage() {
    let plans = Self.seeds.map { ProvePlan(seed: $0, payments: 80, run: "a") }
    let faults = Set(plans.flatMap { $0.payments.flatMap { $0.faults.map(\.fault) } })
    let decks = FaultDecks.authorize + FaultDecks.silencing + FaultDecks.capture + FaultDecks.refund
    #expect(faults == Set(decks))
    let standing = plans.compactMap { plan -> PlatformService? in
      let ambush = plan.payments.first { $0.leaves }?.startMilliseconds ?? 0
      for outage in plan.outages {
        if case .pause(let service, _) = outage.kind,
          outage.atMilliseconds != ambush - OutageSchedule.ambushPaymentAfter
        {
          return service
        }
      }
      return nil
    }
    #expect(Set(standing) == Set(PlatformService.allCases))
    let steps = plans.flatMap { $0.payments.flatMap(\.steps) }
    for step in [
      ProvePlan.Step.repeatCall, .otherPayload, .askAsOther, .cancel, .refundAsOther,
      .refundNonsense, .refund(amountsMinor: [0]),
    ] {
      #expect(steps.contains(step))
    }
  }
}
