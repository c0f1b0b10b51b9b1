import GatewayAdapters
import GatewayCore
import Money
import Outbound
import Outbox
import Postgres
import Reactor
import ReportFormats
import Seal
import ServiceKit

/// Fetches reports: has them made where the gateway makes them on request, downloads, reads every
/// line, and keeps the hash of what was read.
final class ReportFlow: Sendable {
  /// The longest file, in bytes.
  static let bytesMax = 64 * 1_024 * 1_024
  /// Of one request that asks about a run.
  static let askLimit = Duration.seconds(5)
  static let downloadLimit = Duration.seconds(40)
  /// How long a call waits for a run; after that the caller asks again.
  static let waitLimit = Duration.seconds(10)
  static let pollInterval = Duration.milliseconds(500)
  static let alertKind = "report_changed"

  /// A report and what its lines come to; nil unless it was read now.
  struct Fetched: Sendable {
    var report: StoredReport
    var summary: ReportSummary?
    var evidence: ReportEvidence?
  }

  let environment: ServiceEnvironment
  private let ports: GatewayPorts

  init(_ environment: ServiceEnvironment, ports: GatewayPorts) {
    self.environment = environment
    self.ports = ports
  }

  /// The account at a gateway; nil if the settings name none.
  func account(_ gateway: GatewayName) -> GatewayAccount? {
    ports.accounts.keys.first { $0.gateway == gateway }
  }

  func list(limit: Int64) async throws -> [StoredReport] {
    try await environment.database.query(ReportStatements.list(limit: limit))
      .map { try StoredReport($0) }
  }

  /// Notes that the gateway has made a report.
  func announce(_ identity: ReportIdentity) async throws {
    _ = try await environment.database.query(
      ReportStatements.insert(identity, .available, environment.stamp))
  }

  /// - Parameter attempt: whose fate is looked for in the lines.
  func fetch(
    _ identity: ReportIdentity, evidenceOf attempt: AttemptID? = nil
  ) async throws -> Fetched {
    let state: StoredReport.State = identity.period == nil ? .available : .requested
    _ = try await environment.database.query(
      ReportStatements.insert(identity, state, environment.stamp))
    let report = try await drive(try await load(identity))
    guard let file = report.file else { return Fetched(report: report) }
    return try await download(file, of: report, attempt)
  }

  private func load(_ identity: ReportIdentity) async throws -> StoredReport {
    try StoredReport(
      try await environment.database.query(ReportStatements.load(identity)).single())
  }

  // MARK: Runs

  /// Until the gateway has made it, refused it, or the wait is over.
  private func drive(_ start: StoredReport) async throws -> StoredReport {
    guard let period = start.identity.period, start.file == nil else { return start }
    let began = environment.loop.now
    var report = start
    while report.file == nil {
      let run = try await ask(report, period)
      guard let change = ReportStatements.update(report.identity, run, environment.stamp) else {
        throw RPCFailure.unavailable(
          "\(report.identity.account.gateway) did not say what became of the report. Try again.")
      }
      _ = try await environment.database.query(change)
      report = try await load(report.identity)
      if report.state == .rejected || began.duration(to: environment.loop.now) > Self.waitLimit {
        break
      }
      if report.file == nil { try await environment.loop.sleep(for: Self.pollInterval) }
    }
    return report
  }

  private func ask(
    _ report: StoredReport, _ period: Range<Timestamp>
  ) async throws -> ReportRun {
    let reports = ReportPorts.adapter(report.identity.account.gateway)
    let request: GatewayRequest?
    if let run = report.runReference {
      request = try reports.get(run: run)
    } else {
      request = reports.create(
        report.identity.kind, from: period.lowerBound, until: period.upperBound,
        key: Self.key(report))
    }
    guard let request else { throw RPCFailure.internalError }
    let heard = await ports.report(
      request, at: report.identity.account, within: Self.askLimit,
      bytesMax: GatewayPorts.answerBytesMax)
    return reports.readRun(TransferFacts(heard)) ?? .unknown(.unreadable)
  }

  /// One run per report and failure before it, whoever asks.
  private static func key(_ report: StoredReport) -> String {
    let identity = report.identity
    let text = "\(identity.account) \(identity.kind) \(identity.name) \(report.failures)"
    return "treport" + Hex.encode(SHA256.hash(text)).prefix(40)
  }

  // MARK: Files

  private func download(
    _ file: String, of report: StoredReport, _ attempt: AttemptID?
  ) async throws -> Fetched {
    let identity = report.identity
    let request: GatewayRequest
    do {
      request = try ReportPorts.adapter(identity.account.gateway)
        .download(file, account: identity.account.account)
    } catch { throw RPCFailure.invalid("name", "REPORT_NAME_INVALID", "This is no report's name.") }
    let heard = await ports.report(
      request, at: identity.account, within: Self.downloadLimit, bytesMax: Self.bytesMax)
    guard heard.status == 200, case .answered = heard.sendProof else {
      throw RPCFailure.unavailable(
        "The report could not be downloaded (HTTP \(heard.status ?? 0), \(heard.sendProof)). Try again.")
    }
    // Its lines are compared with a restored database.
    let restores = RestoreReports(environment: environment)
    let restore = try await restores.restore(for: identity)
    let reading = try await environment.workers.run { [body = heard.body] in
      ReportReading(body, identity, evidenceOf: attempt, collectsPayments: restore != nil)
    }
    let fetched = try await keep(reading, report)
    if let restore, let payments = reading.payments {
      try await restores.note(payments, of: identity, restore)
    }
    return fetched
  }

  /// The first reading counts: a file that is another one later is an alert, and changes nothing.
  private func keep(_ reading: ReportReading, _ report: StoredReport) async throws -> Fetched {
    let identity = report.identity
    if report.state == .fetched, report.sha256 != reading.sha256 {
      _ = try await environment.database.query(
        Alerts.raise(
          Alert(
            .critical, kind: Self.alertKind, subject: identity.name,
            message: "\(identity.account) now gives another file for the report \(identity.name) "
              + "than was read before. Compare both with the gateway before anything is booked.",
            actor: "service:gateway-router")))
      throw RPCFailure.failedPrecondition(
        "REPORT_CHANGED", "The gateway gives another file than was read before; see the alerts.")
    }
    if report.state != .fetched {
      _ = try await environment.database.query(
        ReportStatements.finish(
          identity, reading.error == nil ? .fetched : .rejected, sha256: reading.sha256,
          bytes: reading.bytes, rows: reading.summary.rowCount,
          detail: reading.error.map { "\($0)" } ?? "", environment.stamp))
    }
    return Fetched(
      report: try await load(identity), summary: reading.summary, evidence: reading.evidence)
  }
}

/// What one reading of a file found. Every line is read; one bad line refuses the whole.
struct ReportReading: Sendable {
  /// Bytes read at a time.
  private static let pieceBytes = 65_536

  let sha256: [UInt8]
  let bytes: Int
  private(set) var summary = ReportSummary()
  private(set) var error: ReportError?
  /// Of the attempt that was asked about; nil when the report is refused.
  private(set) var evidence: ReportEvidence?
  /// What payments it names, if that was asked for; nil when the report is refused.
  private(set) var payments: AccountedPayments?

  init(
    _ body: [UInt8], _ identity: ReportIdentity, evidenceOf attempt: AttemptID?,
    collectsPayments: Bool = false
  ) {
    sha256 = SHA256.hash(body)
    bytes = body.count
    var parser = ReportParser(identity.kind, account: identity.account.account)
    var collector = attempt.map { ReportEvidenceCollector(of: .authorize($0)) }
    var named = collectsPayments ? AccountedPayments() : nil
    func take(_ row: ReportRow) {
      named?.add(row)
      summary.add(row)
      collector?.add(row)
    }
    do throws(ReportError) {
      for start in stride(from: 0, to: body.count, by: Self.pieceBytes) {
        try parser.read(body[start..<min(start + Self.pieceBytes, body.count)], take)
      }
      try parser.finish(take)
      evidence = collector?.evidence
      payments = named
    } catch {
      self.error = error
      summary = ReportSummary()
    }
  }
}

extension StoredReport {
  /// What the gateway gives out under this name; nil while it makes it.
  fileprivate var file: String? {
    guard identity.period != nil else { return identity.name }
    return state == .requested ? nil : fileReference
  }
}
