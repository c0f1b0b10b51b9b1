import Money
import Wire

/// What happened to one payment, over all services, in order of time.
struct Timeline: Sendable {
  struct Entry: Encodable, Sendable {
    /// Since the payment was created; nil where the service gives no time.
    let milliseconds: Int64?
    let service: String
    let what: String
    let detail: String
  }

  private(set) var entries: [Entry] = []
  /// Services that could not be asked, and why.
  private(set) var gaps: [String] = []
  private let start: Int64

  init(start: GoogleProtobuf.Timestamp?) {
    self.start = WireText.milliseconds(start) ?? 0
  }

  mutating func add(
    _ at: GoogleProtobuf.Timestamp?, _ service: PlatformService, _ what: String,
    _ detail: [String]
  ) {
    entries.append(
      Entry(
        milliseconds: WireText.milliseconds(at).map { $0 - start }, service: service.rawValue,
        what: what, detail: detail.filter { !$0.isEmpty }.joined(separator: " · ")))
  }

  mutating func addGap(_ failure: CallFailure) {
    gaps.append("\(failure.service.rawValue) was not asked: \(failure.message)")
  }

  /// In order of time; what happened in the same millisecond stays in the order of the services.
  var sorted: [Entry] {
    entries.enumerated().sorted { left, right in
      let (a, b) = (left.element.milliseconds ?? .max, right.element.milliseconds ?? .max)
      return a == b ? left.offset < right.offset : a < b
    }.map(\.element)
  }

  var lines: [String] {
    Table.lines(
      ["ms", "service", "what", "detail"],
      sorted.map { [$0.milliseconds.map(String.init) ?? "", $0.service, $0.what, $0.detail] })
      + gaps
  }
}

extension Timeline {
  mutating func add(_ changes: [IntentsV1.PaymentIntentChange]) {
    for change in changes {
      add(
        change.at, .intents, WireText.status(change.status),
        ["version \(change.version)", change.cause, "by \(change.actor)"])
    }
  }

  mutating func add(_ operations: [GatewayV1.Operation]) {
    for operation in operations {
      add(
        operation.createdAt, .gateway, "operation",
        [operation.id, WireText.money(operation.amount),
          WireText.word(operation.state, "OPERATION_STATE_")])
      for attempt in operation.attempts { add(attempt) }
      for capture in operation.captures {
        add(
          capture.createdAt, .gateway, "capture",
          [capture.id, WireText.money(capture.amount), capture.state])
      }
      for refund in operation.refunds {
        add(
          refund.createdAt, .gateway, "refund",
          [refund.id, WireText.money(refund.amount), refund.state, refund.detail,
            refund.gatewayReference])
      }
      for fact in operation.facts {
        add(
          fact.occurredAt, .gateway, "fact \(fact.sequence): "
            + WireText.word(fact.kind, "FACT_KIND_"),
          [WireText.money(fact.amount), fact.gateway, fact.gatewayReference,
            fact.decline.map { DeclineText.of($0) } ?? ""])
      }
    }
  }

  private mutating func add(_ attempt: GatewayV1.Attempt) {
    add(
      attempt.createdAt, .gateway, "attempt \(attempt.sequence) at \(attempt.gateway)",
      [attempt.id, attempt.routeReason])
    guard attempt.decidedAt != nil else { return }
    add(
      attempt.decidedAt, .gateway,
      "attempt \(attempt.sequence) \(WireText.word(attempt.disposition, "ATTEMPT_DISPOSITION_"))",
      [attempt.evidence, attempt.evidenceDetail,
        attempt.decline.map { DeclineText.network($0) } ?? "", attempt.gatewayReference,
        attempt.gatewayMilliseconds.map { "gateway took \($0) ms" } ?? ""])
  }

  mutating func add(_ transactions: [LedgerV1.Transaction]) {
    for transaction in transactions {
      let legs = transaction.entries.map {
        "\(WireText.word($0.side, "NORMAL_SIDE_")) \($0.accountCode) \(WireText.money($0.amount))"
      }
      add(
        transaction.recordedAt, .ledger,
        transaction.phase == .unspecified
          ? transaction.kind : "\(transaction.kind), \(LedgerText.phase(transaction.phase))",
        [transaction.id, "batch \(transaction.batch)"] + legs)
    }
  }

  mutating func add(_ events: [WebhooksV1.Event]) {
    for event in events {
      add(event.createdAt, .webhooks, event.type, [event.id, "sequence \(event.sequence)"])
    }
  }

  mutating func add(_ deliveries: [WebhooksV1.Delivery]) {
    for delivery in deliveries {
      for attempt in delivery.attempts {
        add(
          attempt.at, .webhooks, "delivery \(attempt.number)",
          [delivery.eventID, "to \(delivery.endpointID)",
            attempt.httpStatus == 0 ? attempt.error : "answered \(attempt.httpStatus)",
            "\(attempt.durationMilliseconds) ms"])
      }
      if delivery.attempts.isEmpty {
        add(delivery.nextAttemptAt, .webhooks, "delivery waits", [delivery.id, delivery.eventID])
      }
    }
  }
}
