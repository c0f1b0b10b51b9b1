import CCurl
import Reactor

/// libcurl's multi interface on an event loop: descriptors and timers go to the loop, their events
/// come back, finished transfers are told. On the loop only.
///
/// libcurl must not be called from inside its own callbacks: those only change registrations and
/// timers; a timer of 0 becomes a job of the next turn.
final class MultiDriver: @unchecked Sendable {
  /// What libcurl's own time-out gets before ours ends the transfer: more than the loop's timers
  /// are late.
  static let timeoutGrace = Duration.milliseconds(20)

  private let loop: EventLoop
  private let multi: UnsafeMutableRawPointer
  private var sockets: [Int32: Registration] = [:]
  private var timer: TimerToken?
  private var kickGeneration = 0
  private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
  private var isClosed = false

  var transferCount: Int { transfers.count }

  /// Nil: libcurl could not be set up.
  init?(loop: EventLoop, connectionsMax: Int) {
    guard tender_curl_setup(), let multi = curl_multi_init() else { return nil }
    self.loop = loop
    self.multi = multi
    let context = Unmanaged.passUnretained(self).toOpaque()
    let code = tender_curl_multi_configure(
      multi,
      { _, fd, what, context, marker in
        MultiDriver.from(context).socketChanged(fd, what: what, isNew: marker == nil)
        return 0
      },
      { _, milliseconds, context in
        MultiDriver.from(context).timerChanged(milliseconds)
        return 0
      }, context, connectionsMax)
    guard code == CURLM_OK else {
      curl_multi_cleanup(multi)
      return nil
    }
  }

  deinit {
    if !isClosed {
      tender_curl_multi_silence(multi)
      curl_multi_cleanup(multi)
    }
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> MultiDriver {
    guard let context else { preconditionFailure("libcurl lost the context of a callback") }
    return Unmanaged<MultiDriver>.fromOpaque(context).takeUnretainedValue()
  }

  // MARK: - Transfers

  func begin(_ transfer: Transfer) {
    loop.preconditionCurrent()
    guard !isClosed else { return transfer.finish(code: nil, failure: .clientStopped) }
    guard transfer.configure() else { return transfer.finish(code: nil, failure: .invalidRequest) }
    transfers[transfer.easy] = transfer
    // libcurl up to 8.3 forgets a time-out that is less than a millisecond away when another of its
    // timers fires (curl pull request 11937): such a call would never end.
    transfer.overdue = loop.schedule(after: transfer.plan.timeout + Self.timeoutGrace) {
      [unowned self, unowned transfer] in self.end(transfer, code: CURLE_OPERATION_TIMEDOUT)
    }
    guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
      transfers[transfer.easy] = nil
      transfer.overdue?.cancel()
      return transfer.finish(code: nil, failure: .invalidRequest)
    }
  }

  /// Ends a transfer early; its connection is closed if a request was begun on it.
  func cancel(_ transfer: Transfer) {
    loop.preconditionCurrent()
    end(transfer, code: nil, failure: .cancelled)
  }

  private func end(
    _ transfer: Transfer, code: CURLcode?, failure: TransferReport.LocalFailure? = nil
  ) {
    guard transfers.removeValue(forKey: transfer.easy) != nil else { return }
    transfer.overdue?.cancel()
    transfer.finish(code: code, failure: failure)
    curl_multi_remove_handle(multi, transfer.easy)
  }

  /// Ends every transfer and closes every connection. Idempotent.
  func close() {
    loop.preconditionCurrent()
    guard !isClosed else { return }
    isClosed = true
    for transfer in Array(transfers.values) {
      end(transfer, code: nil, failure: .clientStopped)
    }
    tender_curl_multi_silence(multi)
    timer?.cancel()
    for registration in sockets.values { registration.remove() }
    sockets = [:]
    curl_multi_cleanup(multi)
  }

  // MARK: - Events to libcurl

  private func act(_ fd: Int32, _ mask: Int32) {
    guard !isClosed else { return }
    var running: Int32 = 0
    curl_multi_socket_action(multi, fd, mask, &running)
    var code = CURLE_OK
    while let easy = tender_curl_multi_next_done(multi, &code) {
      if let transfer = transfers[easy] { end(transfer, code: code) }
    }
  }

  private func ready(_ fd: Int32, _ readiness: Readiness) {
    var mask: Int32 = 0
    if readiness.contains(.read) { mask |= Int32(CURL_CSELECT_IN) }
    if readiness.contains(.write) { mask |= Int32(CURL_CSELECT_OUT) }
    act(fd, mask)
  }

  // MARK: - Callbacks, from inside libcurl

  private func socketChanged(_ fd: Int32, what: Int32, isNew: Bool) {
    if what == CURL_POLL_REMOVE {
      sockets.removeValue(forKey: fd)?.remove()
      return
    }
    var interest: Interest = []
    if what == CURL_POLL_IN || what == CURL_POLL_INOUT { interest.insert(.read) }
    if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { interest.insert(.write) }
    // A number that libcurl sees for the first time is another socket, even if we know the number.
    if isNew { sockets.removeValue(forKey: fd)?.remove() }
    do throws(LoopError) {
      if let registration = sockets[fd] {
        try registration.update(interest)
      } else {
        sockets[fd] = try loop.add(fd: fd, interest) { [unowned self] in self.ready(fd, $0) }
        curl_multi_assign(multi, fd, Unmanaged.passUnretained(self).toOpaque())
      }
    } catch {
      // Unwatched, the transfer ends by its time-out, which libcurl's timer still tells.
      sockets.removeValue(forKey: fd)?.remove()
    }
  }

  private func timerChanged(_ milliseconds: Int) {
    timer?.cancel()
    timer = nil
    kickGeneration += 1
    if milliseconds < 0 { return }
    if milliseconds > 0 {
      timer = loop.schedule(after: .milliseconds(milliseconds)) { [unowned self] in
        self.act(CURL_SOCKET_TIMEOUT, 0)
      }
      return
    }
    let generation = kickGeneration
    loop.execute { [weak self] in
      guard let self, self.kickGeneration == generation else { return }
      self.act(CURL_SOCKET_TIMEOUT, 0)
    }
  }
}
