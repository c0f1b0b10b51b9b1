/// One thing that is broken on purpose.
struct PlannedOutage: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case kill(PlatformService)
    /// SIGSTOP, and SIGCONT so much later.
    case pause(PlatformService, milliseconds: Int64)
    case stopDatabase
    /// The gateway's port refuses connections for so long.
    case refuse(gateway: String, milliseconds: Int64)
    /// The gateway reads requests for its lists and closes without a byte, for so long.
    case loseLists(gateway: String, milliseconds: Int64)
    /// The wall clock of all its processes is wrong by so much, for so long.
    case jump(PlatformService, seconds: Int64, milliseconds: Int64)
  }

  /// Which processes of a service, where it has several.
  enum Extent: Sendable, Equatable {
    case every
    /// The others go on meanwhile, and take over.
    case first
  }

  /// Since the load began.
  let atMilliseconds: Int64
  let kind: Kind
  var extent = Extent.every

  var line: String {
    let which = extent == .every ? "" : " (its first process)"
    return switch kind {
    case .kill(let service): "\(service.rawValue) killed\(which)"
    case .pause(let service, let time): "\(service.rawValue) stopped for \(time) ms\(which)"
    case .stopDatabase: "PostgreSQL stopped at once"
    case .refuse(let gateway, let time): "\(gateway) refuses connections for \(time) ms"
    case .loseLists(let gateway, let time): "\(gateway) answers no lists for \(time) ms"
    case .jump(let service, let seconds, let time):
      "the clock of \(service.rawValue) is \(abs(seconds)) s "
        + "\(seconds < 0 ? "behind" : "ahead") for \(time) ms"
    }
  }
}

/// When what is broken. Times are drawn; their order keeps each outage's own point:
///
/// 1. the opening: only the first gateway's lists are away, for the staged payments;
/// 2. the ambush: gateway-router stands still, a payer asks and leaves, intents and then the still
///    gateway-router are killed: a claim without an attempt, and nobody who asks again;
/// 3. gateway-router is killed once more, in the middle of its work;
/// 4. the first gateway refuses connections, long enough for its breaker, which is then left alone
///    until it has closed again;
/// 5. each other service is killed, PostgreSQL stops at once;
/// 6. a process of one service stands still for longer than any lease, and wakes up to what others
///    did. One that payments need does so last: nothing else would happen meanwhile;
/// 7. two services' wall clocks are wrong for a while (`ClockJumps`).
struct OutageSchedule: Sendable, Equatable {
  static let openingMilliseconds: Int64 = 2_400
  static let ambushPaymentAfter: Int64 = 300
  static let ambushKillAfter: Int64 = 1_300
  static let ambushEndAfter: Int64 = 1_600
  static let ambushEndsBefore: Int64 = 5_500
  static let refusalMilliseconds: Int64 = 3_500
  static let standMilliseconds: Int64 = 3_500
  static let lateStandMilliseconds: Int64 = 11_500
  /// Longer than the lease of a claim (5 s), of a relay (9 s), of a look and of a notification
  /// (10 s).
  static let longPauseMilliseconds: Int64 = 12_000
  /// Without them no payment moves.
  static let neededByPayments: Set<PlatformService> = [.intents, .gateway, .vault]

  let ambush: Int64
  let planned: [PlannedOutage]

  /// - Parameter asked: the service of which a process stands still; nil: drawn.
  init(_ random: inout SeededRandom, stands asked: PlatformService? = nil) {
    let ambush = Int64.random(in: 2_600...3_200, using: &random)
    self.ambush = ambush
    let drawn = PlatformService.allCases.randomElement(using: &random) ?? .intents
    let stands = asked ?? drawn
    let standAt =
      Self.neededByPayments.contains(stands) ? Self.lateStandMilliseconds : Self.standMilliseconds
    var planned = [
      PlannedOutage(
        atMilliseconds: 0,
        kind: .loseLists(gateway: "stripe", milliseconds: Self.openingMilliseconds)),
      PlannedOutage(
        atMilliseconds: ambush,
        // The kill ends it; a long time, should the kill fail.
        kind: .pause(.gateway, milliseconds: Self.longPauseMilliseconds)),
      PlannedOutage(atMilliseconds: ambush + Self.ambushKillAfter, kind: .kill(.intents)),
      PlannedOutage(atMilliseconds: ambush + Self.ambushEndAfter, kind: .kill(.gateway)),
      PlannedOutage(
        atMilliseconds: Int64.random(in: 5_700...6_500, using: &random), kind: .kill(.gateway)),
      PlannedOutage(
        atMilliseconds: Int64.random(in: 7_500...8_000, using: &random),
        kind: .refuse(gateway: "stripe", milliseconds: Self.refusalMilliseconds)),
      PlannedOutage(
        atMilliseconds: standAt, kind: .pause(stands, milliseconds: Self.longPauseMilliseconds),
        extent: .first),
      PlannedOutage(
        atMilliseconds: Int64.random(in: 9_000...16_000, using: &random), kind: .stopDatabase),
    ]
    for service in PlatformService.allCases where service != .gateway {
      let times = Self.killTimes(service, standing: service == stands ? standAt : nil)
      planned.append(
        PlannedOutage(
          atMilliseconds: Int64.random(in: times, using: &random), kind: .kill(service),
          extent: Bool.random(using: &random) ? .every : .first))
    }
    planned += ClockJumps.draw(&random)
    self.planned = planned.sorted { $0.atMilliseconds < $1.atMilliseconds }
  }

  /// Never while it stands still; intents' other kill is the ambush's.
  private static func killTimes(
    _ service: PlatformService, standing: Int64?
  ) -> ClosedRange<Int64> {
    let first: Int64 = service == .intents ? 6_500 : openingMilliseconds + 100
    guard let standing else { return first...16_000 }
    return standing == lateStandMilliseconds
      ? first...(standing - 500) : (standing + longPauseMilliseconds + 500)...17_000
  }
}
