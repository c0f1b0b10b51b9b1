/// One thing that is broken on purpose.
struct PlannedOutage: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case kill(PlatformService)
    /// SIGSTOP, and SIGCONT so much later.
    case pause(PlatformService, milliseconds: Int64)
    case stopDatabase
    /// The gateway's port refuses connections for so long.
    case refuse(gateway: String, milliseconds: Int64)
  }

  /// Since the load began.
  let atMilliseconds: Int64
  let kind: Kind

  var line: String {
    switch kind {
    case .kill(let service): "\(service.rawValue) killed"
    case .pause(let service, let time): "\(service.rawValue) stopped for \(time) ms"
    case .stopDatabase: "PostgreSQL stopped at once"
    case .refuse(let gateway, let time): "\(gateway) refuses connections for \(time) ms"
    }
  }
}

/// When what is broken. Times are drawn; their order keeps each outage's own point:
///
/// 1. the ambush: gateway-router stands still, a payer asks and leaves, intents and then the still
///    gateway-router are killed: a claim without an attempt, and nobody who asks again;
/// 2. the first gateway refuses connections, long enough for its breaker;
/// 3. each service is killed once more, PostgreSQL stops at once;
/// 4. one service stands still for longer than any lease, and wakes up to what others did.
struct OutageSchedule: Sendable, Equatable {
  static let ambushPaymentAfter: Int64 = 300
  static let ambushKillAfter: Int64 = 1_300
  static let ambushEndAfter: Int64 = 1_600
  static let refusalMilliseconds: Int64 = 4_000
  static let standMilliseconds: Int64 = 12_000
  /// Longer than the lease of a claim (15 s), of a relay (9 s), of a look (10 s).
  static let longPauseMilliseconds: Int64 = 16_500

  let ambush: Int64
  let planned: [PlannedOutage]

  init(_ random: inout SeededRandom) {
    let ambush = Int64.random(in: 2_500...3_500, using: &random)
    self.ambush = ambush
    let stands = PlatformService.allCases.randomElement(using: &random) ?? .intents
    var planned = [
      PlannedOutage(
        atMilliseconds: ambush,
        // The kill ends it; a long time, should the kill fail.
        kind: .pause(.gateway, milliseconds: Self.longPauseMilliseconds)),
      PlannedOutage(atMilliseconds: ambush + Self.ambushKillAfter, kind: .kill(.intents)),
      PlannedOutage(atMilliseconds: ambush + Self.ambushEndAfter, kind: .kill(.gateway)),
      PlannedOutage(
        atMilliseconds: Int64.random(in: 6_500...7_500, using: &random),
        kind: .refuse(gateway: "stripe", milliseconds: Self.refusalMilliseconds)),
      PlannedOutage(
        atMilliseconds: Self.standMilliseconds,
        kind: .pause(stands, milliseconds: Self.longPauseMilliseconds)),
      PlannedOutage(
        atMilliseconds: Int64.random(in: 13_000...18_000, using: &random), kind: .stopDatabase),
    ]
    for service in PlatformService.allCases {
      // What stands still later is killed before it; the two of the ambush only after it.
      let first: Int64 = service == .intents || service == .gateway ? 11_000 : 500
      let last: Int64 = service == stands ? 11_500 : 18_500
      planned.append(
        PlannedOutage(
          atMilliseconds: Int64.random(in: first...last, using: &random), kind: .kill(service)))
    }
    self.planned = planned.sorted { $0.atMilliseconds < $1.atMilliseconds }
  }
}
