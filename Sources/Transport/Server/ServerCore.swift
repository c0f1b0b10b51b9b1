internal import Glibc
internal import GRPCCore
internal import Logging
internal import Reactor

/// The server transport's part on the loop: accepts, starts handlers, shuts down.
///
/// Confinement rule: touched on the loop only.
final class ServerCore: RequestReceiver, @unchecked Sendable {
  typealias Inbound = HTTP2ServerTransport.Inbound
  typealias Outbound = HTTP2ServerTransport.Outbound
  typealias Handler =
    @concurrent @Sendable (RPCStream<Inbound, Outbound>, ServerContext) async -> Void

  private enum State {
    case idle
    case listening
    case draining
    case ended
  }

  private let loop: EventLoop
  private let address: SocketAddress
  private let tls: TLSIdentity
  private let limits: TransportLimits
  private let logger: Logger
  private let refusalDetails: CallRefusal.Details?
  private var share: TurnShare?
  private var state = State.idle
  private var listener: Int32 = -1
  private var registration: Registration?
  private var bound: SocketAddress?
  private var connections: [ObjectIdentifier: Connection] = [:]
  private var methods = MethodTable(methods: [])
  private var handler: Handler?
  private var wasStarted = false
  private var continuation: UnsafeContinuation<Void, any Error>?
  private var addressWaiters: [Waiter<SocketAddress>] = []
  private var ticker: TimerToken?
  private var failure: (any Error)?

  init(
    loop: EventLoop, address: SocketAddress, tls: TLSIdentity, limits: TransportLimits,
    refusalDetails: CallRefusal.Details?, logger: Logger
  ) {
    self.loop = loop
    self.address = address
    self.tls = tls
    self.limits = limits
    self.refusalDetails = refusalDetails
    self.logger = logger
  }

  // MARK: - Life

  func start(
    methods: MethodTable, _ handler: @escaping Handler,
    _ continuation: UnsafeContinuation<Void, any Error>
  ) {
    guard case .idle = state else {
      if case .ended = state, !wasStarted { return continuation.resume() }
      return continuation.resume(
        throwing: RPCError(code: .failedPrecondition, message: "The transport was used before."))
    }
    wasStarted = true
    self.methods = methods
    self.handler = handler
    self.continuation = continuation
    do {
      listener = try Socket.listen(at: address)
      bound = SocketAddress.local(of: listener) ?? address
      share = TurnShare(loop: loop, limits: limits)
      state = .listening
      try accept(true)
    } catch {
      failure = error
      end()
      return
    }
    for waiter in addressWaiters { waiter.resume(.success(bound ?? address)) }
    addressWaiters = []
    tick()
  }

  func waitForAddress(_ waiter: Waiter<SocketAddress>) {
    if let bound {
      waiter.resume(.success(bound))
    } else if case .ended = state {
      waiter.resume(
        .failure(failure ?? RPCError(code: .unavailable, message: "The transport has ended.")))
    } else {
      addressWaiters.append(waiter)
    }
  }

  func drain() {
    switch state {
    case .idle: end()
    case .listening:
      state = .draining
      stopListening()
      for connection in Array(connections.values) { connection.drain() }
      endIfDrained()
    case .draining, .ended: break
    }
  }

  /// Ends everything at once.
  func cut() {
    if case .ended = state { return }
    state = .draining
    stopListening()
    for connection in Array(connections.values) { connection.close("the transport was cut") }
    endIfDrained()
  }

  private func endIfDrained() {
    if case .draining = state, connections.isEmpty { end() }
  }

  private func end() {
    stopListening()
    state = .ended
    ticker?.cancel()
    ticker = nil
    share?.shutdown()
    // GRPCCore's server is in it, which holds the transport.
    handler = nil
    let error = failure
    for waiter in addressWaiters {
      waiter.resume(
        .failure(error ?? RPCError(code: .unavailable, message: "The transport has ended.")))
    }
    addressWaiters = []
    if let error { continuation?.resume(throwing: error) } else { continuation?.resume() }
    continuation = nil
  }

  private func stopListening() {
    registration?.remove()
    registration = nil
    if listener >= 0 { close(listener) }
    listener = -1
  }

  private func tick() {
    for connection in Array(connections.values) { connection.tick() }
    if case .ended = state { return }
    ticker = loop.schedule(after: .milliseconds(limits.tickMilliseconds)) { [weak self] in
      guard let self else { return }
      if case .listening = state, registration == nil { resumeAccepting() }
      tick()
    }
  }

  // MARK: - Accepting

  private func accept(_ isOn: Bool) throws(LoopError) {
    if isOn {
      registration = try loop.add(fd: listener, .read) { [weak self] _ in self?.acceptTurn() }
    } else {
      registration?.remove()
      registration = nil
    }
  }

  private func resumeAccepting() {
    do {
      try accept(true)
    } catch {
      logger.error("cannot accept connections", metadata: ["error": "\(error)"])
    }
  }

  private func acceptTurn() {
    for _ in 0..<limits.turnAccepts {
      switch Socket.accept(listener) {
      case .none: return
      case .exhausted:
        // Level-triggered: without a pause the loop would spin until a descriptor is free.
        logger.error("no descriptors left: accepting pauses for a tick")
        registration?.remove()
        registration = nil
        return
      case .socket(let fd, let remote): open(fd, remote)
      }
    }
  }

  private func open(_ fd: Int32, _ remote: SocketAddress?) {
    guard connections.count < limits.connectionsMax, let share else {
      logger.warning("too many connections: one was closed")
      close(fd)
      return
    }
    let settings = ConnectionSettings(
      loop: loop, limits: limits, tls: tls, share: share, logger: logger,
      refusalDetails: refusalDetails)
    do {
      let connection = try Connection(
        fd: fd, role: .server, state: .handshaking, expectedPeer: nil, remoteAddress: remote,
        settings: settings, owner: self)
      connections[ObjectIdentifier(connection)] = connection
      connection.start()
    } catch {
      logger.error("a connection cannot start", metadata: ["error": "\(error)"])
      close(fd)
    }
  }

  // MARK: - ConnectionOwner

  func makeParser() -> RequestHeadParser {
    RequestHeadParser(limits: limits, methods: methods)
  }

  func connectionReady(_ connection: Connection) {
    if case .draining = state { connection.drain() }
  }

  func connectionDraining(_ connection: Connection) {}

  func connectionClosed(_ connection: Connection, _ reason: String) {
    connections[ObjectIdentifier(connection)] = nil
    endIfDrained()
  }

  func connection(_ connection: Connection, received call: Call, _ head: RequestHead) {
    guard let handler, let context = connection.context else { return }
    let deadline = head.timeoutNanoseconds.map { Deadline.after(.nanoseconds($0)) }
    if let deadline { arm(call, deadline) }
    connection.handlerCount += 1
    let stream = RPCStream(
      descriptor: head.method,
      inbound: Inbound(wrapping: CallReader<RPCRequestPart<[UInt8]>>(call: call)),
      outbound: Outbound(wrapping: CallWriter<RPCResponsePart<[UInt8]>>(call: call)))
    let run = HandlerRun(
      call: call, connection: connection, stream: stream, context: context, deadline: deadline,
      handler: handler)
    let task = loop.spawn(name: "call") { await run.run() }
    call.stopHandler = {
      task.cancel()
      run.cancellation?.cancel()
    }
  }

  private func arm(_ call: Call, _ deadline: Deadline) {
    call.deadline = deadline
    call.deadlineTimer = loop.schedule(after: deadline.remaining) { call.expire() }
  }
}
