import Wire

/// Waits until nothing is under way any more, in bounded time.
struct Quiescence: Sendable {
  /// Longer than the third step of a reversal (75 s), with room.
  static let limitSeconds: Int64 = 120
  static let pause: Duration = .milliseconds(500)
  static let secondsBetweenLines: Int64 = 5
  /// A payment of which nobody knows anything is left alone after its window to send (20 s), and a
  /// look that began in it: faults are gone, so that one takes no time.
  static let silentMilliseconds: Int64 = 24_000
  /// What a line names of the rows that are left.
  static let namedMax = 3

  struct State: Sendable {
    var left: [String] = []
    var milliseconds: Int64 = 0

    var isQuiet: Bool { left.isEmpty }
    var line: String {
      let more = left.count > namedMax ? " and \(left.count - namedMax) more" : ""
      return left.prefix(namedMax).joined(separator: ", ") + more
    }
  }

  let session: ServiceSession
  let collector: EvidenceCollector
  let queries: EvidenceQueries
  let chaos: SimulatorChaos
  let supervisor: SupervisorState
  /// The ids of the events that arrived.
  let arrived: @Sendable () -> Set<String>
  /// Notifications about nothing of ours stay in gateway-router's queue.
  let ignoredQueues: Set<String>

  func wait(
    seconds limit: Int64 = limitSeconds, report: (State) -> Void
  ) async throws -> State {
    let start = MonotonicClock.milliseconds
    var said: Int64 = 0
    while true {
      var state = State()
      state.left = try await left()
      state.milliseconds = MonotonicClock.milliseconds - start
      guard !state.isQuiet, state.milliseconds < limit * 1000 else { return state }
      if state.milliseconds >= said + Self.secondsBetweenLines * 1000 {
        report(state)
        said = state.milliseconds
      }
      try await Task.sleep(for: Self.pause)
    }
  }

  /// What is still under way, in the order in which it moves on: a notification that was delivered after
  /// the queues were read, and before it was asked what the gateways still hold, would be seen nowhere.
  private func left() async throws -> [String] {
    let absent = try Outage.absent(supervisor)
    guard absent.isEmpty else { return absent.map { "\($0) is not ready" } }
    guard try await queries.cluster.answers(queries.checkout) else {
      return ["PostgreSQL takes no queries"]
    }
    do {
      let notifications = try chaos.counts().waiting
      var left = notifications > 0 ? ["\(notifications) notifications on their way"] : []
      left += try await UnsentQueues.lines(
        Reads(session: session, merchant: session.merchant), ignoring: ignoredQueues)
      let facts = try await queries.facts()
      left += facts.runningClaims.map { "claim \($0)" } + facts.unsentRows.map { "unsent \($0)" }
      left += facts.openReversals.map { "reversal \($0)" }
      left += facts.openCaptures.map { "capture \($0)" }
      left += try await unfinishedPayments() + unfinishedRefunds()
      return left.isEmpty ? try await unreceived() : left
    } catch let error as CallFailure where error.isWorthRepeating {
      return ["\(error.service.rawValue) does not answer (\(error.code))"]
    }
  }

  private func unfinishedPayments() async throws -> [String] {
    var left: [String] = []
    for merchant in collector.merchants.indices {
      for intent in try await collector.list(merchant) where intent.status == .processing {
        let found = try await collector.intent(intent.id, merchant)
        let newest = found.operations.flatMap(\.attempts).map(\.createdAt).max() ?? 0
        let isOld = MonotonicClock.wallMilliseconds - newest >= Self.silentMilliseconds
        if isOld, found.isSilent(try collector.books(of: intent.id).payments) { continue }
        left.append(intent.id)
      }
    }
    return left
  }

  private func unfinishedRefunds() async throws -> [String] {
    try await collector.pendingRefunds().filter { refund in
      // One that gateway-router has not heard of is driven on.
      guard let begun = refund.begunAt,
        MonotonicClock.wallMilliseconds - begun >= Self.silentMilliseconds
      else { return true }
      return !refund.isSilent(try collector.books(of: refund.intent).refunds)
    }
    .map { "refund \($0.id) of \($0.intent)" }
  }

  private func unreceived() async throws -> [String] {
    let arrived = arrived()
    var left: [String] = []
    for merchant in collector.merchants {
      let reads = Reads(session: session, merchant: merchant)
      var sequence: UInt64 = 0
      while true {
        let page = try await reads.events(after: sequence).events
        left += page.filter { !arrived.contains($0.id) }.map { "delivery of \($0.id)" }
        guard let last = page.last else { break }
        sequence = last.sequence
      }
    }
    return left
  }
}
