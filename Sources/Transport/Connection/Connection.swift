internal import Glibc
internal import GRPCCore
internal import Logging
internal import Reactor

/// What a connection tells the transport that made it. Called on the loop.
protocol ConnectionOwner: AnyObject {
  /// Calls may be made. A server's: after the handshake; a client's: after the peer's SETTINGS.
  func connectionReady(_ connection: Connection)
  /// A call came in, its headers complete (server).
  func connection(_ connection: Connection, received call: Call, _ head: RequestHead)
  /// No new calls: a GOAWAY went either way.
  func connectionDraining(_ connection: Connection)
  /// The connection is gone, and its calls with it.
  func connectionClosed(_ connection: Connection, _ reason: String)
}

/// One socket with TLS and HTTP/2 on it: moves bytes between the socket and the pure parts.
///
/// Confinement rule: touched on the loop only.
final class Connection: @unchecked Sendable {
  enum State: Hashable {
    case connecting
    case handshaking
    case open
    case draining
    case closed
  }

  let loop: EventLoop
  let limits: TransportLimits
  let role: HTTP2Session.Role
  let share: TurnShare
  let logger: Logger
  let refusalDetails: CallRefusal.Details?
  weak var owner: (any ConnectionOwner)?
  /// Whom a client insists on.
  let expectedPeer: PeerIdentity?
  /// `:authority` of requests.
  let authority: String

  var state: State
  let fd: Int32
  let tls: TLSConnection
  var registration: Registration?
  var session: HTTP2Session?
  var timers: ConnectionTimers
  var flood: FloodGuard
  private(set) var context: ConnectionContext?
  let remoteAddress: SocketAddress?
  let remotePeer: String
  let localPeer: String

  var calls: [Int32: Call] = [:]
  var scratchHeaders = HeaderBlock()
  /// Handlers that run for this peer, including those whose stream is gone (server).
  var handlerCount = 0

  // Output that the socket did not take yet.
  var pendingOutput: [UInt8] = []
  var pendingStart = 0
  var isFlushScheduled = false
  /// The session or the peer failed while a callback ran; acted on when it has returned.
  var failure: String?
  var hasSettings = false
  /// A drain has told the peer and waits for its answer before refusing streams.
  var awaitsDrainPing = false
  var hasSentGoAway = false

  /// Takes over the socket, which is non-blocking, and closes it in the end.
  init(
    fd: Int32, role: HTTP2Session.Role, state: State, expectedPeer: PeerIdentity?,
    remoteAddress: SocketAddress?, settings: ConnectionSettings, owner: any ConnectionOwner
  ) throws(TLSError) {
    let identity = settings.tls
    tls = try TLSConnection(context: identity.context(isServer: role == .server), fd: fd)
    self.fd = fd
    self.role = role
    self.state = state
    self.expectedPeer = expectedPeer
    self.remoteAddress = remoteAddress
    self.owner = owner
    loop = settings.loop
    limits = settings.limits
    share = settings.share
    logger = settings.logger
    refusalDetails = settings.refusalDetails
    authority = expectedPeer.map(Self.authority) ?? "localhost"
    remotePeer = Self.describe(remoteAddress)
    localPeer = Self.describe(SocketAddress.local(of: fd))
    flood = FloodGuard(limits: limits)
    timers = ConnectionTimers(
      limits: limits, drainsByItself: role == .server, jitter: .random(in: 0...1),
      now: MonotonicInstant.now.nanoseconds)
  }

  /// Watches the socket. A failure closes the connection.
  func start() {
    do {
      let interest: Interest = state == .connecting ? .write : [.read]
      registration = try loop.add(fd: fd, interest) { [weak self] readiness in
        self?.handle(readiness)
      }
    } catch {
      close("the socket cannot be watched: \(error)")
    }
    if state == .handshaking, role == .client { stepHandshake() }
  }

  private func handle(_ readiness: Readiness) {
    switch state {
    case .connecting: finishConnect()
    case .handshaking: stepHandshake()
    case .open, .draining:
      if readiness.contains(.write) { flush() }
      if readiness.contains(.read) { readTurn() }
    case .closed: break
    }
  }

  // MARK: - Opening

  private func finishConnect() {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
      return close("connect failed (error \(code))")
    }
    state = .handshaking
    watch([.read])
    stepHandshake()
  }

  private func stepHandshake() {
    guard share.admitHandshakeStep() else {
      // A server's turn comes again with the bytes that wait; a client's first step has none.
      if role == .client { share.nextTurn { [weak self] in self?.continueHandshake() } }
      return
    }
    switch tls.handshake() {
    case .done: established()
    case .wantsRead: watch([.read])
    case .wantsWrite: watch([.read, .write])
    case .closed, .failed: close(tls.failureText)
    }
  }

  private func continueHandshake() {
    if state == .handshaking { stepHandshake() }
  }

  private func established() {
    guard tls.agreedOnHTTP2 else { return close("the peer does not speak HTTP/2") }
    let peer: PeerIdentity
    do {
      peer = try tls.readPeerIdentity()
    } catch {
      return close(error.description)
    }
    if let expectedPeer, peer != expectedPeer {
      // Before anything is sent: a client tells no other service a thing.
      return close("the peer is \(peer), not \(expectedPeer)")
    }
    context = ConnectionContext(peer: peer, remoteAddress: remoteAddress)
    do {
      session = try HTTP2Session(role: role, limits: limits, delegate: self)
    } catch {
      return close("\(error)")
    }
    state = .open
    watch([.read])
    if role == .server {
      timers.established(now: loop.now.nanoseconds)
      owner?.connectionReady(self)
    }
    scheduleFlush()
    readTurn()
  }

  // MARK: - Time

  /// Looks at the clock; the transport calls it now and then.
  func tick() {
    let now = loop.now.nanoseconds
    switch timers.tick(now: now, hasCalls: !calls.isEmpty || handlerCount > 0) {
    case .none: break
    case .ping:
      attempt { session throws(HTTP2Error) in try session.ping() }
    case .drain: drain()
    case .cut(let cause):
      close(cause.rawValue)
    }
  }

  /// Stops new calls and ends the connection when those that run have ended.
  func drain() {
    switch state {
    case .connecting, .handshaking: close("the transport shuts down")
    case .draining, .closed: break
    case .open:
      state = .draining
      timers.draining(now: loop.now.nanoseconds)
      owner?.connectionDraining(self)
      guard role == .server else {
        if calls.isEmpty { close("drained") }
        return
      }
      // First the notice, then, when its ping is answered, the refusal: what the peer sent in
      // between is still served.
      awaitsDrainPing = true
      attempt { session throws(HTTP2Error) in
        try session.announceShutdown()
        try session.ping()
      }
    }
  }

  // MARK: - The end

  func close(_ reason: String) {
    guard state != .closed else { return }
    let wasReady = state == .open || state == .draining
    state = .closed
    registration?.remove()
    registration = nil
    if wasReady { tls.sendCloseNotify() }
    Glibc.close(fd)
    let error = RPCError(code: .unavailable, message: "The connection was lost: \(reason).")
    let open = calls
    calls = [:]
    for call in open.values { call.closed(error) }
    pendingOutput = []
    logger.debug("connection closed", metadata: ["peer": "\(remotePeer)", "reason": "\(reason)"])
    owner?.connectionClosed(self, reason)
    // The session may be on the stack below: it goes when that has returned.
    loop.execute { self.session = nil }
  }

  /// Runs a submission; a failure ends the connection.
  func attempt(_ body: (HTTP2Session) throws(HTTP2Error) -> Void) {
    guard let session, state != .closed else { return }
    do {
      try body(session)
      scheduleFlush()
    } catch {
      failure = "\(error)"
      scheduleFlush()
    }
  }

  func watch(_ interest: Interest) {
    do {
      try registration?.update(interest)
    } catch {
      close("the socket cannot be watched: \(error)")
    }
  }

  private static func describe(_ address: SocketAddress?) -> String {
    guard let address else { return "unknown" }
    guard let ip = address.ip else { return "\(address)" }
    return ip.isIPv6 ? "ipv6:\(address)" : "ipv4:\(address)"
  }

  private static func authority(_ peer: PeerIdentity) -> String {
    if case .service(let name) = peer { name } else { "localhost" }
  }
}

/// What the connections of a transport have in common.
struct ConnectionSettings {
  let loop: EventLoop
  let limits: TransportLimits
  let tls: TLSIdentity
  let share: TurnShare
  let logger: Logger
  /// What goes with the transport's own refusals (server).
  var refusalDetails: CallRefusal.Details?
}
