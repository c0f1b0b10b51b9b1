import Glibc
import InboundHTTP
import Seal

/// Sends webhooks: several threads, a few tries each, order not guaranteed.
///
/// What is not acknowledged when the process dies is in the journal and starts over at the next
/// start. `@unchecked Sendable`: everything that changes is inside the monitor; `onDone` is set
/// once, before `start`.
final class Announcer: @unchecked Sendable {
  /// Where one gateway's notifications go, and how they are signed.
  struct Target: Sendable {
    let port: UInt16
    let host: String
    let path: String
    /// Stripe: the endpoint's secret. Adyen signs inside the message.
    let secret: SecretBytes?
    /// What the endpoint is set up for; nil: all.
    let types: Set<String>?

    func announces(_ type: String) -> Bool { types?.contains(type) ?? true }
  }

  private struct Delivery {
    let event: Event
    var attempt = 0
    var notBefore: Int64 = 0
  }

  private struct State {
    var queue: [Delivery] = []
    var underWay: Int64 = 0
    var stopped = false
    var chaos: WebhookChaos?
    var counts = Counts()
  }

  /// What became of notifications since the start.
  struct Counts: Sendable {
    var sent: Int64 = 0
    var givenUp: Int64 = 0
    /// Copies beyond the first, and copies that were held back.
    var duplicated: Int64 = 0
    var late: Int64 = 0
    var resent: Int64 = 0
  }

  /// Waits between tries, milliseconds; after the last one it gives up. About four minutes.
  static let backoffMilliseconds: [Int64] = [
    200, 400, 800, 1500, 3000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000,
  ]
  private static let threads = 4
  private static let answerSecondsMax = 10

  private let targets: [Gateway: Target]
  private let state = Monitor(State())
  var onDone: @Sendable (_ eventID: String) -> Void = { _ in }

  init(targets: [Gateway: Target]) { self.targets = targets }

  func announces(_ gateway: Gateway) -> Bool { targets[gateway] != nil }

  func enqueue(_ event: Event) {
    guard targets[event.gateway] != nil else { return }
    let now = machineMilliseconds()
    state.change { state in
      let delays = state.chaos?.draw() ?? [0]
      state.counts.duplicated += Int64(delays.count - 1)
      for delay in delays {
        state.counts.late += delay > 0 ? 1 : 0
        state.queue.append(Delivery(event: event, notBefore: now + delay))
      }
    }
  }

  /// What happens to notifications from now on; nil: nothing.
  func setChaos(_ chaos: WebhookChaos?) { state.withLock { $0.chaos = chaos } }

  /// Sends these once more, the latest first.
  func resend(_ events: [Event]) -> Int {
    let known = events.filter { targets[$0.gateway]?.announces($0.type) ?? false }
    state.change { state in
      state.counts.resent += Int64(known.count)
      for event in known.reversed() { state.queue.append(Delivery(event: event)) }
    }
    return known.count
  }

  func start() {
    guard !targets.isEmpty else { return }
    for _ in 0..<Announcer.threads { _ = startThread { self.loop() } }
  }

  func stop() { state.change { $0.stopped = true } }

  var counts: Counts { state.withLock { $0.counts } }

  /// Waiting for their time, or being sent.
  var unfinished: Int64 { state.withLock { Int64($0.queue.count) + $0.underWay } }

  private func loop() {
    while true {
      // Wakes by itself for tries whose time has come.
      let next = state.wait(limitMilliseconds: 100) { state -> Delivery?? in
        if state.stopped { return .some(nil) }
        let now = machineMilliseconds()
        guard let index = state.queue.firstIndex(where: { $0.notBefore <= now }) else {
          return nil
        }
        state.underWay += 1
        return .some(state.queue.remove(at: index))
      }
      guard let next else { continue }
      guard let delivery = next else { return }
      attempt(delivery)
      state.withLock { $0.underWay -= 1 }
    }
  }

  private func attempt(_ delivery: Delivery) {
    guard let target = targets[delivery.event.gateway] else { return }
    if Announcer.post(delivery.event, to: target) {
      state.withLock { $0.counts.sent += 1 }
      onDone(delivery.event.id)
      return
    }
    guard delivery.attempt < Announcer.backoffMilliseconds.count else {
      state.withLock { $0.counts.givenUp += 1 }
      onDone(delivery.event.id)
      return
    }
    var again = delivery
    again.notBefore = machineMilliseconds() + Announcer.backoffMilliseconds[delivery.attempt]
    again.attempt += 1
    state.withLock { $0.queue.append(again) }
  }

  /// True for a 2xx answer.
  private static func post(_ event: Event, to target: Target) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var limit = timeval(tv_sec: answerSecondsMax, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var address = loopbackAddress(target.port)
    let isConnected = withUnsafeBytes(of: &address) { bytes in
      connect(
        descriptor,
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(MemoryLayout<sockaddr_in>.size)
      ) == 0
    }
    guard isConnected else { return false }
    var head = "POST \(target.path) HTTP/1.1\r\nHost: \(target.host):\(target.port)\r\n"
    head += "Content-Type: application/json\r\nContent-Length: \(event.body.count)\r\n"
    if let secret = target.secret {
      let seconds = machineMilliseconds() / 1000
      let signature = Signatures.stripe(event.body, seconds: seconds, secret: secret)
      head += "Stripe-Signature: \(signature)\r\n"
    }
    head += "User-Agent: gateway-sim\r\nConnection: close\r\n\r\n"
    guard sendAll(descriptor, Array(head.utf8) + event.body) else { return false }
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &answer, answer.count, 0)
    return count >= 12 && String(decoding: answer[..<12], as: UTF8.self).hasPrefix("HTTP/1.1 2")
  }
}

extension Announcer.Target {
  /// `http://127.0.0.1:8080/stripe`; anything that is not loopback HTTP is refused, because
  /// nothing of a test gateway may leave the machine.
  init?(url: String, secret: SecretBytes?, types: Set<String>?) {
    guard url.hasPrefix("http://") else { return nil }
    let rest = url.dropFirst(7)
    let authority = rest.prefix { $0 != "/" }
    let parts = authority.split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1]), port > 0,
      parts[0] == "127.0.0.1" || parts[0] == "localhost"
    else { return nil }
    let path = rest.dropFirst(authority.count)
    self.init(
      port: port,
      host: String(parts[0]),
      path: path.isEmpty ? "/" : String(path),
      secret: secret,
      types: types
    )
  }
}
