#if TENDER_FAULTS
  import Faults

  /// A crash that is armed over the load, and fires when a process of the service comes by.
  struct PlannedCrash: Sendable, Equatable {
    /// Since the load began.
    let atMilliseconds: Int64
    let point: CrashPoint
    let service: PlatformService
    let passage: Int

    var line: String { "\(service.rawValue) is to die at \(point.rawValue), passage \(passage)" }
  }

  /// Which crash points a seed arms, and when: consecutive seeds share them out, so that a few have
  /// all.
  struct CrashPlan: Sendable, Equatable {
    static let perSeed = 4
    /// After the ambush, which must not be disturbed; before the load thins out.
    static let startMilliseconds: ClosedRange<Int64> = 6_000...15_000
    static let points = CrashPoint.allCases
    /// Seeds that arm every point between them.
    static var seedsForAll: Int { (points.count + perSeed - 1) / perSeed }
    /// Prime to the number of points: neighbours in the list, mostly of one service, are apart.
    private static let stride = 5
    private static let passagesMax = 3

    let planned: [PlannedCrash]

    /// - Parameter stands: the service that stands still later: what is armed of it comes before.
    init(seed: UInt64, stands: PlatformService?) {
      // Numbers of its own: the rest of the plan is as it would be without crashes.
      var random = SeededRandom(seed: ~seed)
      let first = Int(seed % UInt64(Self.points.count)) * Self.perSeed
      planned = (0..<Self.perSeed).map { number in
        let point = Self.points[(first + number) * Self.stride % Self.points.count]
        let service = Self.services(point).randomElement(using: &random) ?? .gateway
        let range = Self.startMilliseconds
        let last = service == stands ? range.lowerBound + 3_000 : range.upperBound
        return PlannedCrash(
          atMilliseconds: Int64.random(in: range.lowerBound...last, using: &random), point: point,
          service: service,
          passage: Self.isRare(point) ? 1 : Int.random(in: 1...Self.passagesMax, using: &random))
      }.sorted { $0.atMilliseconds < $1.atMilliseconds }
    }

    static func services(_ point: CrashPoint) -> [PlatformService] {
      switch point {
      case .afterClaim, .beforeStoredAnswer, .afterStoredAnswer: [.intents]
      case .afterAttempt, .afterSend, .afterGatewayAnswer, .afterWinner, .afterCaptureRequest,
        .afterCaptureAnswer, .afterReversalRequest, .afterRefundRow, .afterRefundRequest:
        [.gateway]
      case .afterOutboxClaim, .afterOutboxSend: [.intents, .gateway]
      }
    }

    private static func isRare(_ point: CrashPoint) -> Bool {
      switch point {
      case .afterReversalRequest, .afterCaptureRequest, .afterCaptureAnswer, .afterRefundRow,
        .afterRefundRequest:
        true
      default: false
      }
    }
  }
#endif
