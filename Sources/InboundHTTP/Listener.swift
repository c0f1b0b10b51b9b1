package import Glibc

/// How long an answer may take to be taken off our hands, per piece.
private let sendSecondsMax = 10
/// How long an answer that never comes is held if the client does not give up.
private let silenceMillisecondsMax: Int64 = 180_000

/// A small HTTP/1.1 server on plain threads: one accepts, each connection has its own.
///
/// For few connections that come from a proxy or from this machine: a handler may block. A library
/// server hides the socket, where the faults of a test gateway live: read a request, act and close
/// without a byte; announce a length and send less; never answer; refuse connections while keeping
/// the port. One thread per connection makes each of them one blocking call.
/// `@unchecked Sendable`: everything that changes is inside the monitor.
package final class Listener: @unchecked Sendable {
  package typealias Handler = @Sendable (Request, ConnectionFacts) -> Exchange

  private struct State {
    var descriptor: Int32 = -1
    var refuses = false
    /// Whoever connects is told a TLS alert and nothing else.
    var alerts = false
    var stopped = false
    var connections: Set<Int32> = []
    var threads = 0
  }

  package let name: String
  private let limits: RequestLimits
  private let connectionsMax: Int
  private let state = Monitor(State())
  private let handler: Handler

  /// - Parameter connectionsMax: served at once, each by a thread; one more is closed at once.
  package init(
    name: String, limits: RequestLimits = RequestLimits(), connectionsMax: Int = 64,
    handler: @escaping Handler
  ) {
    self.name = name
    self.limits = limits
    self.connectionsMax = connectionsMax
    self.handler = handler
  }

  /// Binds 127.0.0.1 and accepts; `port` 0 takes a free one. Returns the port.
  package func start(port: UInt16) throws(SystemError) -> UInt16 {
    try start(host: "127.0.0.1", port: port)
  }

  /// Binds a numeric IPv4 address and accepts.
  package func start(host: String, port: UInt16) throws(SystemError) -> UInt16 {
    var parsed = in_addr()
    guard inet_pton(AF_INET, host, &parsed) == 1 else {
      throw SystemError("listen on \(host)", code: EINVAL)
    }
    let address = parsed.s_addr
    // A port chosen by the kernel is given back when the socket stops listening; one that was
    // asked for by number stays ours while `refuse` has stopped it. So choose, then ask for it.
    let number = port == 0 ? try chooseFreePort(address) : port
    let descriptor = try openSocket(address, number)
    guard Glibc.listen(descriptor, 1024) == 0 else {
      throw SystemError("listen on \(host):\(number)")
    }
    state.withLock {
      $0.descriptor = descriptor
      $0.threads += 1
    }
    guard startThread({ self.acceptLoop(descriptor) }) else {
      throw SystemError("start a thread", code: EAGAIN)
    }
    return number
  }

  /// From now on connections are refused; the open ones are cut, as when a process dies.
  package func refuse() {
    state.change { state in
      guard !state.refuses, !state.stopped else { return }
      state.refuses = true
      // Linux: shutdown of a listening socket stops listening and keeps the address.
      shutdown(state.descriptor, Int32(SHUT_RDWR))
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  /// From now on whoever connects reads the TLS alert `handshake_failure` and the end, as from a
  /// gateway whose TLS is broken; open connections are cut.
  package func answerWithAlert() {
    admit()
    state.change { state in
      guard !state.stopped else { return }
      state.alerts = true
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  /// Ends `refuse` and `answerWithAlert`.
  package func admit() {
    state.change { state in
      state.alerts = false
      guard state.refuses, !state.stopped else { return }
      state.refuses = false
      Glibc.listen(state.descriptor, 1024)
    }
  }

  /// Closes everything and waits for the threads, at most `limitMilliseconds`.
  package func stop(limitMilliseconds: Int64 = 2000) {
    state.change { state in
      guard !state.stopped else { return }
      state.stopped = true
      shutdown(state.descriptor, Int32(SHUT_RDWR))
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
    _ = state.wait(limitMilliseconds: limitMilliseconds) { $0.threads == 0 ? true : nil }
  }

  private func chooseFreePort(_ host: in_addr_t) throws(SystemError) -> UInt16 {
    let descriptor = try openSocket(host, 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failed = withUnsafeMutableBytes(of: &address) { bytes in
      getsockname(
        descriptor,
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        &length
      )
    }
    guard failed == 0 else { throw SystemError("getsockname") }
    return UInt16(bigEndian: address.sin_port)
  }

  private func openSocket(
    _ host: in_addr_t, _ port: UInt16
  ) throws(SystemError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, kind, 0)
    guard descriptor >= 0 else { throw SystemError("socket") }
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    guard bindSocket(descriptor, host, port) else {
      let error = SystemError("bind port \(port)")
      close(descriptor)
      throw error
    }
    return descriptor
  }

  private func acceptLoop(_ descriptor: Int32) {
    while true {
      let connection = accept(descriptor, nil, nil)
      if connection >= 0 {
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        admitConnection(connection)
        continue
      }
      let code = errno
      if code == EMFILE || code == ENFILE { sleepMilliseconds(10) }
      let stopped = state.wait { state -> Bool? in
        if state.stopped { return true }
        return state.refuses ? nil : false
      }
      if stopped != false { break }
    }
    close(descriptor)
    state.change { $0.threads -= 1 }
  }

  private func admitConnection(_ connection: Int32) {
    let admitted = state.withLock { state -> Bool in
      guard !state.stopped, !state.refuses, state.connections.count < connectionsMax else {
        return false
      }
      state.connections.insert(connection)
      state.threads += 1
      return true
    }
    guard admitted else {
      close(connection)
      return
    }
    if !startThread({ self.serve(connection) }) { forget(connection) }
  }

  private func forget(_ connection: Int32) {
    state.change { state in
      state.connections.remove(connection)
      state.threads -= 1
      close(connection)
    }
  }

  private func serve(_ connection: Int32) {
    guard !state.withLock({ $0.alerts }) else {
      _ = sendAll(connection, tlsHandshakeFailure)
      drain(connection)
      return forget(connection)
    }
    var yes: Int32 = 1
    setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
    var limit = timeval(tv_sec: sendSecondsMax, tv_usec: 0)
    setsockopt(
      connection, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var reader = RequestReader(descriptor: connection, limits: limits)
    var served = 0
    loop: while true {
      switch reader.next() {
      case .ended: break loop
      case .malformed(let status):
        _ = sendAll(connection, Response(status: status, body: []).bytes(keepsAlive: false))
        drain(connection)
        break loop
      case .request(let request):
        let exchange = handler(request, ConnectionFacts(served: served))
        guard deliver(exchange, on: connection, keepsAlive: request.keepsAlive) else { break loop }
        served += 1
      }
    }
    forget(connection)
  }

  /// True if the connection lives on.
  private func deliver(_ exchange: Exchange, on connection: Int32, keepsAlive: Bool) -> Bool {
    switch exchange.delivery {
    case .whole:
      return sendAll(connection, exchange.response.bytes(keepsAlive: keepsAlive)) && keepsAlive
    case .late(let milliseconds):
      sleepMilliseconds(milliseconds)
      return sendAll(connection, exchange.response.bytes(keepsAlive: keepsAlive)) && keepsAlive
    case .cut:
      let bytes = exchange.response.bytes(keepsAlive: keepsAlive)
      _ = sendAll(connection, Array(bytes.dropLast(exchange.response.body.count / 2 + 1)))
    case .closed(let reset):
      if reset {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          connection,
          SOL_SOCKET,
          SO_LINGER,
          &linger,
          socklen_t(MemoryLayout<linger>.size)
        )
      }
    case .silence: awaitHangUp(connection)
    }
    return false
  }

  /// Reads what the client still sends, a little and for a second: closing with bytes unread would
  /// reset the connection and take the answer along.
  private func drain(_ connection: Int32) {
    shutdown(connection, Int32(SHUT_WR))
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(
      connection,
      SOL_SOCKET,
      SO_RCVTIMEO,
      &limit,
      socklen_t(MemoryLayout<timeval>.size)
    )
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    for _ in 0..<64 where recv(connection, &chunk, chunk.count, 0) <= 0 { return }
  }

  private func awaitHangUp(_ connection: Int32) {
    var waited: Int64 = 0
    while waited < silenceMillisecondsMax, !state.withLock({ $0.stopped || $0.refuses }) {
      var entry = pollfd(fd: connection, events: pollPeerClosed, revents: 0)
      if poll(&entry, 1, 250) != 0 { return }
      waited += 250
    }
  }
}

/// A TLS record of type alert (21), version 1.2: fatal (2), handshake_failure (40).
private let tlsHandshakeFailure: [UInt8] = [21, 3, 3, 0, 2, 2, 40]

/// POLLRDHUP, which Glibc's headers hide without _GNU_SOURCE.
private let pollPeerClosed: Int16 = 0x2000

private func bindSocket(_ descriptor: Int32, _ host: in_addr_t, _ port: UInt16) -> Bool {
  var address = loopbackAddress(port)
  address.sin_addr.s_addr = host
  return withUnsafeBytes(of: &address) { bytes in
    bind(
      descriptor,
      bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
      socklen_t(MemoryLayout<sockaddr_in>.size)
    ) == 0
  }
}

package func loopbackAddress(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return address
}
