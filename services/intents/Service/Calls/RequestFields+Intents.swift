import IntentsCore
import Money
import ServiceKit
import Wire

/// The rules of this service's own fields.
extension RequestFields {
  static func amount(_ money: CommonV1.Money?, field: String) throws(RPCFailure) -> Amount {
    try amount(money, field: field, from: .positive, upTo: IntentLimits.amountMinorMax)
  }

  static func captureMethod(
    _ wire: GatewayV1.CaptureMethod
  ) throws(RPCFailure) -> CaptureMethod {
    if case .unspecified = wire { return .automatic }
    return try known(CaptureMethod(rawValue: Int16(clamping: wire.rawValue)), "capture_method")
  }

  static func refundReason(_ wire: IntentsV1.RefundReason) throws(RPCFailure) -> RefundReason {
    try known(RefundReason(rawValue: Int16(clamping: wire.rawValue)), "reason")
  }

  /// Where a payer comes back to; nil when nothing is said. Its length was checked.
  static func returnURL(_ text: String, of merchant: MerchantID) throws(RPCFailure) -> String? {
    if text.isEmpty { return nil }
    guard let address = WebAddress(text), !address.hasFragment,
      address.isSecure || address.isLoopback && !merchant.isLive
    else {
      throw .invalid(
        "return_url", "RETURN_URL_INVALID",
        "Name an https address in visible ASCII without user, password or fragment"
          + (merchant.isLive ? "." : ", or an http one on localhost."))
    }
    return text
  }

  /// Visible ASCII is all that a decoded query parameter of a gateway's is; its length was checked.
  static func redirectResult(_ bytes: [UInt8]) throws(RPCFailure) {
    guard bytes.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      throw .invalid(
        "redirect_result", "REDIRECT_RESULT_INVALID",
        "Decode the parameter of the payer's return from the URL: it is visible ASCII.")
    }
  }

  private static func known<Value>(
    _ value: Value?, _ field: String
  ) throws(RPCFailure) -> Value {
    guard let value else {
      throw .invalid(field, "ENUM_UNKNOWN", "This release does not know the value.")
    }
    return value
  }

  /// Keys of one object are distinct.
  static func metadata(_ entries: [CommonV1.MetadataEntry]) throws(RPCFailure) {
    var seen: Set<String> = []
    for (index, entry) in entries.enumerated() where !seen.insert(entry.key).inserted {
      throw .invalid("metadata[\(index)].key", "KEY_DUPLICATE", "This key is there twice.")
    }
  }
}
