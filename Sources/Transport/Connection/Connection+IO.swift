internal import Logging
internal import Reactor

/// Bytes between the socket and the session, at most `turnBytes` each way and turn.
extension Connection {
  func readTurn() {
    var budget = limits.turnBytes
    while budget > 0, state != .closed, let session {
      let (step, count) = tls.read(into: share.input)
      switch step {
      case .done:
        budget -= count
        timers.received(now: loop.now.nanoseconds)
        do {
          try session.receive(UnsafeRawBufferPointer(rebasing: share.input[..<count]))
        } catch {
          failure = "\(error)"
        }
        if failure != nil { return endAfterFailure() }
      case .wantsRead, .wantsWrite:
        return afterReading()
      case .closed, .failed:
        afterReading()
        return close(tls.failureText)
      }
    }
    // More may wait inside OpenSSL, where epoll does not see it.
    if state != .closed, tls.hasPending {
      share.nextTurn { [weak self] in self?.readTurn() }
    }
    afterReading()
  }

  private func afterReading() {
    guard let session, state != .closed else { return }
    if session.wantsOutput {
      scheduleFlush()
    } else if session.isFinished {
      close("drained")
    }
  }

  /// Sends what waits, with the reason if the session has one, and ends the connection.
  private func endAfterFailure() {
    let reason = failure ?? "unknown"
    attemptTerminate()
    failure = nil
    flush()
    close(reason)
  }

  private func attemptTerminate() {
    guard let session else { return }
    let isCalm = failure == Connection.floodReason
    do {
      try session.terminate(isCalm ? .enhanceYourCalm : .internalError)
    } catch {
      // The connection ends now in any case; the peer only learns no reason.
      logger.debug("no GOAWAY could be queued", metadata: ["error": "\(error)"])
    }
  }

  static let floodReason = "the peer floods us with frames"

  /// Flushes once what runs now is done: many calls' frames share one record and one write.
  func scheduleFlush() {
    guard !isFlushScheduled, state != .closed else { return }
    isFlushScheduled = true
    loop.execute { self.flush() }
  }

  func flush() {
    // What is submitted while frames are collected is collected too.
    isFlushScheduled = true
    defer { isFlushScheduled = false }
    guard state == .open || state == .draining, let session else { return }
    if failure != nil {
      // Once: the failure was taken.
      let reason = failure ?? ""
      failure = nil
      return close(reason)
    }
    guard writePending() else { return }
    var budget = limits.turnBytes
    while budget > 0 {
      share.output.removeAll(keepingCapacity: true)
      do {
        try session.collectOutput { bytes in
          share.output.append(contentsOf: bytes)
          return share.output.count < limits.turnBytes
        }
      } catch {
        return close("\(error)")
      }
      guard state != .closed else { return }
      guard !share.output.isEmpty else {
        if session.isFinished { close("drained") }
        return
      }
      budget -= share.output.count
      guard write(share.output) else { return }
    }
    // The socket takes more, but others have their turn first.
    watch([.read, .write])
  }

  /// Writes all; false when the socket took less and the rest waits, or the connection ended.
  private func write(_ bytes: [UInt8]) -> Bool {
    let written = bytes.withUnsafeBytes { writeSome($0) }
    guard state != .closed else { return false }
    guard written < bytes.count else { return true }
    pendingOutput = Array(bytes[written...])
    pendingStart = 0
    watch([.read, .write])
    return false
  }

  private func writePending() -> Bool {
    guard !pendingOutput.isEmpty else {
      watch([.read])
      return state != .closed
    }
    pendingStart += pendingOutput.withUnsafeBytes { buffer in
      writeSome(UnsafeRawBufferPointer(rebasing: buffer[pendingStart...]))
    }
    guard state != .closed else { return false }
    guard pendingStart == pendingOutput.count else { return false }
    pendingOutput = []
    pendingStart = 0
    watch([.read])
    return state != .closed
  }

  private func writeSome(_ bytes: UnsafeRawBufferPointer) -> Int {
    var written = 0
    while written < bytes.count {
      let (step, count) = tls.write(UnsafeRawBufferPointer(rebasing: bytes[written...]))
      switch step {
      case .done: written += count
      case .wantsRead, .wantsWrite: return written
      case .closed, .failed:
        close(tls.failureText)
        return written
      }
    }
    return written
  }
}
