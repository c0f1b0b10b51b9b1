package import GatewayCore
package import Money
package import Seal

/// Stripe's webhooks: `Stripe-Signature: t=…,v1=…[,v1=…]` over "t.body".
package enum StripeNotices {
  package static let toleranceSeconds: Int64 = 300
  /// Signatures of one header that are looked at.
  package static let signaturesMax = 8

  /// One verified event.
  /// - Parameters:
  ///   - body: the bytes as they came.
  ///   - secrets: the endpoint's secrets, old and new ones while they rotate; the whole text of each.
  /// - Throws: `tooLarge`, `signatureMissing`, `signatureMalformed`, `timestampOutsideTolerance`,
  ///   `signatureWrong`, `unreadable`.
  package static func read(
    body: [UInt8],
    signature header: String?,
    secrets: [SecretBytes],
    now: Timestamp
  ) throws(NoticeError) -> GatewayNotice {
    guard body.count <= JSONReading.bodySizeMax else { throw .tooLarge }
    guard let header, !header.isEmpty else { throw .signatureMissing }
    let (timestamp, signatures) = try parse(header)
    let age = now.seconds.subtractingReportingOverflow(timestamp)
    guard !age.overflow, age.partialValue.magnitude <= UInt64(toleranceSeconds) else {
      throw .timestampOutsideTolerance
    }
    let signed = Array("\(timestamp).".utf8) + body
    let isAuthentic = secrets.contains { secret in
      let code = HMACSHA256.code(signed, key: secret)
      return signatures.contains { ConstantTime.equals($0, code) }
    }
    guard isAuthentic else { throw .signatureWrong }
    guard let notice = parse(body) else { throw .unreadable }
    return notice
  }

  private static func parse(_ header: String) throws(NoticeError) -> (Int64, [[UInt8]]) {
    var timestamp: Int64?
    var signatures: [[UInt8]] = []
    for part in header.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else { throw .signatureMalformed }
      switch pair[0].drop(while: { $0 == " " }) {
      case "t":
        guard timestamp == nil, let value = Int64(pair[1]) else { throw .signatureMalformed }
        timestamp = value
      case "v1" where signatures.count < signaturesMax:
        if let bytes = Hex.decode(String(pair[1])) { signatures.append(bytes) }
      default: continue
      }
    }
    guard let timestamp, !signatures.isEmpty else { throw .signatureMalformed }
    return (timestamp, signatures)
  }

  private struct Event<Object: Decodable>: Decodable {
    var id: String
    var type: String
    var created: Int64?
    var livemode: Bool?
    var data: Payload
    struct Payload: Decodable { var object: Object }
  }

  /// An event that was verified when it arrived; nil when it is not readable.
  package static func parse(_ body: [UInt8]) -> GatewayNotice? {
    guard let event = JSONReading.decode(Event<StripeKind>.self, from: body) else { return nil }
    var notice = GatewayNotice(
      gateway: .stripe,
      deduplicationKey: event.id,
      isLive: event.livemode ?? false,
      occurredAt: event.created.map { Timestamp(seconds: $0) },
      paymentReference: nil,
      modificationReference: nil,
      echo: Echo(),
      event: .unrecognized(event.type)
    )
    switch event.data.object.object {
    case "payment_intent":
      guard
        let intent = JSONReading.decode(Event<StripePaymentIntent>.self, from: body)?.data.object
      else { return nil }
      let answer = StripeGateway.payment(intent, .look)
      notice.paymentReference = intent.id
      notice.echo = answer.echo
      notice.event = .payment(answer.state)
    case "setup_intent":
      guard let setup = JSONReading.decode(Event<StripeSetupIntent>.self, from: body)?.data.object
      else { return nil }
      // One of somebody else's stays unrecognized.
      guard let answer = StripeGateway.setup(setup) else { break }
      notice.echo = answer.echo
      notice.event = .payment(answer.state)
    case "refund":
      guard let refund = JSONReading.decode(Event<StripeRefund>.self, from: body)?.data.object
      else { return nil }
      let answer = StripeGateway.refund(refund)
      notice.paymentReference = refund.payment_intent
      notice.modificationReference = refund.id
      notice.echo = answer.echo
      notice.event = .refund(answer.state)
    case "dispute":
      guard let dispute = JSONReading.decode(Event<Dispute>.self, from: body)?.data.object
      else { return nil }
      notice.paymentReference = dispute.payment_intent
      notice.modificationReference = dispute.id
      if let id = dispute.id, let reason = dispute.reason, returnReasons.contains(reason) {
        notice.echo.reference = dispute.payment_intent
        if let units = dispute.amount, let currency = dispute.currency {
          notice.echo.amount = GatewayUnits.stripe.amount(
            units: units, currency: currency.uppercased())
        }
        notice.event = .returned(movement: id, code: reason)
      } else {
        notice.event = .dispute(dispute.status ?? event.type)
      }
    default: break
    }
    return notice
  }

  private struct Dispute: Decodable {
    var id: String?
    var payment_intent: String?
    var status: String?
    var reason: String?
    var amount: Int64?
    var currency: String?
  }

  /// Reasons that only debits from bank accounts have: Stripe tells a return as a dispute that cannot
  /// be answered, also a failure that the bank told after the success.
  static let returnReasons: Set<String> = [
    "bank_cannot_process", "customer_initiated", "debit_not_authorized",
    "incorrect_account_details", "insufficient_funds",
  ]
}
