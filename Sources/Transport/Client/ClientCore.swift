internal import Glibc
internal import GRPCCore
internal import Logging
internal import Reactor

/// One call's place in a client: waiting, then open. Its fields are touched on the loop only.
final class CallSlot: @unchecked Sendable {
  fileprivate(set) var id: UInt64 = 0
  fileprivate(set) var waiter: Waiter<Connection>?
  fileprivate(set) var timer: TimerToken?
  fileprivate(set) var call: Call?
  fileprivate(set) var connection: Connection?
  fileprivate(set) var isCancelled = false
}

/// The client transport's part on the loop: carries out what the pool machine says.
///
/// Confinement rule: touched on the loop only. Callers of the async functions are tasks that
/// prefer the loop; they check, and submit when they are elsewhere.
final class ClientCore: ConnectionOwner, @unchecked Sendable {
  private let loop: EventLoop
  private let addresses: [SocketAddress]
  private let tls: TLSIdentity
  private let expecting: PeerIdentity
  private let limits: TransportLimits
  private let logger: Logger
  private var pool: PoolMachine
  private var share: TurnShare?
  /// The connection of each address, from its start until it drains or ends.
  private var current: [Connection?]
  private var connections: [ObjectIdentifier: Connection] = [:]
  private var slots: [UInt64: CallSlot] = [:]
  private var nextCall: UInt64 = 0
  private var continuation: UnsafeContinuation<Void, any Error>?
  private var wasStarted = false
  private var ticker: TimerToken?
  private var retries: [Int: TimerToken] = [:]
  private var lastFailure = "none was tried"

  init(
    loop: EventLoop, addresses: [SocketAddress], tls: TLSIdentity, expecting: PeerIdentity,
    limits: TransportLimits, logger: Logger
  ) {
    self.loop = loop
    self.addresses = addresses
    self.tls = tls
    self.expecting = expecting
    self.limits = limits
    self.logger = logger
    pool = PoolMachine(addresses: addresses.count, limits: limits)
    current = Array(repeating: nil, count: addresses.count)
  }

  // MARK: - Life

  func start(_ continuation: UnsafeContinuation<Void, any Error>) {
    guard !wasStarted else {
      return continuation.resume(
        throwing: RPCError(code: .failedPrecondition, message: "The transport was used before."))
    }
    wasStarted = true
    guard !pool.isShutDown else { return continuation.resume() }
    self.continuation = continuation
    share = TurnShare(loop: loop, limits: limits)
    perform(pool.start())
    tick()
  }

  func drain() {
    guard !pool.isShutDown else { return }
    perform(pool.shutDown())
    for connection in Array(connections.values) { connection.drain() }
    endIfDrained()
  }

  /// Ends everything at once.
  func cut() {
    perform(pool.shutDown())
    for connection in Array(connections.values) { connection.close("the transport was cut") }
    endIfDrained()
  }

  private func endIfDrained() {
    guard pool.isShutDown, connections.isEmpty else { return }
    ticker?.cancel()
    ticker = nil
    for timer in retries.values { timer.cancel() }
    retries = [:]
    share?.shutdown()
    continuation?.resume()
    continuation = nil
  }

  private func tick() {
    for connection in Array(connections.values) { connection.tick() }
    guard continuation != nil else { return }
    ticker = loop.schedule(after: .milliseconds(limits.tickMilliseconds)) { [weak self] in
      self?.tick()
    }
  }

  // MARK: - Calls

  /// A connection with room for the call.
  /// - Throws: `RPCError`, see `HTTP2ClientTransport.withStream`.
  func acquire(
    _ slot: CallSlot, waitsForReady: Bool, deadline: Deadline?
  ) async throws -> Connection {
    if loop.isCurrent, let address = pool.takeReady() {
      if let connection = current[address] { return connection }
    }
    return try await withUnsafeThrowingContinuation { continuation in
      let waiter = Waiter<Connection>()
      waiter.park(continuation)
      loop.perform { self.wait(slot, waiter, waitsForReady, deadline) }
    }
  }

  private func wait(
    _ slot: CallSlot, _ waiter: Waiter<Connection>, _ waitsForReady: Bool, _ deadline: Deadline?
  ) {
    guard !slot.isCancelled else { return waiter.cancel() }
    nextCall += 1
    slot.id = nextCall
    slot.waiter = waiter
    slots[slot.id] = slot
    if let deadline {
      slot.timer = loop.schedule(after: deadline.remaining) { [weak self] in
        self?.giveUp(
          slot,
          RPCError(
            code: .deadlineExceeded, message: "The deadline passed before a connection was there."))
      }
    }
    perform(pool.request(call: slot.id, waitsForReady: waitsForReady))
  }

  private func giveUp(_ slot: CallSlot, _ error: RPCError) {
    pool.cancel(call: slot.id)
    leaveQueue(slot)?.resume(.failure(error))
  }

  private func leaveQueue(_ slot: CallSlot) -> Waiter<Connection>? {
    slots[slot.id] = nil
    slot.timer?.cancel()
    slot.timer = nil
    defer { slot.waiter = nil }
    return slot.waiter
  }

  func open(
    _ slot: CallSlot, _ connection: Connection, _ method: MethodDescriptor, _ deadline: Deadline?,
    waitsForReady: Bool
  ) throws(RPCError) -> Call {
    let call = connection.makeCall(method, deadline: deadline)
    slot.call = call
    slot.connection = connection
    call.reacquire = { [unowned self] in
      free(slot)
      let connection = try await acquire(
        slot, waitsForReady: waitsForReady, deadline: deadline)
      slot.connection = connection
      return connection
    }
    guard !slot.isCancelled else {
      close(slot, call)
      throw Waiter<Void>.cancellation
    }
    return call
  }

  /// The call's closure has returned: whatever is still open is reset.
  func close(_ slot: CallSlot, _ call: Call) {
    loop.perform {
      slot.call = nil
      if !call.isClosed { call.fail(RPCError(code: .cancelled, message: "The call was left.")) }
      self.free(slot)
    }
  }

  private func free(_ slot: CallSlot) {
    guard let connection = slot.connection else { return }
    slot.connection = nil
    guard let address = address(of: connection) else { return }
    perform(pool.freed(address: address, limit: streamLimit(connection)))
  }

  /// The task of the call was cancelled.
  func cancel(_ slot: CallSlot) {
    slot.isCancelled = true
    if slot.waiter != nil { giveUp(slot, Waiter<Void>.cancellation) }
    slot.call?.fail(RPCError(code: .cancelled, message: "The call was cancelled."))
  }

  // MARK: - Actions

  private func perform(_ actions: [PoolMachine.Action]) {
    for action in actions {
      switch action {
      case .connect(let address): connect(address)
      case .retry(let address, let milliseconds): retry(address, afterMilliseconds: milliseconds)
      case .start(let call, let address): start(call, address)
      case .fail(let call, let failure):
        guard let slot = slots[call] else { continue }
        leaveQueue(slot)?.resume(.failure(error(failure)))
      }
    }
  }

  private func start(_ id: UInt64, _ address: Int) {
    guard let slot = slots[id], let waiter = leaveQueue(slot) else { return }
    guard let connection = current[address] else {
      return waiter.resume(
        .failure(RPCError(code: .unavailable, message: "The connection was lost.")))
    }
    waiter.resume(.success(connection))
  }

  private func retry(_ address: Int, afterMilliseconds: Int) {
    retries[address] = loop.schedule(after: .milliseconds(afterMilliseconds)) { [weak self] in
      guard let self else { return }
      retries[address] = nil
      perform(pool.retryDue(address: address))
    }
  }

  private func connect(_ address: Int) {
    guard let share else { return }
    do {
      let fd = try Socket.connect(to: addresses[address])
      let settings = ConnectionSettings(
        loop: loop, limits: limits, tls: tls, share: share, logger: logger)
      do {
        let connection = try Connection(
          fd: fd, role: .client, state: .connecting, expectedPeer: expecting,
          remoteAddress: addresses[address], settings: settings, owner: self)
        current[address] = connection
        connections[ObjectIdentifier(connection)] = connection
        connection.start()
      } catch {
        Glibc.close(fd)
        connectFailed(address, error.description)
      }
    } catch {
      connectFailed(address, "\(error)")
    }
  }

  private func connectFailed(_ address: Int, _ reason: String) {
    lastFailure = "\(addresses[address]): \(reason)"
    logger.warning("no connection", metadata: ["reason": "\(lastFailure)"])
    perform(pool.connectFailed(address: address, jitter: .random(in: 0...1)))
  }

  private func error(_ failure: PoolMachine.Failure) -> RPCError {
    switch failure {
    case .noConnection:
      RPCError(code: .unavailable, message: "No connection to \(expecting): \(lastFailure).")
    case .queueFull:
      RPCError(
        code: .resourceExhausted,
        message: "More than \(limits.waitingCallsMax) calls wait for \(expecting).")
    case .shutDown:
      RPCError(code: .failedPrecondition, message: "The transport is shut down.")
    }
  }

  // MARK: - ConnectionOwner

  private func address(of connection: Connection) -> Int? {
    current.firstIndex { $0 === connection }
  }

  func connectionReady(_ connection: Connection) {
    guard let address = address(of: connection) else { return }
    perform(pool.connected(address: address, limit: streamLimit(connection)))
  }

  func connection(_ connection: Connection, received call: Call, _ head: RequestHead) {}

  func connectionDraining(_ connection: Connection) {
    guard let address = address(of: connection) else { return }
    current[address] = nil
    if !connection.hasSettings { connectFailed(address, "the peer shuts down") }
    perform(pool.ended(address: address))
  }

  func connectionClosed(_ connection: Connection, _ reason: String) {
    connections[ObjectIdentifier(connection)] = nil
    if let address = address(of: connection) {
      current[address] = nil
      if connection.hasSettings {
        perform(pool.ended(address: address))
      } else {
        connectFailed(address, reason)
      }
    }
    endIfDrained()
  }

  private func streamLimit(_ connection: Connection) -> Int {
    min(limits.concurrentStreamsMax, connection.session?.peerConcurrentStreamsMax ?? 0)
  }
}
