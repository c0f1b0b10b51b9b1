import GatewayCore
import Money
import ServiceKit
import Testing

@testable import GatewayService

/// The waits of the jobs, and what shortens them.
struct RecoveryTimesTests {
  private static func read(_ text: String) throws -> RecoveryTimes {
    try RecoveryTimes.read(SettingsSource.reader(fileText: text, environment: [:]))
  }

  @Test func theStandard() throws {
    let times = try Self.read("other = 1")
    #expect(times == RecoveryTimes())
    #expect(times.giveUp(offSession: false) == 900 && times.giveUp(offSession: true) == 259_200)
    #expect([0, 1, 7, 99].map { times.look(after: $0) } == [1, 2, 300, 300])
    #expect(times.firstReversal == 10)
  }

  @Test func oneSettingShortensEveryWait() throws {
    let times = try Self.read("recovery.timeScale = 0.01\ngiveUp.payerPresentSeconds = 600")
    #expect(times.giveUp(offSession: false) == 6 && times.giveUp(offSession: true) == 2_592)
    #expect(times.look(after: 0) == 0.01 && times.firstReversal == 0.1)
    #expect(times.scheduled(864) == 86_400)
    let start = Timestamp(seconds: 1_000)
    let due = (1...3).map {
      (ReversalSchedule.due(condemnedAt: start, try: $0, scale: times.scale) - start)
        / .milliseconds(1)
    }
    #expect(due == [100, 300, 750])
  }

  @Test(arguments: [
    "recovery.timeScale = 0", "recovery.timeScale = 1.5", "giveUp.payerPresentSeconds = 0",
    "giveUp.offSessionSeconds = -1",
  ])
  func whatCannotBeIsRefused(text: String) {
    #expect(throws: SettingsError.self) { try Self.read(text) }
  }
}
