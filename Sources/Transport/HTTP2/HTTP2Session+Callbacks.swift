internal import CNghttp2

extension HTTP2Session {
  private static func of(_ context: UnsafeMutableRawPointer?) -> HTTP2Session? {
    guard let context else { return nil }
    return Unmanaged<HTTP2Session>.fromOpaque(context).takeUnretainedValue()
  }

  static func makeOptions(_ limits: TransportLimits) throws(HTTP2Error) -> OpaquePointer? {
    var options: OpaquePointer?
    let result = nghttp2_option_new(&options)
    guard result == 0 else { throw HTTP2Error(code: result) }
    nghttp2_option_set_no_auto_window_update(options, 1)
    nghttp2_option_set_no_closed_streams(options, 1)
    nghttp2_option_set_max_outbound_ack(options, 1000)
    nghttp2_option_set_max_settings(options, 32)
    nghttp2_option_set_max_send_header_block_length(options, limits.headerListBytesMax * 2)
    return options
  }

  static func makeCallbacks() throws(HTTP2Error) -> OpaquePointer? {
    var callbacks: OpaquePointer?
    let result = nghttp2_session_callbacks_new(&callbacks)
    guard result == 0 else { throw HTTP2Error(code: result) }
    setHeaderCallbacks(callbacks)
    setFrameCallbacks(callbacks)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, data, count, context in
      let bytes = UnsafeRawBufferPointer(start: data, count: count)
      HTTP2Session.of(context)?.delegate.session(data: bytes, stream: stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      _, stream, code, context in
      HTTP2Session.of(context)?.delegate.session(closed: stream, code: code)
      return 0
    }
    return callbacks
  }

  private static func setHeaderCallbacks(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, context in
      guard let frame else { return 0 }
      HTTP2Session.of(context)?.delegate.session(beganHeaders: frame.pointee.hd.stream_id)
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameLength, value, valueLength, _, context in
      guard let frame else { return 0 }
      HTTP2Session.of(context)?.delegate.session(
        header: UnsafeBufferPointer(start: name, count: nameLength),
        value: UnsafeBufferPointer(start: value, count: valueLength),
        stream: frame.pointee.hd.stream_id)
      return 0
    }
  }

  private static func setFrameCallbacks(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
      guard let frame, let session = HTTP2Session.of(context) else { return 0 }
      session.received(frame.pointee)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, context in
      guard let frame, let session = HTTP2Session.of(context) else { return 0 }
      let header = frame.pointee.hd
      let type = UInt32(header.type)
      if type == NGHTTP2_HEADERS.rawValue || type == NGHTTP2_DATA.rawValue,
        UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
      {
        session.delegate.session(sentEndOf: header.stream_id)
      }
      return 0
    }
  }

  private func received(_ frame: nghttp2_frame) {
    let isEnd = UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    switch UInt32(frame.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      delegate.session(endedHeaders: frame.hd.stream_id, isEndOfStream: isEnd)
    case NGHTTP2_DATA.rawValue:
      if isEnd {
        delegate.session(endedData: frame.hd.stream_id)
      } else if frame.hd.length == 0 {
        delegate.session(received: .control)
      }
    case NGHTTP2_RST_STREAM.rawValue:
      delegate.session(received: .reset)
    case NGHTTP2_GOAWAY.rawValue:
      delegate.session(goAway: frame.goaway.last_stream_id, code: frame.goaway.error_code)
    case NGHTTP2_PING.rawValue:
      if UInt32(frame.hd.flags) & NGHTTP2_FLAG_ACK.rawValue != 0 {
        delegate.sessionReceivedPingAck()
      } else {
        delegate.session(received: .control)
      }
    case NGHTTP2_SETTINGS.rawValue:
      if UInt32(frame.hd.flags) & NGHTTP2_FLAG_ACK.rawValue == 0 {
        delegate.sessionReceivedSettings()
        delegate.session(received: .control)
      }
    case NGHTTP2_WINDOW_UPDATE.rawValue:
      break
    default:
      delegate.session(received: .control)
    }
  }

  /// The body of every stream: asks the delegate.
  static let bodyProvider = nghttp2_data_provider(
    source: nghttp2_data_source(ptr: nil),
    read_callback: { _, stream, buffer, length, flags, _, context in
      guard let session = HTTP2Session.of(context) else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
      }
      let target = UnsafeMutableRawBufferPointer(start: buffer, count: length)
      switch session.delegate.session(bodyOf: stream, into: target) {
      case .bytes(let count):
        return count
      case .wait:
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
      case .end(let count):
        flags?.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue
        return count
      case .endBeforeTrailers(let count):
        flags?.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        return count
      }
    })
}
