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
    guard let method = CaptureMethod(rawValue: Int16(clamping: wire.rawValue)) else {
      throw .invalid("capture_method", "ENUM_UNKNOWN", "The capture method is not known.")
    }
    return method
  }

  /// Keys of one object are distinct.
  static func metadata(_ entries: [CommonV1.MetadataEntry]) throws(RPCFailure) {
    var seen: Set<String> = []
    for (index, entry) in entries.enumerated() where !seen.insert(entry.key).inserted {
      throw .invalid("metadata[\(index)].key", "KEY_DUPLICATE", "This key is there twice.")
    }
  }
}
