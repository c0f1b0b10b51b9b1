/// When a connection must be pinged, drained or cut. Pure: the clock is an argument.
struct ConnectionTimers {
  enum Action: Hashable {
    case none
    /// The peer was silent for long.
    case ping
    /// No calls for long, or too old: open no more, let the rest finish.
    case drain
    case cut(Cause)
  }

  enum Cause: String, Hashable {
    case handshake = "the handshake took too long"
    case keepalive = "the peer did not answer a ping"
    case grace = "calls did not finish within the grace period"
  }

  private let limits: TransportLimits
  private let drainsByItself: Bool
  private let ageNanoseconds: Int64
  private let startedAt: Int64
  private var lastReceivedAt: Int64
  private var pingSentAt: Int64?
  private var idleSince: Int64
  private var drainingSince: Int64?
  private var isEstablished = false

  /// - Parameter jitter: 0 to 1; spreads the age over ±10 %, so that peers do not all reconnect
  ///   together.
  init(limits: TransportLimits, drainsByItself: Bool, jitter: Double, now: Int64) {
    self.limits = limits
    self.drainsByItself = drainsByItself
    ageNanoseconds = Int64(
      Double(limits.ageMilliseconds) * 1_000_000 * (0.9 + 0.2 * min(max(jitter, 0), 1)))
    startedAt = now
    lastReceivedAt = now
    idleSince = now
  }

  mutating func established(now: Int64) {
    isEstablished = true
    lastReceivedAt = now
    idleSince = now
  }

  mutating func received(now: Int64) {
    lastReceivedAt = now
    pingSentAt = nil
  }

  mutating func draining(now: Int64) {
    if drainingSince == nil { drainingSince = now }
  }

  /// A call ended, and with it the last one.
  mutating func becameIdle(now: Int64) {
    idleSince = now
  }

  /// What is due. `ping` is answered once, then the time-out runs.
  mutating func tick(now: Int64, hasCalls: Bool) -> Action {
    guard isEstablished else {
      return isPast(startedAt, limits.handshakeMilliseconds, now) ? .cut(.handshake) : .none
    }
    if let drainingSince, isPast(drainingSince, limits.graceMilliseconds, now) {
      return .cut(.grace)
    }
    if let pingSentAt {
      if isPast(pingSentAt, limits.keepaliveTimeoutMilliseconds, now) { return .cut(.keepalive) }
    } else if isPast(lastReceivedAt, limits.keepaliveMilliseconds, now) {
      pingSentAt = now
      return .ping
    }
    guard drainsByItself, drainingSince == nil else { return .none }
    if now - startedAt >= ageNanoseconds { return .drain }
    if !hasCalls, isPast(idleSince, limits.idleMilliseconds, now) { return .drain }
    return .none
  }

  private func isPast(_ start: Int64, _ milliseconds: Int, _ now: Int64) -> Bool {
    now - start >= Int64(milliseconds) * 1_000_000
  }
}
