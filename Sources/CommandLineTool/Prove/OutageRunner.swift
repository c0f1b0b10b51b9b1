#if TENDER_FAULTS
  import Faults
#endif

/// Carries out a plan's outages, each at its time.
struct OutageRunner: Sendable {
  let outage: Outage
  let simulator: SimulatorControl

  /// - Parameter report: sees each as it happens.
  /// - Returns: what could not be broken.
  func run(
    _ planned: [PlannedOutage], report: @escaping @Sendable (PlannedOutage) -> Void
  ) async -> [String] {
    return await withTaskGroup(of: String?.self) { group in
      for one in planned {
        group.addTask {
          do {
            try await Task.sleep(for: .milliseconds(one.atMilliseconds))
            report(one)
            try await perform(one)
            return nil
          } catch {
            return "\(one.line): \(error)"
          }
        }
      }
      var problems: [String] = []
      for await problem in group { if let problem { problems.append(problem) } }
      return problems
    }
  }

  private func perform(_ planned: PlannedOutage) async throws {
    switch planned.kind {
    case .kill(let service):
      for name in try names(of: service, planned.extent) { try await outage.kill(name) }
    case .stopDatabase: try await outage.stopDatabase()
    case .pause(let service, let milliseconds):
      var victims: [Outage.Victim] = []
      defer {
        for victim in victims { outage.resume(victim) }
        Interruption.stands([])
      }
      for name in try names(of: service, planned.extent) {
        victims.append(try await outage.stop(name))
        Interruption.stands(victims.map(\.pid))
      }
      // One that is killed while it stands still has nothing to wake up from.
      let end = MonotonicClock.milliseconds + milliseconds
      while MonotonicClock.milliseconds < end, victims.contains(where: \.isAlive) {
        do { try await Task.sleep(for: .milliseconds(50)) } catch { break }
      }
    case .refuse(let gateway, let milliseconds):
      try await strike(SimulatorControl.Fault(refusedBy: gateway), for: milliseconds)
    case .loseLists(let gateway, let milliseconds):
      // Requests for its lists are read, and the connection closed without a byte.
      try await strike(
        SimulatorControl.Fault("close_before", at: gateway, operation: "list"), for: milliseconds)
    case .jump(let service, let seconds, let milliseconds):
      try await jump(service, seconds: seconds, milliseconds: milliseconds)
    }
  }

  /// By the folder through which crashes are armed: its processes look there ten times a second, also
  /// those that start meanwhile.
  private func jump(
    _ service: PlatformService, seconds: Int64, milliseconds: Int64
  ) async throws {
    #if TENDER_FAULTS
      let folder = outage.supervisor.checkout.faults
      let board = FaultBoard(root: folder, service: service.rawValue)
      let refused = Failure("\(folder) cannot be written", next: "see who owns it")
      guard board.shiftClock(seconds: seconds) else { throw refused }
      do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch {
        _ = board.shiftClock(seconds: 0)
        throw error
      }
      guard board.shiftClock(seconds: 0) else { throw refused }
    #else
      throw Failure("a build for release has one clock", next: "use one for debugging")
    #endif
  }

  private func names(
    of service: PlatformService, _ extent: PlannedOutage.Extent
  ) throws -> [String] {
    let endpoints = try Endpoints.load(outage.supervisor.checkout)
    let all = endpoints.replicas(of: service).map(\.name)
    return extent == .every ? all : Array(all.prefix(1))
  }

  private func strike(_ fault: SimulatorControl.Fault, for milliseconds: Int64) async throws {
    let rule = try simulator.add(fault)
    do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch {
      try simulator.remove(rule)
      throw error
    }
    try simulator.remove(rule)
  }
}
