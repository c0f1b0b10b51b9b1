package import Money
package import ReportFormats

/// The state of a report that a gateway makes on request.
package enum ReportRun: Sendable, Hashable {
  /// It is being made.
  case pending(reference: String)
  /// It can be downloaded under this id.
  case ready(reference: String, file: String)
  case failed(reference: String, reason: String)
  /// No such run, or nothing readable: says nothing.
  case unknown(GatewayAnswer)
}

/// A gateway's language for reports. Pure. nil where a gateway has no such call: Adyen makes its
/// reports by itself and tells by notification.
package protocol GatewayReports: Sendable {
  /// Asks for a report of a span of time, once per key.
  func create(
    _ kind: ReportKind, from start: Timestamp, until end: Timestamp, key: String
  ) -> GatewayRequest?
  func get(run reference: String) throws(ExpressionError) -> GatewayRequest?
  /// The reading of the answer to either; nil when the facts hold no whole answer.
  func readRun(_ facts: TransferFacts) -> ReportRun?
  /// - Parameter file: the gateway's id of the file, or its name.
  func download(_ file: String, account: String) throws(ExpressionError) -> GatewayRequest
}

/// Names of report files. Adyen announces an address that its signature does not cover: only the
/// name is taken from it, the host comes from the settings.
package struct ReportFileName: Sendable, Hashable {
  package static let lengthMax = 128
  package let text: String
  package let kind: ReportKind

  /// From a file's name, or an address that ends with one; nil for other reports and for whatever is
  /// no plain name.
  package init?(_ address: String) {
    let name = address.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard (1...Self.lengthMax).contains(name.utf8.count), name.hasSuffix(".csv"),
      name.utf8.allSatisfy(Self.isPlain), !name.hasPrefix(".")
    else { return nil }
    if name.hasPrefix("settlement_detail_report_") {
      kind = .settlementDetail
    } else if name.hasPrefix("payments_accounting_report_") {
      kind = .paymentAccounting
    } else {
      return nil
    }
    text = String(name)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}

extension ReportKind {
  /// Whose report it is.
  package var gateway: GatewayName {
    switch self {
    case .payoutReconciliation: .stripe
    case .settlementDetail, .paymentAccounting: .adyen
    }
  }
}
