package import GatewayCore
import Money
package import Seal

/// Adyen's standard notifications: a batch, in which every item has its own signature.
package enum AdyenNotices {
  /// Items of one batch.
  package static let itemsMax = 100
  /// What the endpoint answers when it has stored the batch.
  package static let acknowledgement = "[accepted]"

  /// All items of a batch, or none: one wrong signature refuses the whole.
  /// - Parameters:
  ///   - body: the bytes as they came.
  ///   - keys: the endpoint's HMAC keys (decoded from hex), old and new ones while they rotate.
  /// - Throws: `tooLarge`, `unreadable`, `signatureMissing`, `signatureMalformed`, `signatureWrong`.
  package static func read(
    body: [UInt8],
    keys: [SecretBytes]
  ) throws(NoticeError) -> [GatewayNotice] {
    guard body.count <= JSONReading.bodySizeMax else { throw .tooLarge }
    guard let batch = JSONReading.decode(AdyenNotification.self, from: body) else {
      throw .unreadable
    }
    let items = batch.notificationItems.map(\.NotificationRequestItem)
    guard !items.isEmpty else { throw .unreadable }
    guard items.count <= itemsMax else { throw .tooLarge }
    for item in items { try verify(item, keys) }
    return items.map { notice($0, isLive: batch.live == "true") }
  }

  /// The items of a batch that was verified when it arrived; none when it is not readable.
  package static func parse(_ body: [UInt8]) -> [GatewayNotice] {
    guard let batch = JSONReading.decode(AdyenNotification.self, from: body) else { return [] }
    return batch.notificationItems.map {
      notice($0.NotificationRequestItem, isLive: batch.live == "true")
    }
  }

  private static func verify(
    _ item: AdyenNotification.Item,
    _ keys: [SecretBytes]
  ) throws(NoticeError) {
    guard let text = item.additionalData?["hmacSignature"] else { throw .signatureMissing }
    guard let signature = Base64.decode(text) else { throw .signatureMalformed }
    let signed = Array(signedText(item).utf8)
    let isAuthentic = keys.contains {
      ConstantTime.equals(HMACSHA256.code(signed, key: $0), signature)
    }
    guard isAuthentic else { throw .signatureWrong }
  }

  /// Reason, date, method and the other data are not covered: nothing is decided by them alone.
  static func signedText(_ item: AdyenNotification.Item) -> String {
    let parts: [String?] = [
      item.pspReference, item.originalReference, item.merchantAccountCode, item.merchantReference,
      item.amount.map { String($0.value) }, item.amount?.currency, item.eventCode, item.success,
    ]
    return parts.map { $0 ?? "" }.joined(separator: ":")
  }

  private static func notice(_ item: AdyenNotification.Item, isLive: Bool) -> GatewayNotice {
    let code = item.eventCode ?? ""
    let isModification = item.originalReference?.isEmpty == false
    let payment = isModification ? item.originalReference : item.pspReference
    let echo = Echo(
      reference: payment,
      amount: item.amount.flatMap {
        GatewayUnits.adyen.amount(units: $0.value, currency: $0.currency)
      },
      account: item.merchantAccountCode,
      ownReference: item.merchantReference
    )
    return GatewayNotice(
      gateway: .adyen,
      deduplicationKey: [item.pspReference ?? "", code, item.success ?? ""].joined(separator: ":"),
      isLive: isLive,
      occurredAt: item.eventDate.flatMap { Timestamp($0) },
      paymentReference: payment,
      modificationReference: isModification ? item.pspReference : nil,
      echo: echo,
      event: event(code, item, echo.amount)
    )
  }

  private static func event(
    _ code: String,
    _ item: AdyenNotification.Item,
    _ amount: Amount?
  ) -> GatewayNotice.Event {
    let succeeded = item.success == "true"
    let reason = item.reason ?? ""
    switch code {
    case "AUTHORISATION":
      return .payment(
        succeeded
          ? .authorized
          : .declined(
            AdyenGateway.signal(code: AdyenRefusals.code(item.reason), item.additionalData)
          )
      )
    case "PENDING": return .payment(.pending)
    case "CAPTURE":
      return succeeded ? .payment(.captured(amount)) : .captureFailed(code: reason)
    case "CAPTURE_FAILED": return .captureFailed(code: reason)
    case "CANCELLATION", "TECHNICAL_CANCEL":
      return succeeded ? .payment(.canceled) : .cancelFailed(code: reason)
    case "EXPIRE": return .payment(.canceled)
    case "CANCEL_OR_REFUND":
      guard succeeded else { return .cancelFailed(code: reason) }
      return item.additionalData?["modification.action"] == "refund"
        ? .refund(.succeeded) : .payment(.canceled)
    case "REFUND": return .refund(succeeded ? .succeeded : .failed(code: reason))
    // Both follow a REFUND that was reported done.
    case "REFUND_FAILED", "REFUNDED_REVERSED":
      return .refundReversed(code: reason.isEmpty ? code.lowercased() : reason)
    // The method is not signed, the movement, its amount and the code are: it only says which rules
    // the scheme has.
    case "CHARGEBACK" where item.paymentMethod == "sepadirectdebit" && succeeded:
      let scheme = item.additionalData?["chargebackReasonCode"] ?? String(reason.prefix(4))
      return .returned(movement: item.pspReference ?? "", code: scheme)
    case "REPORT_AVAILABLE": return .reportAvailable(url: reason)
    case "REQUEST_FOR_INFORMATION", "NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK",
      "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK", "DISPUTE_DEFENSE_PERIOD_ENDED",
      "NOTIFICATION_OF_FRAUD":
      return .dispute(code)
    default:
      return code.hasPrefix("PREARBITRATION_") || code.hasPrefix("SCHEME_ARBITRATION")
        ? .dispute(code) : .unrecognized(code)
    }
  }
}
