import GatewayCore
import Postgres

/// How a gateway was chosen, as an attempt's row keeps it: why, and what it was decided from, so that
/// other rules can be run over it later.
struct RouteDecision: Sendable, Hashable {
  var version: Int32
  var rule: String
  var reason: String
  /// "gateway:account reason", one each.
  var skips: [String]
  var method: String?
  var brand: String?
  var country: String?
  var gateways: [String]?

  init(_ route: Route, _ method: ResolvedMethod) {
    version = Int32(clamping: route.version)
    rule = route.rule
    reason = route.reason.rawValue
    skips = route.skipped.map { "\($0.account) \($0.reason.rawValue)" }
    self.method = method.kind.rawValue
    brand = method.brand.isEmpty ? nil : method.brand
    country = method.country.isEmpty ? nil : method.country
    gateways = GatewayName.allCases.filter(method.has).map(\.rawValue)
  }

  /// Version, rule, reason and skips, from a column on; nil without a version.
  init?(_ row: Row, from column: Int) throws {
    guard let version = try row[column, as: Int32?.self] else { return nil }
    self.version = version
    rule = try row[column + 1, as: String?.self] ?? ""
    reason = try row[column + 2, as: String?.self] ?? ""
    skips = try row[column + 3, as: [String]?.self] ?? []
  }

  /// The skips as pairs of account and reason.
  var skipped: [(account: String, reason: String)] {
    skips.compactMap { text in
      text.lastIndex(of: " ").map {
        (String(text[..<$0]), String(text[text.index(after: $0)...]))
      }
    }
  }
}
