/// Wall clocks that are wrong for a while, forwards or back, by minutes or hours; only builds for
/// debugging have such clocks.
///
/// What services do by their own clock: intents says until when a payment may be sent, and
/// gateway-router keeps to it; gateway-router tells by it how old a signature is and whether a list
/// of events was walked since its start; webhooks signs with it; all of them date rows, events and
/// ids. Leases, schedules, ages, giving up, what is billed when and whatever else processes share run
/// on the database's clock. So a payment that is asked for while the two disagree may be refused
/// unsent (`send_window_passed`), an alert about a silent gateway may come too soon, and
/// notifications may be refused until their gateway repeats them: nothing more.
enum ClockJumps {
  /// Two that payments meet, while no gateway is away: a payment that is refused unsent opens no breaker.
  static let deciding: [PlatformService] = [.intents, .gateway]
  static let decidingAt: ClosedRange<Int64> = 6_600...6_900
  static let decidingMilliseconds: Int64 = 1_500
  /// Those behind them.
  static let recording: [PlatformService] = [.ledger, .vault, .webhooks]
  /// Has nothing to bill in the load: it has to live through it, beside the others.
  static let idle: [PlatformService] = [.billing]
  static let recordingAt: ClosedRange<Int64> = 12_000...14_000
  static let recordingMilliseconds: ClosedRange<Int64> = 1_500...2_500

  static let seconds: ClosedRange<Int64> = 120...7_200
  /// A receiver refuses what is signed five minutes off, rightly: that would only show that it does.
  static let signingSeconds: ClosedRange<Int64> = 60...240

  static func draw(_ random: inout SeededRandom) -> [PlannedOutage] {
    #if TENDER_FAULTS
      let deciding = jump(of: deciding, &random)
      let recording = jump(of: recording, &random)
      let idle = jump(of: idle, &random)
      return [
        PlannedOutage(
          atMilliseconds: Int64.random(in: decidingAt, using: &random),
          kind: .jump(
            deciding.service, seconds: deciding.seconds, milliseconds: decidingMilliseconds)),
        PlannedOutage(
          atMilliseconds: Int64.random(in: recordingAt, using: &random),
          kind: .jump(
            recording.service, seconds: recording.seconds,
            milliseconds: Int64.random(in: recordingMilliseconds, using: &random))),
        PlannedOutage(
          atMilliseconds: Int64.random(in: recordingAt, using: &random),
          kind: .jump(
            idle.service, seconds: idle.seconds,
            milliseconds: Int64.random(in: recordingMilliseconds, using: &random))),
      ]
    #else
      return []
    #endif
  }

  #if TENDER_FAULTS
    private static func jump(
      of services: [PlatformService], _ random: inout SeededRandom
    ) -> (service: PlatformService, seconds: Int64) {
      let service = services.randomElement(using: &random) ?? services[0]
      let size = Int64.random(in: service == .webhooks ? signingSeconds : seconds, using: &random)
      return (service, Bool.random(using: &random) ? size : -size)
    }
  #endif
}
