import CCurl
import Reactor

/// What libcurl is asked to do once: one request to one address.
struct TransferPlan: Sendable {
  var request: OutboundRequest
  var address: SocketAddress
  var timeout: Duration
  var settings: HTTPClientSettings
}

/// One easy handle and what its callbacks collect. On the loop only.
final class Transfer {
  static let headersMax = 128
  static let headerBytesMax = 32_768

  let easy: UnsafeMutableRawPointer
  let plan: TransferPlan
  var report = TransferReport()
  /// Ends the transfer if libcurl does not.
  var overdue: TimerToken?
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var sent = 0
  private var headerBytes = 0
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private let done: (TransferReport) -> Void

  init?(_ plan: TransferPlan, done: @escaping (TransferReport) -> Void) {
    guard let easy = curl_easy_init() else { return nil }
    self.easy = easy
    self.plan = plan
    self.done = done
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(easy)
    for list in lists { curl_slist_free_all(list) }
    errorText.deallocate()
  }

  // MARK: - Options

  /// False: libcurl refused an option.
  func configure() -> Bool {
    var code = CURLE_OK
    func set(_ next: @autoclosure () -> CURLcode) {
      if code == CURLE_OK { code = next() }
    }
    func long(_ option: CURLoption, _ value: Int) { set(tender_curl_set_long(easy, option, value)) }
    func text(_ option: CURLoption, _ value: String) {
      set(tender_curl_set_string(easy, option, value))
    }
    let settings = plan.settings
    text(CURLOPT_URL, plan.request.url)
    text(CURLOPT_PROTOCOLS_STR, "http,https")
    text(CURLOPT_PROXY, "")
    text(CURLOPT_USERAGENT, settings.userAgent)
    long(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    long(CURLOPT_NOSIGNAL, 1)
    long(CURLOPT_QUICK_EXIT, 1)
    long(CURLOPT_FOLLOWLOCATION, 0)
    long(CURLOPT_SSL_VERIFYPEER, 1)
    long(CURLOPT_SSL_VERIFYHOST, 2)
    long(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let file = settings.authoritiesFile { text(CURLOPT_CAINFO, file) }
    long(CURLOPT_MAXAGE_CONN, Int(settings.idleConnectionMax.components.seconds))
    long(CURLOPT_TIMEOUT_MS, Self.milliseconds(plan.timeout))
    long(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(min(settings.connectTimeout, plan.timeout)))
    set(tender_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText))
    set(list(CURLOPT_CONNECT_TO, ["::\(plan.address)"]))
    set(list(CURLOPT_HTTPHEADER, headerLines))
    set(setMethod())
    set(setCallbacks())
    return code == CURLE_OK
  }

  /// At least 1: to libcurl 0 means no limit.
  private static func milliseconds(_ duration: Duration) -> Int {
    Int(min(max(1, duration.wholeMillisecondsRoundedUp), Int64(Int32.max)))
  }

  /// `Expect` is switched off: waiting for 100 costs a round trip, and 417 a resend.
  private var headerLines: [String] {
    plan.request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
      + ["Expect:"]
      + (plan.request.header("Content-Type") == nil ? ["Content-Type:"] : [])
  }

  private func list(_ option: CURLoption, _ lines: [String]) -> CURLcode {
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines {
      guard let longer = curl_slist_append(list, line) else { return CURLE_OUT_OF_MEMORY }
      list = longer
    }
    if let list { lists.append(list) }
    return tender_curl_set_list(easy, option, list)
  }

  /// The body comes from a read callback and no seek callback exists: libcurl cannot rewind it, so
  /// it cannot send it again. Without a body there is nothing to rewind: a fresh connection, since
  /// only a reused one is retried.
  private func setMethod() -> CURLcode {
    let request = plan.request
    var code = CURLE_OK
    let hasBody = !request.body.isEmpty
    switch request.method {
    case .get where !hasBody: code = tender_curl_set_long(easy, CURLOPT_HTTPGET, 1)
    case .head: code = tender_curl_set_long(easy, CURLOPT_NOBODY, 1)
    default:
      code = tender_curl_set_long(easy, CURLOPT_POST, 1)
      if code == CURLE_OK { code = setBody() }
      if code == CURLE_OK, request.method != .post {
        code = tender_curl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
      }
    }
    if code == CURLE_OK, !hasBody, !request.method.isReadOnly {
      code = tender_curl_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
    }
    return code
  }

  private func setBody() -> CURLcode {
    let body = plan.request.body
    let code = tender_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int(body.count))
    guard code == CURLE_OK, plan.settings.sabotage.contains(.replayableBody) else { return code }
    return body.withUnsafeBytes { bytes in
      tender_curl_set_pointer(
        easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
  }

  private func setCallbacks() -> CURLcode {
    var callbacks = tender_curl_callbacks()
    callbacks.write = { bytes, size, count, context in
      Transfer.from(context).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    callbacks.header = { bytes, size, count, context in
      Transfer.from(context).receiveHeader(
        UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    if !plan.settings.sabotage.contains(.replayableBody) {
      callbacks.read = { bytes, size, count, context in
        Transfer.from(context).provide(
          UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
      }
    }
    callbacks.before_request = { context, peer, _, _, _ in
      Transfer.from(context).beginRequest(peer: peer.map { String(cString: $0) } ?? "")
    }
    return tender_curl_set_callbacks(easy, &callbacks, Unmanaged.passUnretained(self).toOpaque())
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
    guard let context else { preconditionFailure("libcurl lost the context of a callback") }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }

  // MARK: - Callbacks, from inside libcurl: they must not call it

  /// Called on each connection right before a request is written. The second guard against a
  /// silent resend, and the last look at whom it goes to.
  private func beginRequest(peer: String) -> Int32 {
    guard IPAddress(peer) == plan.address.ip else { return Int32(CURL_PREREQFUNC_ABORT) }
    report.requestsBegun += 1
    let mayRepeat =
      plan.request.method.isReadOnly || plan.settings.sabotage.contains(.repeatedRequest)
    guard report.requestsBegun == 1 || mayRepeat else { return Int32(CURL_PREREQFUNC_ABORT) }
    return Int32(CURL_PREREQFUNC_OK)
  }

  private func provide(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let body = plan.request.body
    let count = min(room.count, body.count - sent)
    room.copyBytes(from: body[sent..<(sent + count)])
    sent += count
    return count
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    let room = plan.request.responseBytesMax - report.body.count
    report.body.append(contentsOf: bytes.prefix(max(0, room)))
    guard bytes.count <= room else {
      report.isTruncated = true
      return 0
    }
    return bytes.count
  }

  private func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
    headerBytes += bytes.count
    let line = String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // A status line: what came before it belonged to an interim response.
      report.headers = []
      report.body = []
      return bytes.count
    }
    guard headerBytes <= Self.headerBytesMax, report.headers.count < Self.headersMax else {
      report.isTruncated = true
      return 0
    }
    if let colon = line.utf8.firstIndex(of: 0x3A) {
      let value = line[line.utf8.index(after: colon)...]
      report.headers.append(HeaderField(String(line[..<colon]), Self.trimmed(value)))
    }
    return bytes.count
  }

  private static func trimmed(_ text: Substring) -> String {
    let blank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
    var bytes = text.utf8.drop(while: blank)
    while let last = bytes.last, blank(last) { bytes.removeLast() }
    return String(Substring(bytes))
  }

  // MARK: - The end

  /// Reads the facts; the handle must still be whole. Then tells the caller, once.
  func finish(code: CURLcode?, failure: TransferReport.LocalFailure? = nil) {
    report.localFailure = failure
    report.curlCode = Int32(bitPattern: code?.rawValue ?? 0)
    report.curlMessage = String(cString: errorText)
    report.requestBytes = Int64(tender_curl_long(easy, CURLINFO_REQUEST_SIZE))
    report.connectionsMade = Int64(tender_curl_long(easy, CURLINFO_NUM_CONNECTS))
    let status = tender_curl_long(easy, CURLINFO_RESPONSE_CODE)
    report.status = status > 0 ? status : nil
    if let text = tender_curl_string(easy, CURLINFO_PRIMARY_IP) {
      let port = UInt16(clamping: tender_curl_long(easy, CURLINFO_PRIMARY_PORT))
      report.address = SocketAddress(host: String(cString: text), port: port)
    }
    report.timings.connectedMicroseconds = Int64(tender_curl_offset(easy, CURLINFO_CONNECT_TIME_T))
    report.timings.tlsDoneMicroseconds = Int64(
      tender_curl_offset(easy, CURLINFO_APPCONNECT_TIME_T))
    report.timings.firstByteMicroseconds = Int64(
      tender_curl_offset(easy, CURLINFO_STARTTRANSFER_TIME_T))
    report.timings.totalMicroseconds = Int64(tender_curl_offset(easy, CURLINFO_TOTAL_TIME_T))
    done(report)
  }
}

extension OutboundRequest {
  fileprivate func header(_ name: String) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
  }
}
