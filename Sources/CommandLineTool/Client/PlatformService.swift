/// The six services by the names of their executables, endpoints and identities.
package enum PlatformService: String, CaseIterable, Codable, Sendable {
  case ledger
  case vault = "vault-token"
  case gateway = "gateway-router"
  case webhooks
  case billing
  case intents
}

/// As whom a command speaks: whose certificate it shows.
struct Caller: Hashable, Sendable {
  /// The certificate's name.
  let rawValue: String

  private init(rawValue: String) { self.rawValue = rawValue }

  /// The demo merchant's client.
  static let demoMerchant = Caller(rawValue: "client-demo")
  /// Whoever runs the command.
  static let `operator` = Caller(rawValue: "operator")

  /// A second operator, for what one person may not do alone: a local deployment makes its
  /// certificate too.
  static let approver = Caller(rawValue: "operator-approver")

  /// Another operator.
  /// - Parameter name: 1 to 32 of a to z, 0 to 9 and "-".
  /// - Throws: `Failure` for another name.
  static func `operator`(_ name: String) throws(Failure) -> Caller {
    let isName = name.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || byte == UInt8(ascii: "-")
    }
    guard isName, 1...32 ~= name.utf8.count else {
      throw Failure(
        "the operator's name is not usable", next: "1 to 32 of a to z, 0 to 9 and -",
        status: .usage)
    }
    return Caller(rawValue: "operator-\(name)")
  }
}
