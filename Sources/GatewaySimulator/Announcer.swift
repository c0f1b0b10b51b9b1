import Glibc
import InboundHTTP
import Seal

/// Sends webhooks: several threads, a few tries each, order not guaranteed. Waits run on the
/// simulator's clock.
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
    /// Sent once, and must be refused; the true one follows.
    var forgery: Forgery?
    /// Goes once another one of the gateway has gone, or when its time has come.
    var waitsForAnother = false
  }

  private struct State {
    var queue: [Delivery] = []
    var underWay: Int64 = 0
    var stopped = false
    var clockOffsetMilliseconds: Int64 = 0
    var chaos: WebhookChaos?
    var counts = Counts()
    /// Deliveries that are not over, by event.
    var unfinished: [String: Int] = [:]

    var now: Int64 { machineMilliseconds() + clockOffsetMilliseconds }
  }

  /// What became of notifications since the start.
  struct Counts: Sendable {
    var sent: Int64 = 0
    var givenUp: Int64 = 0
    /// Copies beyond the first, and copies that were held back.
    var duplicated: Int64 = 0
    var late: Int64 = 0
    var resent: Int64 = 0
    var neverSent: Int64 = 0
    var forged: Int64 = 0
    /// Forged ones that were acknowledged: must stay 0.
    var forgedAccepted: Int64 = 0
  }

  /// Waits between tries, milliseconds; after the last one it gives up. About four minutes.
  static let backoffMilliseconds: [Int64] = [
    200, 400, 800, 1500, 3000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000,
  ]
  /// How long `webhook_out_of_order` waits for another one to overtake it.
  static let overtakeMilliseconds: Int64 = 5000
  private static let threads = 4

  private let targets: [Gateway: Target]
  private let tuning: Monitor<Tuning>
  private let state = Monitor(State())
  var onDone: @Sendable (_ eventID: String) -> Void = { _ in }

  init(targets: [Gateway: Target], tuning: Monitor<Tuning>) {
    self.targets = targets
    self.tuning = tuning
  }

  func announces(_ gateway: Gateway) -> Bool { targets[gateway] != nil }

  func setClock(offsetMilliseconds: Int64) {
    state.change { $0.clockOffsetMilliseconds = offsetMilliseconds }
  }

  func enqueue(_ event: Event) {
    guard targets[event.gateway] != nil else { return }
    guard event.treatment != .webhookNever else {
      state.withLock { $0.counts.neverSent += 1 }
      return onDone(event.id)
    }
    let late = tuning.withLock { $0.webhookMilliseconds }
    state.change { state in
      let deliveries = Announcer.deliveries(event, late: late, &state)
      state.unfinished[event.id, default: 0] += deliveries.count
      state.queue.append(contentsOf: deliveries)
    }
  }

  private static func deliveries(_ event: Event, late: Int64, _ state: inout State) -> [Delivery] {
    let now = state.now
    switch event.treatment {
    case .webhookDuplicate:
      state.counts.duplicated += Int64(WebhookChaos.copiesMax - 1)
      return (0..<WebhookChaos.copiesMax).map { _ in Delivery(event: event) }
    case .webhookDelayed:
      state.counts.late += 1
      return [Delivery(event: event, notBefore: now + late)]
    case .webhookOutOfOrder:
      state.counts.late += 1
      return [
        Delivery(event: event, notBefore: now + overtakeMilliseconds, waitsForAnother: true)
      ]
    case .webhookForged: return [Delivery(event: event, forgery: .changed)]
    case .webhookMixedBatch: return [Delivery(event: event, forgery: .mixedBatch)]
    default:
      let delays = state.chaos?.draw() ?? [0]
      state.counts.duplicated += Int64(delays.count - 1)
      state.counts.late += Int64(delays.count { $0 > 0 })
      return delays.map { Delivery(event: event, notBefore: $0 > 0 ? now + $0 : 0) }
    }
  }

  /// What happens to notifications from now on; nil: nothing.
  func setChaos(_ chaos: WebhookChaos?) { state.withLock { $0.chaos = chaos } }

  /// Sends these once more, the latest first.
  func resend(_ events: [Event]) -> Int {
    let known = events.filter { targets[$0.gateway]?.announces($0.type) ?? false }
    state.change { state in
      state.counts.resent += Int64(known.count)
      for event in known.reversed() {
        state.unfinished[event.id, default: 0] += 1
        state.queue.append(Delivery(event: event))
      }
    }
    return known.count
  }

  /// Waits until every copy of these was acknowledged or given up.
  func waitUntilDone(_ eventIDs: [String], limitMilliseconds: Int64) {
    _ = state.wait(limitMilliseconds: limitMilliseconds) { state -> Bool? in
      eventIDs.allSatisfy { state.unfinished[$0] == nil } ? true : nil
    }
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
        let now = state.now
        guard let index = state.queue.firstIndex(where: { $0.notBefore <= now }) else {
          return nil
        }
        state.underWay += 1
        return .some(state.queue.remove(at: index))
      }
      guard let next else { continue }
      guard let delivery = next else { return }
      attempt(delivery)
      state.change { $0.underWay -= 1 }
    }
  }

  private func attempt(_ delivery: Delivery) {
    let event = delivery.event
    guard let target = targets[event.gateway] else { return }
    if let forgery = delivery.forgery {
      let isAccepted = target.post(forgery.body(event), signedAs: event.body)
      state.change { state in
        state.counts.forged += 1
        state.counts.forgedAccepted += isAccepted ? 1 : 0
        state.queue.append(Delivery(event: event))
      }
      return
    }
    let isSent = target.post(event.body, signedAs: event.body)
    if !isSent, delivery.attempt < Announcer.backoffMilliseconds.count {
      return state.withLock { state in
        var again = delivery
        again.notBefore = state.now + Announcer.backoffMilliseconds[delivery.attempt]
        again.attempt += 1
        state.queue.append(again)
      }
    }
    onDone(event.id)
    state.change { state in
      if isSent { state.counts.sent += 1 } else { state.counts.givenUp += 1 }
      let left = (state.unfinished[event.id] ?? 1) - 1
      state.unfinished[event.id] = left > 0 ? left : nil
      guard isSent else { return }
      for index in state.queue.indices
      where state.queue[index].waitsForAnother && state.queue[index].event.gateway == event.gateway
        && state.queue[index].event.id != event.id
      {
        state.queue[index].notBefore = 0
        state.queue[index].waitsForAnother = false
      }
    }
  }
}

/// A message that nobody may believe.
enum Forgery: Sendable {
  /// Other amounts and references under the true one's signature.
  case changed
  /// Adyen: the true item and a forged one in one batch.
  case mixedBatch

  func body(_ event: Event) -> [UInt8] {
    // A blank more, should there be nothing to change.
    let changed = mangled(mangled(event.body, .amount), .reference) + [UInt8(ascii: " ")]
    guard self == .mixedBatch,
      let good = JSON(parsing: event.body)?["notificationItems"]?.items,
      let forged = JSON(parsing: changed)?["notificationItems"]?.items
    else { return changed }
    return JSONWriter.document { out in
      out.text("live", "false")
      out.array("notificationItems") { items in
        for item in good + forged { items.raw(nil, item.bytes) }
      }
    }
  }
}
