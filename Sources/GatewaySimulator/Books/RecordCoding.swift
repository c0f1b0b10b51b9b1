extension Payment {
  /// The metadata of this name, or of one that ends in it: `intent`, `shop_intent`.
  func metadatum(_ name: String) -> String? {
    metadata.first { $0.0 == name || $0.0.hasSuffix("_" + name) }?.1
  }

  /// The same members in the journal and in `GET /books`.
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("gateway", gateway.rawValue)
      out.text("id", id)
      out.text("status", status.rawValue)
      out.number("amount", amount)
      out.text("currency", currency)
      out.number("authorized", authorized)
      out.number("captured", captured)
      out.number("refunded", refunded)
      out.flag("canceled", status == .canceled)
      out.text("method", method)
      out.flag("manual", capturesManually)
      out.text("reference", reference)
      out.text("intent", metadatum("intent"))
      out.text("operation", metadatum("operation"))
      out.texts("metadata", metadata)
      out.text("idempotency_key", idempotencyKey)
      out.number("created", createdAt)
      out.number("due", due)
      out.text("charge", chargeID)
      out.number("tries", tries)
      out.text("refusal", refusal)
      out.texts("echoed", echoed)
      out.text("cancellation_reason", cancellationReason)
      out.number("canceled_at", canceledAt)
      out.text("due_action", dueAction?.rawValue)
      out.text("fate", fate?.rawValue)
      out.number("disputed", disputed)
      // Few payments have a payer who must act.
      if let challenge {
        out.text("challenge", challenge)
        out.text("challenge_answer", challengeAnswer)
        out.text("redirect_result", redirectResult)
        out.flag("redirect_result_used", isResultUsed)
      }
    }
  }

  init?(_ json: JSON) {
    guard let gateway = json["gateway"]?.text.flatMap(Gateway.init), let id = json["id"]?.text,
      let status = json["status"]?.text.flatMap(PaymentStatus.init),
      let amount = json["amount"]?.int, let currency = json["currency"]?.text,
      let createdAt = json["created"]?.int
    else { return nil }
    self.init(
      gateway: gateway,
      id: id,
      status: status,
      amount: amount,
      currency: currency,
      createdAt: createdAt
    )
    authorized = json["authorized"]?.int ?? 0
    captured = json["captured"]?.int ?? 0
    refunded = json["refunded"]?.int ?? 0
    method = json["method"]?.text
    capturesManually = json["manual"]?.bool ?? false
    reference = json["reference"]?.text ?? ""
    metadata = json["metadata"]?.pairs ?? []
    idempotencyKey = json["idempotency_key"]?.text
    due = json["due"]?.int
    chargeID = json["charge"]?.text
    tries = json["tries"]?.int ?? 0
    refusal = json["refusal"]?.text
    echoed = json["echoed"]?.pairs ?? []
    cancellationReason = json["cancellation_reason"]?.text
    canceledAt = json["canceled_at"]?.int
    dueAction = json["due_action"]?.text.flatMap(DueAction.init)
    fate = json["fate"]?.text.flatMap(DueAction.init)
    disputed = json["disputed"]?.int ?? 0
    challenge = json["challenge"]?.text
    challengeAnswer = json["challenge_answer"]?.text
    redirectResult = json["redirect_result"]?.text
    isResultUsed = json["redirect_result_used"]?.bool ?? false
  }
}

extension Refund {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("gateway", gateway.rawValue)
      out.text("id", id)
      out.text("payment", paymentID)
      out.number("amount", amount)
      out.text("currency", currency)
      out.text("status", status)
      out.text("reason", reason)
      out.text("reference", reference)
      out.texts("metadata", metadata)
      out.text("idempotency_key", idempotencyKey)
      out.number("created", createdAt)
      out.number("due", due)
      out.text("ends_as", endsAs)
    }
  }

  init?(_ json: JSON) {
    guard let gateway = json["gateway"]?.text.flatMap(Gateway.init), let id = json["id"]?.text,
      let paymentID = json["payment"]?.text, let amount = json["amount"]?.int,
      let currency = json["currency"]?.text, let status = json["status"]?.text,
      let createdAt = json["created"]?.int
    else { return nil }
    self.init(
      gateway: gateway,
      id: id,
      paymentID: paymentID,
      amount: amount,
      currency: currency,
      status: status,
      createdAt: createdAt
    )
    reason = json["reason"]?.text
    reference = json["reference"]?.text ?? ""
    metadata = json["metadata"]?.pairs ?? []
    idempotencyKey = json["idempotency_key"]?.text
    due = json["due"]?.int
    endsAs = json["ends_as"]?.text ?? "succeeded"
  }
}

extension Modification {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("id", id)
      out.text("kind", kind.rawValue)
      out.text("target", target)
      out.number("amount", amount)
      out.text("currency", currency)
      out.text("reference", reference)
      out.text("idempotency_key", idempotencyKey)
      out.number("created", createdAt)
      out.text("status", status)
      out.text("reason", reason)
      out.number("due", due)
      out.text("fault", fault)
    }
  }

  init?(_ json: JSON) {
    guard let id = json["id"]?.text, let kind = json["kind"]?.text.flatMap(Kind.init),
      let target = json["target"]?.text, let createdAt = json["created"]?.int
    else { return nil }
    self.init(
      id: id,
      kind: kind,
      target: target,
      amount: json["amount"]?.int,
      currency: json["currency"]?.text,
      createdAt: createdAt
    )
    reference = json["reference"]?.text ?? ""
    idempotencyKey = json["idempotency_key"]?.text
    status = json["status"]?.text ?? "received"
    reason = json["reason"]?.text
    due = json["due"]?.int
    fault = json["fault"]?.text
  }
}

extension Setup {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("id", id)
      out.text("status", status)
      out.text("method", method)
      out.texts("metadata", metadata)
      out.number("created", createdAt)
      out.text("refusal", refusal)
    }
  }

  init?(_ json: JSON) {
    guard let id = json["id"]?.text, let status = json["status"]?.text,
      let createdAt = json["created"]?.int
    else { return nil }
    self.init(
      id: id,
      status: status,
      method: json["method"]?.text,
      metadata: json["metadata"]?.pairs ?? [],
      createdAt: createdAt,
      refusal: json["refusal"]?.text
    )
  }
}

extension Event {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("gateway", gateway.rawValue)
      out.text("id", id)
      out.text("type", type)
      out.number("created", createdAt)
      out.raw("body", body)
      out.flag("undelivered", isUndelivered)
      if let treatment { out.text("treatment", treatment.rawValue) }
    }
  }

  init?(_ json: JSON) {
    guard let gateway = json["gateway"]?.text.flatMap(Gateway.init), let id = json["id"]?.text,
      let type = json["type"]?.text, let createdAt = json["created"]?.int,
      let body = json["body"]
    else { return nil }
    self.init(
      gateway: gateway,
      id: id,
      type: type,
      createdAt: createdAt,
      body: body.bytes,
      isUndelivered: json["undelivered"]?.bool ?? false,
      treatment: json["treatment"]?.text.flatMap(Fault.init)
    )
  }
}

extension StoredAnswer {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("gateway", gateway.rawValue)
      out.text("key", key)
      out.text("endpoint", String(endpoint, radix: 16))
      out.text("fingerprint", String(fingerprint, radix: 16))
      out.number("created", createdAt)
      out.number("status", Int64(status))
      out.raw("body", body)
    }
  }

  init?(_ json: JSON) {
    guard let gateway = json["gateway"]?.text.flatMap(Gateway.init), let key = json["key"]?.text,
      let endpoint = json["endpoint"]?.text.flatMap({ UInt64($0, radix: 16) }),
      let fingerprint = json["fingerprint"]?.text.flatMap({ UInt64($0, radix: 16) }),
      let createdAt = json["created"]?.int, let status = json["status"]?.int,
      let body = json["body"]
    else { return nil }
    self.init(
      gateway: gateway,
      key: key,
      endpoint: endpoint,
      fingerprint: fingerprint,
      createdAt: createdAt,
      status: Int(status),
      body: body.bytes
    )
  }
}

extension Record {
  func write(to writer: inout JSONWriter) {
    writer.object(nil) { out in
      switch self {
      case .payment(let value): value.write("payment", to: &out)
      case .refund(let value): value.write("refund", to: &out)
      case .modification(let value): value.write("modification", to: &out)
      case .setup(let value): value.write("setup", to: &out)
      case .dispute(let value): value.write("dispute", to: &out)
      case .request(let value): value.write("request", to: &out)
      case .movement(let value): value.write("movement", to: &out)
      case .event(let value): value.write("event", to: &out)
      case .delivered(let eventID): out.text("delivered", eventID)
      case .answer(let value): value.write("answer", to: &out)
      case .clock(let offset): out.number("clock", offset)
      }
    }
  }

  init?(_ json: JSON) {
    guard case .object(let members) = json, let member = members.first else { return nil }
    let value = member.value
    let record: Record? =
      switch member.name {
      case "payment": Payment(value).map(Record.payment)
      case "refund": Refund(value).map(Record.refund)
      case "modification": Modification(value).map(Record.modification)
      case "setup": Setup(value).map(Record.setup)
      case "dispute": Dispute(value).map(Record.dispute)
      case "request": AcceptedRequest(value).map(Record.request)
      case "movement": Movement(value).map(Record.movement)
      case "event": Event(value).map(Record.event)
      case "delivered": value.text.map(Record.delivered)
      case "answer": StoredAnswer(value).map(Record.answer)
      case "clock": value.int.map(Record.clock)
      default: nil
      }
    guard let record else { return nil }
    self = record
  }
}
