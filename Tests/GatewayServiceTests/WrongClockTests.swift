import TestSupport
import Testing
import Wire

@testable import GatewayService

/// A process's wall clock may be hours wrong: what is due later is due by the database's clock.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct WrongClockTests {
  @Test(arguments: [7_200, -7_200]) func itPutsNothingOff(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      // Nobody ever knows.
      try await harness.gateways.inject("stripe", "error_500")
      #expect(try await harness.first.execute(harness.order(offSession: true)).kinds == [.unknown])
      let looks = try await harness.value(
        "select count(*) from attempt where look_at between now() and now() + interval '1 hour'",
        as: Int64.self)
      #expect(looks == 1)
      let told = try await harness.value(
        "select count(*) from outbox where not_before <= now() + interval '1 minute'",
        as: Int64.self)
      #expect(told == 1)
    }
  }
}
