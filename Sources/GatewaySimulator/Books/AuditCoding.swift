extension Dispute {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("gateway", gateway.rawValue)
      out.text("id", id)
      out.text("payment", paymentID)
      out.number("amount", amount)
      out.text("currency", currency)
      out.text("reason", reason)
      out.flag("return", isReturn)
      out.text("status", status)
      out.number("created", createdAt)
      out.number("due", due)
    }
  }

  init?(_ json: JSON) {
    guard let gateway = json["gateway"]?.text.flatMap(Gateway.init), let id = json["id"]?.text,
      let paymentID = json["payment"]?.text, let amount = json["amount"]?.int,
      let currency = json["currency"]?.text, let reason = json["reason"]?.text,
      let isReturn = json["return"]?.bool, let status = json["status"]?.text,
      let createdAt = json["created"]?.int
    else { return nil }
    self.init(
      gateway: gateway,
      id: id,
      paymentID: paymentID,
      amount: amount,
      currency: currency,
      reason: reason,
      isReturn: isReturn,
      status: status,
      createdAt: createdAt,
      due: json["due"]?.int
    )
  }
}

extension AcceptedRequest {
  func write(_ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.number("at", at)
      out.text("gateway", gateway.rawValue)
      out.text("operation", operation.rawValue)
      out.text("target", target)
      out.text("reference", reference)
      out.number("amount", amount)
      out.text("currency", currency)
      out.text("idempotency_key", idempotencyKey)
      out.flag("replay", isReplay)
      out.text("fault", fault?.rawValue)
      out.number("status", Int64(status))
    }
  }

  init?(_ json: JSON) {
    guard let at = json["at"]?.int, let gateway = json["gateway"]?.text.flatMap(Gateway.init),
      let operation = json["operation"]?.text.flatMap(Operation.init),
      let isReplay = json["replay"]?.bool, let status = json["status"]?.int
    else { return nil }
    self.init(
      at: at,
      gateway: gateway,
      operation: operation,
      target: json["target"]?.text,
      reference: json["reference"]?.text ?? "",
      amount: json["amount"]?.int,
      currency: json["currency"]?.text,
      idempotencyKey: json["idempotency_key"]?.text,
      isReplay: isReplay,
      fault: json["fault"]?.text.flatMap(Fault.init),
      status: Int(status)
    )
  }
}

extension AcceptedRequest {
  init(_ facts: FaultFacts, _ call: Call, _ fault: Fault?, status: Int, at: Int64) {
    self.init(
      at: at,
      gateway: facts.gateway,
      operation: facts.operation,
      target: call.target,
      reference: facts.reference,
      amount: facts.amount,
      currency: facts.currency,
      idempotencyKey: call.idempotencyKey,
      isReplay: facts.isReplay,
      fault: fault,
      status: status
    )
  }
}
