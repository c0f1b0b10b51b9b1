#if TENDER_FAULTS
  import Faults

  /// Arms a plan's crashes, each at its time, and says afterwards which have fired.
  struct CrashRunner: Sendable {
    let checkout: Checkout

    private func board(_ service: PlatformService) -> FaultBoard {
      FaultBoard(root: checkout.faults, service: service.rawValue)
    }

    /// - Returns: what could not be armed.
    func run(
      _ planned: [PlannedCrash], report: @escaping @Sendable (PlannedCrash) -> Void
    ) async -> [String] {
      let start = MonotonicClock.milliseconds
      for one in planned {
        do {
          let left = one.atMilliseconds - (MonotonicClock.milliseconds - start)
          try await Task.sleep(for: .milliseconds(max(0, left)))
        } catch { return ["\(one.line): \(error)"] }
        report(one)
        guard board(one.service).arm(one.point, passage: one.passage) else {
          return ["\(one.line): \(checkout.faults) cannot be written"]
        }
      }
      return []
    }

    /// Takes every order back.
    /// - Returns: by point, whether it was carried out.
    func settle(_ planned: [PlannedCrash]) -> [String: Bool] {
      Dictionary(
        planned.map { ($0.point.rawValue, board($0.service).settle($0.point)) },
        uniquingKeysWith: { $0 || $1 })
    }

    /// What an earlier run left behind: crashes and wrong clocks.
    func clear() {
      for service in PlatformService.allCases {
        let board = board(service)
        _ = board.shiftClock(seconds: 0)
        for point in CrashPoint.allCases { _ = board.settle(point) }
      }
    }
  }
#endif
