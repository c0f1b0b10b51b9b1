import GatewayCore
import Money
import Postgres
import ReportFormats

/// Which report: what its row is found by.
struct ReportIdentity: Sendable, Hashable {
  var account: GatewayAccount
  var kind: ReportKind
  var name: String
  /// Where the gateway makes reports of any span of time on request.
  var period: Range<Timestamp>?
}

/// A row of `report`.
struct StoredReport: Sendable, Hashable {
  enum State: Int16, Sendable, Hashable, CaseIterable {
    case requested = 1
    case available = 2
    case fetched = 3
    case rejected = 4
  }

  var identity: ReportIdentity
  var state: State
  var runReference: String?
  var fileReference: String?
  var failures: Int32
  var sha256: [UInt8]?
  var bytes: Int64?
  var rowCount: Int64?
  var detail: String
  var createdAt: Timestamp
  var fetchedAt: Timestamp?

  /// A row of `ReportStatements.columns`.
  init(_ row: Row) throws {
    let (gateway, account, kind, name) = try row.decode((String, String, String, String).self)
    guard let gateway = GatewayName(rawValue: gateway), let kind = ReportKind(rawValue: kind),
      let state = State(rawValue: try row[6, as: Int16.self])
    else { throw PostgresError(.decoding, "report holds an unknown word") }
    identity = ReportIdentity(
      account: GatewayAccount(gateway: gateway, account: account), kind: kind, name: name)
    if let start = try row[4, as: Timestamp?.self], let end = try row[5, as: Timestamp?.self],
      start < end
    {
      identity.period = start..<end
    }
    self.state = state
    runReference = try row[7, as: String?.self]
    fileReference = try row[8, as: String?.self]
    failures = try row[9, as: Int32.self]
    sha256 = try row[10, as: [UInt8]?.self]
    bytes = try row[11, as: Int64?.self]
    rowCount = try row[12, as: Int64?.self]
    detail = try row[13, as: String.self]
    createdAt = try row[14, as: Timestamp.self]
    fetchedAt = try row[15, as: Timestamp?.self]
  }
}
