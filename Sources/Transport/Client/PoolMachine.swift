/// Which connection a call goes to, and when to connect: a client's addresses as a state machine.
/// Pure: each event returns what is to be done, in order.
///
/// A call that finds no connection waits while any address is being connected, and fails with
/// `unavailable` as soon as none is; a call that is willing to wait for ready stays. An address
/// whose connection has ended orderly is connected again by the next call, not before.
struct PoolMachine {
  enum Action: Hashable {
    case connect(address: Int)
    case retry(address: Int, afterMilliseconds: Int)
    case start(call: UInt64, address: Int)
    case fail(call: UInt64, Failure)
  }

  enum Failure: Hashable {
    /// No address could be connected.
    case noConnection
    /// Too many calls wait.
    case queueFull
    case shutDown
  }

  private enum Endpoint: Hashable {
    case idle
    case connecting
    /// The connection's open calls and how many the peer allows.
    case ready(open: Int, limit: Int)
    case backingOff
  }

  private struct Waiting {
    let call: UInt64
    let waitsForReady: Bool
  }

  private let limits: TransportLimits
  private var endpoints: [Endpoint]
  private var failures: [Int]
  private var waiting: [Waiting] = []
  private var next = 0
  private var isStarted = false
  private(set) var isShutDown = false

  init(addresses: Int, limits: TransportLimits) {
    self.limits = limits
    endpoints = Array(repeating: .idle, count: addresses)
    failures = Array(repeating: 0, count: addresses)
  }

  var waitingCount: Int { waiting.count }

  // MARK: - Calls

  /// The address of a ready connection with room, taken at once; nil: use `request`.
  mutating func takeReady() -> Int? {
    guard isStarted, !isShutDown, waiting.isEmpty else { return nil }
    return takeRoom()
  }

  /// A call wants a connection.
  mutating func request(call: UInt64, waitsForReady: Bool) -> [Action] {
    guard !isShutDown else { return [.fail(call: call, .shutDown)] }
    guard waiting.count < limits.waitingCallsMax else { return [.fail(call: call, .queueFull)] }
    waiting.append(Waiting(call: call, waitsForReady: waitsForReady))
    guard isStarted else { return [] }
    return connectIdle() + assign() + failHopeless()
  }

  /// A waiting call does not want one any more.
  mutating func cancel(call: UInt64) {
    waiting.removeAll { $0.call == call }
  }

  /// A call that was started on the address's present connection has ended.
  mutating func freed(address: Int, limit: Int) -> [Action] {
    guard case .ready(let open, _) = endpoints[address] else { return [] }
    endpoints[address] = .ready(open: max(0, open - 1), limit: limit)
    return waiting.isEmpty ? [] : assign()
  }

  // MARK: - Connections

  mutating func start() -> [Action] {
    guard !isStarted, !isShutDown else { return [] }
    isStarted = true
    return connectIdle()
  }

  mutating func connected(address: Int, limit: Int) -> [Action] {
    guard case .connecting = endpoints[address] else { return [] }
    endpoints[address] = .ready(open: 0, limit: limit)
    failures[address] = 0
    return assign()
  }

  /// - Parameter jitter: 0 to 1; the pause is 80 to 120 % of the nominal one.
  mutating func connectFailed(address: Int, jitter: Double) -> [Action] {
    guard case .connecting = endpoints[address] else { return [] }
    endpoints[address] = .backingOff
    let pause = pauseMilliseconds(failures: failures[address], jitter: jitter)
    failures[address] += 1
    return [.retry(address: address, afterMilliseconds: pause)] + failHopeless()
  }

  mutating func retryDue(address: Int) -> [Action] {
    guard case .backingOff = endpoints[address], !isShutDown else { return [] }
    endpoints[address] = .connecting
    return [.connect(address: address)]
  }

  /// The connection takes no new calls, or is gone.
  mutating func ended(address: Int) -> [Action] {
    guard case .ready = endpoints[address] else { return [] }
    endpoints[address] = .idle
    return waiting.isEmpty ? [] : connectIdle()
  }

  mutating func shutDown() -> [Action] {
    isShutDown = true
    let failed = waiting.map { Action.fail(call: $0.call, .shutDown) }
    waiting = []
    return failed
  }

  // MARK: - Inside

  private mutating func connectIdle() -> [Action] {
    guard !isShutDown else { return [] }
    var actions: [Action] = []
    for address in endpoints.indices where endpoints[address] == .idle {
      endpoints[address] = .connecting
      actions.append(.connect(address: address))
    }
    return actions
  }

  private mutating func takeRoom() -> Int? {
    for offset in 0..<endpoints.count {
      let address = (next + offset) % endpoints.count
      guard case .ready(let open, let limit) = endpoints[address], open < limit else { continue }
      endpoints[address] = .ready(open: open + 1, limit: limit)
      next = (address + 1) % endpoints.count
      return address
    }
    return nil
  }

  private mutating func assign() -> [Action] {
    var actions: [Action] = []
    while let first = waiting.first, let address = takeRoom() {
      waiting.removeFirst()
      actions.append(.start(call: first.call, address: address))
    }
    return actions
  }

  private mutating func failHopeless() -> [Action] {
    let hasHope = endpoints.contains { endpoint in
      switch endpoint {
      case .connecting, .ready: true
      case .idle, .backingOff: false
      }
    }
    guard !hasHope else { return [] }
    let failed = waiting.filter { !$0.waitsForReady }
    waiting.removeAll { !$0.waitsForReady }
    return failed.map { .fail(call: $0.call, .noConnection) }
  }

  private func pauseMilliseconds(failures: Int, jitter: Double) -> Int {
    var pause = Double(limits.backoffFirstMilliseconds)
    for _ in 0..<min(failures, 64) where pause < Double(limits.backoffMaxMilliseconds) {
      pause *= 1.6
    }
    pause = min(pause, Double(limits.backoffMaxMilliseconds))
    return Int(pause * (0.8 + 0.4 * min(max(jitter, 0), 1)))
  }
}
