import Configuration
import GatewayCore
import Seal
import ServiceKit

/// An account of ours at a gateway: where it is and the key to it.
///
/// Settings, for `stripe` and `adyen` alike:
/// - `gateways.priority` (list of names, default `stripe,adyen`): the default order.
/// - `<gateway>.url` (URL, required for each gateway of the list): without a trailing slash.
/// - `stripe.account`, `adyen.merchantAccount` (string, required): the account's name there.
/// - `<gateway>.keyFile` (path, required): the API key, mode 0600.
///
/// - `stripe.filesURL`, `adyen.reportsURL` (URL, default `<gateway>.url`): where report files are
///   (live: `https://files.stripe.com`, `https://ca-live.adyen.com`).
///
/// Of all gateways together: `payments.returnURL` (URL, required, at most 1,024 characters), where
/// payers come back to after they have authenticated themselves.
struct GatewayAccountSettings: Sendable {
  let account: GatewayAccount
  let baseURL: String
  let filesURL: String
  let apiKey: SecretText

  /// No money can move there: a gateway on this machine, a test key, a test address. Whatever does
  /// not say so is live.
  var isTest: Bool {
    let host = baseURL.split(separator: "/").dropFirst().first ?? ""
    let name = host.prefix { $0 != ":" }
    if name == "localhost" || name == "127.0.0.1" || host.hasPrefix("[::1]") { return true }
    return switch account.gateway {
    case .stripe: apiKey.text.hasPrefix("sk_test_") || apiKey.text.hasPrefix("rk_test_")
    case .adyen: name.hasSuffix("-test.adyen.com")
    }
  }

  static func read(_ config: ConfigReader) throws(SettingsError) -> [GatewayAccountSettings] {
    let names = config.string(forKey: "gateways.priority", default: "stripe,adyen")
    var accounts: [GatewayAccountSettings] = []
    for name in names.split(separator: ",") {
      let trimmed = name.filter { $0 != " " }
      guard let gateway = GatewayName(rawValue: trimmed) else {
        throw SettingsError("`gateways.priority` names `\(trimmed)`, which is no gateway.")
      }
      accounts.append(try read(gateway, config))
    }
    return accounts
  }

  private static let returnURLLengthMax = 1_024

  static func returnURL(_ config: ConfigReader) throws(SettingsError) -> String {
    let url = try ServiceSettings.required(
      config, "payments.returnURL", "the page that payers come back to after authentication")
    guard url.hasPrefix("https://") || url.hasPrefix("http://"), url.utf8.count <= returnURLLengthMax
    else {
      throw SettingsError(
        "`payments.returnURL` must begin with https:// or http:// and have at most "
          + "\(returnURLLengthMax) characters.")
    }
    return url
  }

  private static func read(
    _ gateway: GatewayName, _ config: ConfigReader
  ) throws(SettingsError) -> GatewayAccountSettings {
    let path = try ServiceSettings.required(
      config, "\(gateway).keyFile", "the file with the API key of \(gateway)")
    let url = try ServiceSettings.required(
      config, "\(gateway).url", "the address of \(gateway)'s API")
    let filesKey = gateway == .adyen ? "adyen.reportsURL" : "stripe.filesURL"
    return GatewayAccountSettings(
      account: GatewayAccount(
        gateway: gateway,
        account: try ServiceSettings.required(
          config, gateway == .adyen ? "adyen.merchantAccount" : "\(gateway).account",
          "our account at \(gateway)")),
      baseURL: url, filesURL: config.string(forKey: ConfigKey(filesKey), default: url),
      apiKey: SecretText(try SettingsFile.secret(path)))
  }
}

/// A secret that is sent as text and never printed.
struct SecretText: Sendable, CustomStringConvertible, CustomReflectable {
  let text: String

  init(_ text: String) { self.text = text }

  var description: String { "(secret)" }
  var customMirror: Mirror { Mirror(self, children: [:]) }
}
