import Testing

@testable import CommandLineTool

@Suite struct ProveFocusTests {
  @Test("at fences, a process of intents stands still that was at work before", arguments: 1...20)
  func fences(seed: UInt64) throws {
    let plan = ProvePlan(seed: seed, payments: 80, run: "a", focus: .fences)
    #expect(plan.stands == .intents)
    let pause = try #require(plan.outages.last { if case .pause = $0.kind { true } else { false } })
    #expect(pause.extent == .first)
    let before = (pause.atMilliseconds - 5_000)...pause.atMilliseconds
    #expect(!plan.outages.contains { $0.kind == .kill(.intents) && before.contains($0.atMilliseconds) })
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
