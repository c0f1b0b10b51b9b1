/// A rate limit with a burst: tokens come back at a steady rate.
struct TokenBucket {
  private let burst: Double
  private let perSecond: Double
  private var tokens: Double
  private var lastNanoseconds: Int64?

  init(burst: Int, perSecond: Int) {
    self.burst = Double(burst)
    self.perSecond = Double(perSecond)
    tokens = Double(burst)
  }

  /// Takes one token; false when there is none.
  mutating func take(atNanoseconds now: Int64) -> Bool {
    if let last = lastNanoseconds, now > last {
      tokens = min(burst, tokens + Double(now - last) / 1e9 * perSecond)
    }
    lastNanoseconds = now
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}

/// Limits on frames that cost the peer little and us much.
struct FloodGuard {
  /// Frames that are counted.
  enum Frame {
    /// RST_STREAM: opens and cancels calls faster than their work can be stopped.
    case reset
    /// PING, SETTINGS, PRIORITY, empty DATA, and unknown frames: ask for answers or do nothing.
    case control
  }

  private var resets: TokenBucket
  private var controls: TokenBucket

  init(limits: TransportLimits) {
    resets = TokenBucket(burst: limits.resetBurst, perSecond: limits.resetsPerSecond)
    controls = TokenBucket(burst: limits.controlBurst, perSecond: limits.controlsPerSecond)
  }

  /// Counts a frame; false when the connection must end.
  mutating func admit(_ frame: Frame, atNanoseconds now: Int64) -> Bool {
    switch frame {
    case .reset: resets.take(atNanoseconds: now)
    case .control: controls.take(atNanoseconds: now)
    }
  }
}
