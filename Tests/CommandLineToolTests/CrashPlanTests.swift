#if TENDER_FAULTS
  import Faults
  import Testing

  @testable import CommandLineTool

  @Suite struct CrashPlanTests {
    @Test("any few seeds in a row arm every point, at services that pass it", arguments: 0..<24)
    func coverage(first: UInt64) {
      let plans = (0..<CrashPlan.seedsForAll).map {
        CrashPlan(seed: first + UInt64($0), stands: nil)
      }
      #expect(Set(plans.flatMap { $0.planned.map(\.point) }) == Set(CrashPlan.points))
      for one in plans.flatMap(\.planned) {
        #expect(CrashPlan.services(one.point).contains(one.service))
        #expect(CrashPlan.startMilliseconds.contains(one.atMilliseconds))
      }
      #expect(plans[0] == CrashPlan(seed: first, stands: nil))
    }

    @Test("what stands still later is armed before", arguments: 0..<24)
    func standing(seed: UInt64) {
      let plan = ProvePlan(seed: seed, payments: 80, run: "a")
      for one in CrashPlan(seed: seed, stands: plan.stands).planned where one.service == plan.stands {
        #expect(one.atMilliseconds + 2_000 < OutageSchedule.lateStandMilliseconds)
      }
    }

    @Test("a point that no seed came by is missing; one that some seed came by is not")
    func counts() {
      var counts = CrashCounts()
      counts.add(["after_send": false, "after_claim": false])
      counts.add(["after_send": true])
      #expect(counts.missing == ["after_claim"])
      #expect(counts.fired == ["after_send": 1, "after_claim": 0])
      #expect(counts.lines.joined().contains("after_winner"))
    }
  }
#endif
