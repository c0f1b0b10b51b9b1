internal import CNghttp2

/// What a session asks its driver for, and tells it. Called only from within `receive` and
/// `collectOutput`; an implementation may submit frames, not receive or collect.
protocol HTTP2SessionDelegate: AnyObject {
  func session(beganHeaders stream: Int32)
  func session(
    header name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, stream: Int32)
  func session(endedHeaders stream: Int32, isEndOfStream: Bool)
  func session(data: UnsafeRawBufferPointer, stream: Int32)
  /// The peer will send nothing more on the stream.
  func session(endedData stream: Int32)
  func session(closed stream: Int32, code: UInt32)
  /// Fills the buffer from what waits to be sent on the stream.
  func session(bodyOf stream: Int32, into buffer: UnsafeMutableRawBufferPointer) -> BodyChunk
  /// The trailers of a stream were sent.
  func session(sentEndOf stream: Int32)
  func session(goAway lastStream: Int32, code: UInt32)
  func sessionReceivedSettings()
  func sessionReceivedPingAck()
  /// A frame that the flood limits count.
  func session(received frame: FloodGuard.Frame)
}

/// What a body has to send now.
enum BodyChunk {
  /// Bytes written, and more may come.
  case bytes(Int)
  /// Nothing yet; `resume(stream:)` asks again.
  case wait
  /// Bytes written, and the stream ends with them.
  case end(Int)
  /// Bytes written, the last ones; the delegate has submitted the trailers.
  case endBeforeTrailers(Int)
}

/// One HTTP/2 connection without its socket: bytes in, bytes out, through nghttp2.
/// Confined to the thread of its driver. Windows reopen only by `consume`.
final class HTTP2Session {
  enum Role { case client, server }

  let role: Role
  /// Set once by the driver, which owns the session and so outlives it.
  unowned let delegate: any HTTP2SessionDelegate
  private var handle: OpaquePointer?

  /// - Throws: `HTTP2Error` when memory ran out.
  init(
    role: Role, limits: TransportLimits, delegate: any HTTP2SessionDelegate
  ) throws(HTTP2Error) {
    self.role = role
    self.delegate = delegate
    let options = try HTTP2Session.makeOptions(limits)
    defer { nghttp2_option_del(options) }
    let callbacks = try HTTP2Session.makeCallbacks()
    defer { nghttp2_session_callbacks_del(callbacks) }
    let context = Unmanaged.passUnretained(self).toOpaque()
    var created: OpaquePointer?
    let result =
      switch role {
      case .client: nghttp2_session_client_new2(&created, callbacks, context, options)
      case .server: nghttp2_session_server_new2(&created, callbacks, context, options)
      }
    guard result == 0 else { throw HTTP2Error(code: result) }
    handle = created
    try submitSettings(limits)
  }

  deinit {
    nghttp2_session_del(handle)
  }

  private func submitSettings(_ limits: TransportLimits) throws(HTTP2Error) {
    var settings: [nghttp2_settings_entry] = []
    func set(_ id: nghttp2_settings_id, _ value: Int) {
      settings.append(
        nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value)))
    }
    set(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes)
    set(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytesMax)
    switch role {
    case .server: set(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax)
    case .client:
      set(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)
      set(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0)
    }
    try check(
      nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count))
    try check(
      nghttp2_session_set_local_window_size(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(limits.connectionWindowBytes)))
  }

  private func check(_ result: Int32) throws(HTTP2Error) {
    guard result == 0 else { throw HTTP2Error(code: result) }
  }

  // MARK: - Bytes

  /// Takes bytes from the peer. The delegate is called for what they hold.
  /// - Throws: `HTTP2Error` when the connection must end; what is to be sent first still waits.
  func receive(_ bytes: UnsafeRawBufferPointer) throws(HTTP2Error) {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
    let count = nghttp2_session_mem_recv(handle, base, bytes.count)
    guard count >= 0 else { throw HTTP2Error(code: Int32(count)) }
  }

  /// Passes the bytes to send to `sink`, in frames' order, until it returns false or none remain.
  /// Bytes passed count as sent.
  /// - Throws: `HTTP2Error` when the connection must end.
  func collectOutput(_ sink: (UnsafeRawBufferPointer) -> Bool) throws(HTTP2Error) {
    while true {
      var bytes: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(handle, &bytes)
      guard count >= 0 else { throw HTTP2Error(code: Int32(count)) }
      guard count > 0 else { return }
      guard sink(UnsafeRawBufferPointer(start: bytes, count: count)) else { return }
    }
  }

  var wantsOutput: Bool { nghttp2_session_want_write(handle) != 0 }
  /// Whether the connection is of no more use: everything sent, nothing to come.
  var isFinished: Bool { !wantsOutput && nghttp2_session_want_read(handle) == 0 }

  // MARK: - Frames to send

  /// Opens a stream (client). The body is asked for when it can be sent.
  func submitRequest(_ headers: HeaderBlock) throws(HTTP2Error) -> Int32 {
    var body = HTTP2Session.bodyProvider
    let id = headers.withFields { fields, count in
      nghttp2_submit_request(handle, nil, fields, count, &body, nil)
    }
    guard id > 0 else { throw HTTP2Error(code: id) }
    return id
  }

  /// Answers a stream (server). Without a body the headers end it.
  func submitResponse(
    stream: Int32, _ headers: HeaderBlock, hasBody: Bool
  ) throws(HTTP2Error) {
    var body = HTTP2Session.bodyProvider
    let result = headers.withFields { fields, count in
      hasBody
        ? nghttp2_submit_response(handle, stream, fields, count, &body)
        : nghttp2_submit_response(handle, stream, fields, count, nil)
    }
    try check(result)
  }

  /// Ends a stream by header fields, after its body.
  func submitTrailers(stream: Int32, _ trailers: HeaderBlock) throws(HTTP2Error) {
    let result = trailers.withFields { fields, count in
      nghttp2_submit_trailer(handle, stream, fields, count)
    }
    try check(result)
  }

  /// Asks a body that answered `wait` again.
  func resume(stream: Int32) {
    // The only failures: the stream is gone or was not waiting. Both need nothing.
    _ = nghttp2_session_resume_data(handle, stream)
  }

  func reset(stream: Int32, _ code: HTTP2ErrorCode) throws(HTTP2Error) {
    try check(
      nghttp2_submit_rst_stream(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue))
  }

  func ping() throws(HTTP2Error) {
    try check(nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil))
  }

  /// Tells the peer to open no more streams, and accepts those that it opens meanwhile (server).
  func announceShutdown() throws(HTTP2Error) {
    try check(nghttp2_submit_shutdown_notice(handle))
  }

  /// Refuses streams after the last one seen; those before it run on.
  func goAway(_ code: HTTP2ErrorCode) throws(HTTP2Error) {
    let last = nghttp2_session_get_last_proc_stream_id(handle)
    try check(
      nghttp2_submit_goaway(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, nil, 0))
  }

  /// Ends the connection once what waits, and a GOAWAY, is sent.
  func terminate(_ code: HTTP2ErrorCode) throws(HTTP2Error) {
    try check(nghttp2_session_terminate_session(handle, code.rawValue))
  }

  // MARK: - Windows

  /// Lets the peer send as many bytes more on the stream.
  func consume(stream: Int32, bytes: Int) {
    // Fails only for memory; the window then stays shut and the idle or age limit ends it.
    _ = nghttp2_session_consume_stream(handle, stream, bytes)
  }

  /// Lets the peer send as many bytes more on the connection.
  func consumeConnection(bytes: Int) {
    _ = nghttp2_session_consume_connection(handle, bytes)
  }

  /// Streams that the peer lets us open at a time (client).
  var peerConcurrentStreamsMax: Int {
    Int(
      nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }

  /// The largest header list that the peer takes.
  var peerHeaderListBytesMax: Int {
    Int(nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE))
  }

  /// Whether a new stream may be opened (client): ids are left, and no GOAWAY went either way.
  var canOpenStreams: Bool { nghttp2_session_check_request_allowed(handle) != 0 }
}
