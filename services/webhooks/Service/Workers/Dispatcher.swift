import Logging
import Money
import Outbound
import Postgres
import Reactor
import ServiceKit
import WebhooksCore

/// Claims due deliveries and attempts them. Each endpoint has its own lane with its own places, so
/// that one that hangs holds only its own (see `Lane`). On the loop only, `wake` excepted.
final class Dispatcher: @unchecked Sendable {
  /// Lanes in one claim.
  static let claimLanesMax = 128
  static let failurePause = Duration.milliseconds(500)
  /// How long attempts under way may go on at shutdown.
  static let shutdownGrace = Duration.seconds(3)

  private struct LaneState {
    var lane = Lane()
    var inFlight = 0
    /// May have due deliveries; then it is in the queue, or comes there when it gets a place.
    var isDue = false
    var isQueued = false
    var restsUntil: MonotonicInstant?
  }

  private let environment: ServiceEnvironment
  private let settings: WebhookSettings
  private let post: SignedPost
  private let writer: ResultWriter
  private let machine: DeliveryMachine
  private let budget: PlaceBudget
  private var lanes: [EndpointID: LaneState] = [:]
  private var queue: [EndpointID] = []
  private var inFlight = 0
  private var unprovenInFlight = 0
  private var isClaiming = false
  private var isStopped = false
  private var tasks: [UInt64: Task<Void, Never>] = [:]
  private var nextTask: UInt64 = 0

  private var loop: EventLoop { environment.loop }
  /// Attempts under way.
  var inFlightCount: Int { inFlight }

  init(_ environment: ServiceEnvironment, settings: WebhookSettings, post: SignedPost) {
    self.environment = environment
    self.settings = settings
    self.post = post
    machine = DeliveryMachine(schedule: settings.schedule)
    budget = PlaceBudget(placesMax: settings.placesMax)
    writer = ResultWriter(
      loop: environment.loop, database: environment.database, logger: environment.logger)
  }

  func start() {
    loop.execute { [self] in
      track(loop.spawn(name: "webhook poll") { [self] in await poll() })
    }
  }

  /// These endpoints have something to get. From any thread.
  func wake(_ endpoints: Set<EndpointID>) {
    guard !endpoints.isEmpty else { return }
    loop.execute { [self] in
      for endpoint in endpoints { enqueue(endpoint) }
      pump()
    }
  }

  /// Claims nothing more, lets attempts end for a while, then gives the rest back.
  func shutdown() async {
    await withTaskExecutorPreference(loop) {
      isStopped = true
      let end = loop.now.advanced(by: Self.shutdownGrace)
      while inFlight > 0, loop.now < end {
        do { try await loop.sleep(for: .milliseconds(20)) } catch { break }
      }
      for task in tasks.values { task.cancel() }
    }
  }

  /// Ends like a killed process: nothing under way is written or given back.
  func abandon() async {
    await withTaskExecutorPreference(loop) {
      isStopped = true
      isAbandoned = true
      for task in tasks.values { task.cancel() }
    }
  }
  private var isAbandoned = false

  private func track(_ task: Task<Void, Never>) {
    nextTask += 1
    tasks[nextTask] = task
  }

  // MARK: - Finding work

  private func poll() async {
    while !isStopped, !Task.isCancelled {
      var pause = settings.pollInterval
      do {
        let rows = try await environment.database.query(DeliveryStatements.due())
        for endpoint in try rows.column(as: EndpointID.self) { enqueue(endpoint) }
        pump()
      } catch {
        environment.logger.warning("no look for deliveries", metadata: ["error": "\(error)"])
        pause = max(pause, Self.failurePause)
      }
      do { try await loop.sleep(for: pause) } catch { return }
    }
  }

  private func enqueue(_ endpoint: EndpointID) {
    lanes[endpoint, default: LaneState()].isDue = true
    queueIfReady(endpoint)
  }

  private func queueIfReady(_ endpoint: EndpointID) {
    guard let state = lanes[endpoint], state.isDue, !state.isQueued,
      state.inFlight < state.lane.places
    else { return }
    if let rest = state.restsUntil, loop.now < rest { return }
    lanes[endpoint]?.isQueued = true
    queue.append(endpoint)
  }

  /// Claims for as many lanes as there are places, in the order in which they came.
  private func pump() {
    guard !isStopped, !isClaiming, inFlight < budget.placesMax, !queue.isEmpty else { return }
    var asks: [(endpoint: EndpointID, free: Int)] = []
    var kept: [EndpointID] = []
    var (total, unproven) = (inFlight, unprovenInFlight)
    var index = 0
    while index < queue.count, total < budget.placesMax, asks.count < Self.claimLanesMax {
      let endpoint = queue[index]
      index += 1
      guard let state = lanes[endpoint] else { continue }
      let free = budget.free(
        for: state.lane, laneInFlight: state.inFlight, inFlight: total, unprovenInFlight: unproven)
      guard free > 0 else {
        kept.append(endpoint)
        continue
      }
      asks.append((endpoint, free))
      total += free
      if !state.lane.isProven { unproven += free }
      lanes[endpoint]?.isQueued = false
      lanes[endpoint]?.isDue = false
    }
    queue = Array(queue[index...]) + kept
    guard !asks.isEmpty else { return }
    isClaiming = true
    _ = loop.spawn(name: "webhook claim") { [self, asks] in await claim(asks) }
  }

  private func claim(_ asks: [(endpoint: EndpointID, free: Int)]) async {
    do {
      let rows = try await environment.database.query(
        DeliveryStatements.claim(
          asks, at: environment.clock.now, leaseMilliseconds: settings.leaseMilliseconds))
      var counts: [EndpointID: Int] = [:]
      for delivery in try rows.map(DeliveryStatements.claimed) {
        counts[delivery.endpoint, default: 0] += 1
        begin(delivery)
      }
      // Whoever got all it asked for may have more.
      for ask in asks where counts[ask.endpoint, default: 0] >= ask.free {
        lanes[ask.endpoint]?.isDue = true
      }
    } catch {
      environment.logger.warning("no claim of deliveries", metadata: ["error": "\(error)"])
      for ask in asks { lanes[ask.endpoint]?.isDue = true }
      do { try await loop.sleep(for: Self.failurePause) } catch { isStopped = true }
    }
    isClaiming = false
    for ask in asks {
      queueIfReady(ask.endpoint)
      forgetIfIdle(ask.endpoint)
    }
    pump()
  }

  // MARK: - Attempts

  private func begin(_ delivery: ClaimedDelivery) {
    inFlight += 1
    var state = lanes[delivery.endpoint] ?? LaneState()
    state.inFlight += 1
    if !state.lane.isProven { unprovenInFlight += 1 }
    lanes[delivery.endpoint] = state
    nextTask += 1
    let number = nextTask
    tasks[number] = loop.spawn(name: "webhook delivery") { [self] in
      await attempt(delivery)
      tasks[number] = nil
    }
  }

  private func attempt(_ delivery: ClaimedDelivery) async {
    let at = environment.clock.now
    let began = MonotonicInstant.now
    guard
      let request = post.request(
        delivery.event, delivery.body, to: delivery.url, of: delivery.endpoint, delivery.merchant,
        delivery.secrets, timeout: settings.attemptTimeout)
    else {
      await record(
        delivery, .unreachable, at: at, status: nil, began, "the secret cannot be opened")
      return end(delivery, hasAnswered: false)
    }
    let report = await post.client.send(request)
    if isAbandoned { return }
    let reading = AttemptReading(report)
    if let outcome = reading.outcome {
      await record(delivery, outcome, at: at, status: report.status, began, reading.error)
    } else {
      await release(delivery)
    }
    end(delivery, hasAnswered: reading.hasAnswered)
  }

  private func record(
    _ delivery: ClaimedDelivery, _ outcome: AttemptOutcome, at: Timestamp, status: Int?,
    _ began: MonotonicInstant, _ error: String
  ) async {
    guard
      let change = machine.apply(
        .attempted(outcome), state: .pending, tries: delivery.tries, random: .random(in: 0...1))
    else { return }
    let milliseconds = began.duration(to: .now).wholeMillisecondsRoundedUp
    await writer.record(
      AttemptResult(
        delivery: delivery, change: change, at: at, httpStatus: Int32(clamping: status ?? 0),
        durationMilliseconds: Int32(clamping: milliseconds), error: error))
  }

  private func release(_ delivery: ClaimedDelivery) async {
    do {
      // The task may be cancelled: the row is given back all the same.
      let statement = DeliveryStatements.release(delivery)
      let database = environment.database
      let logger = environment.logger
      await loop.spawn(name: "webhook release") {
        do {
          _ = try await database.query(statement)
        } catch {
          logger.warning("a delivery waits for its lease", metadata: ["error": "\(error)"])
        }
      }.value
    }
  }

  private func end(_ delivery: ClaimedDelivery, hasAnswered: Bool) {
    inFlight -= 1
    guard var state = lanes[delivery.endpoint] else { return }
    if !state.lane.isProven { unprovenInFlight -= state.inFlight }
    state.inFlight -= 1
    if hasAnswered {
      state.lane.answered()
      state.restsUntil = nil
    } else {
      let rest = Duration.milliseconds(state.lane.stayedSilent())
      state.restsUntil = loop.now.advanced(by: rest)
      loop.schedule(after: rest + .milliseconds(10)) { [weak self] in
        self?.queueIfReady(delivery.endpoint)
        self?.pump()
      }
    }
    if !state.lane.isProven { unprovenInFlight += state.inFlight }
    lanes[delivery.endpoint] = state
    queueIfReady(delivery.endpoint)
    pump()
  }

  /// Lanes that know nothing worth keeping.
  private func forgetIfIdle(_ endpoint: EndpointID) {
    guard let state = lanes[endpoint], state.inFlight == 0, !state.isDue, !state.isQueued,
      state.lane == Lane()
    else { return }
    lanes[endpoint] = nil
  }
}
