/// Who holds which pooled connection and who waits, without any I/O: events in, actions out.
///
/// Connections are opened when somebody waits and fewer than `connectionsMax` exist, or to keep
/// `connectionsMin`. A returned connection that is not idle is closed. Waiters are served in order.
struct PoolMachine<Waiter: Hashable> {
  typealias ConnectionID = Int

  enum Action: Equatable {
    case open(ConnectionID)
    case lease(ConnectionID, Waiter)
    case close(ConnectionID)
    /// The queue is full.
    case refuse(Waiter)
    /// Opening failed; ask `retry` after a pause.
    case pause(attempt: Int)
  }

  private enum State: Equatable {
    case opening, idle, leased
  }

  let connectionsMin: Int
  let connectionsMax: Int
  let waitersMax: Int
  private var states: [ConnectionID: State] = [:]
  /// The last one back is the first one out: the others grow cold and can be closed.
  private var idle: [ConnectionID] = []
  private var waiters = RingBuffer<Waiter>()
  private var nextID = 0
  private var failures = 0
  private var isPaused = false
  private var isShutDown = false

  init(connectionsMin: Int, connectionsMax: Int, waitersMax: Int) {
    self.connectionsMin = connectionsMin
    self.connectionsMax = connectionsMax
    self.waitersMax = waitersMax
  }

  var connectionCount: Int { states.count }
  var idleCount: Int { idle.count }
  var waitingCount: Int { waiters.count }
  var leasedCount: Int { states.values.count { $0 == .leased } }
  private var openingCount: Int { states.values.count { $0 == .opening } }

  /// Opens the minimum.
  mutating func start() -> [Action] { grow() }

  /// Leases an idle connection at once, if there is one.
  mutating func takeIdle() -> ConnectionID? {
    guard !isShutDown, let id = idle.popLast() else { return nil }
    states[id] = .leased
    return id
  }

  mutating func acquire(_ waiter: Waiter) -> [Action] {
    guard !isShutDown else { return [.refuse(waiter)] }
    if let id = takeIdle() { return [.lease(id, waiter)] }
    guard waiters.count < waitersMax else { return [.refuse(waiter)] }
    waiters.append(waiter)
    return grow()
  }

  /// The waiter gave up. Returns false if it was served already.
  mutating func cancel(_ waiter: Waiter) -> Bool {
    !waiters.remove { $0 == waiter }.isEmpty
  }

  mutating func opened(_ id: ConnectionID) -> [Action] {
    guard states[id] == .opening else { return [.close(id)] }
    failures = 0
    return park(id)
  }

  mutating func openingFailed(_ id: ConnectionID) -> [Action] {
    guard states[id] == .opening else { return [] }
    states[id] = nil
    failures += 1
    guard !isPaused, !isShutDown else { return [] }
    isPaused = true
    return [.pause(attempt: failures)]
  }

  /// The pause after a failure is over.
  mutating func retry() -> [Action] {
    isPaused = false
    return grow()
  }

  /// - Parameter isReusable: the server says that no transaction is open and nothing is out.
  mutating func released(_ id: ConnectionID, isReusable: Bool) -> [Action] {
    guard states[id] == .leased else { return [] }
    guard isReusable, !isShutDown else {
      states[id] = nil
      return [.close(id)] + grow()
    }
    return park(id)
  }

  /// The connection ended by itself, leased or idle. Its lease is void.
  mutating func closed(_ id: ConnectionID) -> [Action] {
    guard let state = states.removeValue(forKey: id) else { return [] }
    if state == .idle { idle.removeAll { $0 == id } }
    return grow()
  }

  /// Refuses who waits and closes what is idle; leased connections close on their return.
  mutating func shutDown() -> [Action] {
    isShutDown = true
    var actions = idle.map { Action.close($0) }
    for id in idle { states[id] = nil }
    idle = []
    while let waiter = waiters.popFirst() { actions.append(.refuse(waiter)) }
    return actions
  }

  private mutating func park(_ id: ConnectionID) -> [Action] {
    guard !isShutDown else {
      states[id] = nil
      return [.close(id)]
    }
    if let waiter = waiters.popFirst() {
      states[id] = .leased
      return [.lease(id, waiter)]
    }
    states[id] = .idle
    idle.append(id)
    return []
  }

  private mutating func grow() -> [Action] {
    guard !isShutDown, !isPaused else { return [] }
    var actions: [Action] = []
    while states.count < connectionsMax,
      waiters.count > openingCount || states.count < connectionsMin
    {
      nextID += 1
      states[nextID] = .opening
      actions.append(.open(nextID))
    }
    return actions
  }
}
