/// Events kept for `/v1/events`; older ones are forgotten (real: 30 days).
let eventsKeptMax = 20_000
/// Accepted requests kept for `/books/requests`; older ones are in the file only.
let requestsKeptMax = 100_000

/// Everything both gateways know. A pure value: time comes in as an argument, changes go out as
/// records that the caller writes to the journal as one group.
struct Books: Sendable {
  private(set) var payments: [String: Payment] = [:]
  private(set) var paymentOrder: [String] = []
  private(set) var refunds: [String: Refund] = [:]
  private(set) var refundOrder: [String] = []
  private(set) var refundsOfPayment: [String: [String]] = [:]
  private(set) var modifications: [String: Modification] = [:]
  private(set) var modificationOrder: [String] = []
  private(set) var setups: [String: Setup] = [:]
  private(set) var disputes: [String: Dispute] = [:]
  private(set) var disputeOrder: [String] = []
  private(set) var movements: [Movement] = []
  private(set) var events: [Event] = []
  private(set) var requests: [AcceptedRequest] = []
  /// Accepted in all, those that are no longer kept included.
  private(set) var requestCount: Int64 = 0
  private(set) var paymentsOfReference: [String: [String]] = [:]
  private(set) var paymentOfCharge: [String: String] = [:]
  /// By the last part of the page's address, and by what payers bring back.
  private(set) var paymentOfChallenge: [String: String] = [:]
  private(set) var paymentOfResult: [String: String] = [:]
  private(set) var answers: [String: StoredAnswer] = [:]
  private(set) var clockOffsetMilliseconds: Int64 = 0
  private(set) var duties = DutyQueue()
  private var undelivered: [String: Event] = [:]
  private var unwritten: [Record] = []

  /// Keys whose first request is being worked on; lost on a restart, like the work.
  var runningKeys: Set<String> = []

  /// The time of the group that is being made.
  var time: Int64 = 0

  /// Changes one thing; the change is part of the next group.
  mutating func put(_ record: Record) {
    if case .payment(let payment) = record {
      let moved = Movement.between(
        payments[payment.id], payment, first: Int64(movements.count) + 1, at: time)
      for movement in moved { put(.movement(movement)) }
    }
    apply(record)
    unwritten.append(record)
  }

  /// The group that is not yet handed to the journal.
  mutating func takeUnwritten() -> [Record] {
    defer { unwritten = [] }
    return unwritten
  }

  /// The ids of this group's events that somebody listens for.
  var undeliveredEvents: [String] { Array(undelivered.keys) }

  mutating func takeUndelivered() -> [Event] {
    defer { undelivered = [:] }
    return undelivered.values.sorted { $0.createdAt < $1.createdAt }
  }

  /// Changes one thing without writing it again: the replay at start.
  mutating func apply(_ record: Record) {
    switch record {
    case .payment(let payment): apply(payment)
    case .refund(let refund): apply(refund)
    case .modification(let modification):
      if modifications.updateValue(modification, forKey: modification.id) == nil {
        modificationOrder.append(modification.id)
      }
      duties.add(.modification(modification.id), due: modification.due)
    case .setup(let setup): setups[setup.id] = setup
    case .dispute(let dispute):
      if disputes.updateValue(dispute, forKey: dispute.id) == nil {
        disputeOrder.append(dispute.id)
      }
      duties.add(.dispute(dispute.id), due: dispute.due)
    case .request(let request): apply(request)
    case .movement(let movement): movements.append(movement)
    case .event(let event): apply(event)
    case .delivered(let eventID): undelivered[eventID] = nil
    case .answer(let answer): answers[Books.answerName(answer.gateway, answer.key)] = answer
    case .clock(let offset): clockOffsetMilliseconds = offset
    }
  }

  private mutating func apply(_ payment: Payment) {
    if payments.updateValue(payment, forKey: payment.id) == nil {
      paymentOrder.append(payment.id)
      if !payment.reference.isEmpty {
        paymentsOfReference[payment.reference, default: []].append(payment.id)
      }
    }
    if let chargeID = payment.chargeID { paymentOfCharge[chargeID] = payment.id }
    if let challenge = payment.challenge {
      paymentOfChallenge[ChallengePage.token(of: challenge)] = payment.id
    }
    if let result = payment.redirectResult { paymentOfResult[result] = payment.id }
    duties.add(.payment(payment.id), due: payment.due)
  }

  private mutating func apply(_ refund: Refund) {
    if refunds.updateValue(refund, forKey: refund.id) == nil {
      refundOrder.append(refund.id)
      refundsOfPayment[refund.paymentID, default: []].append(refund.id)
    }
    duties.add(.refund(refund.id), due: refund.due)
  }

  private mutating func apply(_ request: AcceptedRequest) {
    requests.append(request)
    requestCount += 1
    if requests.count > requestsKeptMax + requestsKeptMax / 10 {
      requests.removeFirst(requests.count - requestsKeptMax)
    }
  }

  /// What happens on their way to the notifications of this group.
  mutating func treatEvents(_ treatment: Fault) {
    for index in unwritten.indices {
      guard case .event(var event) = unwritten[index] else { continue }
      event.treatment = treatment
      unwritten[index] = .event(event)
      if undelivered[event.id] != nil { undelivered[event.id] = event }
    }
  }

  private mutating func apply(_ event: Event) {
    events.append(event)
    if events.count > eventsKeptMax + eventsKeptMax / 10 {
      events.removeFirst(events.count - eventsKeptMax)
    }
    if event.isUndelivered { undelivered[event.id] = event }
  }

  /// The stored answer, unless its time is over.
  mutating func answer(
    _ gateway: Gateway,
    _ key: String,
    now: Int64,
    keptMilliseconds: Int64
  ) -> StoredAnswer? {
    let name = Books.answerName(gateway, key)
    guard let answer = answers[name] else { return nil }
    if now - answer.createdAt < keptMilliseconds { return answer }
    answers[name] = nil
    return nil
  }

  /// The key means nothing any more, as when its time is over.
  mutating func forgetAnswer(_ gateway: Gateway, _ key: String) {
    answers[Books.answerName(gateway, key)] = nil
  }

  static func answerName(_ gateway: Gateway, _ key: String) -> String {
    gateway.rawValue + " " + key
  }

  mutating func nextDuty(now: Int64) -> Duty? { duties.next(now: now) }
}

/// Something that will happen by itself.
enum Duty: Sendable, Equatable {
  case payment(String)
  case refund(String)
  case modification(String)
  case dispute(String)
}

/// Duties by time: a binary heap. An entry whose thing has another time by now is stale; whoever
/// takes it compares.
struct DutyQueue: Sendable {
  private struct Entry {
    let due: Int64
    let duty: Duty
  }

  private var heap: [Entry] = []

  var nextDue: Int64? { heap.first?.due }

  mutating func add(_ duty: Duty, due: Int64?) {
    guard let due else { return }
    heap.append(Entry(due: due, duty: duty))
    var index = heap.count - 1
    while index > 0, heap[index].due < heap[(index - 1) / 2].due {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func next(now: Int64) -> Duty? {
    guard let first = heap.first, first.due <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first.duty }
    heap[0] = last
    var index = 0
    while true {
      var smallest = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < heap.count && heap[child].due < heap[smallest].due { smallest = child }
      if smallest == index { return first.duty }
      heap.swapAt(index, smallest)
      index = smallest
    }
  }
}
