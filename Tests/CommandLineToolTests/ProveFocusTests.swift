import Testing

@testable import CommandLineTool

@Suite struct ProveFocusTests {
  @Test("at fences, a process of intents stands still that was at work before", arguments: 1...20)
  func fences(seed: UInt64) throws {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a", focus: .fences)
    #expect(plan.stands == .intents)
    let pause = PlannedOutage.Kind.pause(.intents, milliseconds: ProveFocus.fencePauseMilliseconds)
    let pauses = plan.outages.filter { $0.kind == pause }
    #expect(pauses.map(\.atMilliseconds) == ProveFocus.fencePauses)
    #expect(pauses.allSatisfy { $0.extent == .first })
    let first = try #require(ProveFocus.fencePauses.first)
    #expect(
      plan.outages.filter { $0.kind == .kill(.intents) }.allSatisfy {
        $0.atMilliseconds < first - 2_000
      })
    #expect(plan.payments.allSatisfy { $0.leaves || $0.capture == .manual && !$0.steps.isEmpty })
    #expect(plan.payments.count(where: \.leaves) == 1)
  }

  @Test("suspects keep the plan and break the gateways")
  func suspects() {
    let plan = ProvePlan(seed: 3, payments: 80, run: "a", focus: .suspects)
    #expect(plan == ProvePlan(seed: 3, payments: 80, run: "a"))
    #expect(ProveFocus.suspects.faults(of: plan.payments[0]).count == 2)
  }
}
