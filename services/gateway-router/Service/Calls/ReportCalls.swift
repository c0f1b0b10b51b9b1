import GRPCCore
import GatewayCore
import Money
import ReportFormats
import ServiceKit
import Wire

/// tender.gateway.v1.Reports.
struct ReportCalls: GatewayV1.Reports.SimpleServiceProtocol {
  static let listMax: Int64 = 200
  static let limitSeconds: Int64 = 60
  /// The longest span of one report.
  static let periodDaysMax: Int64 = 31

  let environment: ServiceEnvironment
  let flow: ReportFlow

  func fetchReport(
    request: GatewayV1.FetchReportRequest, context: ServerContext
  ) async throws -> GatewayV1.FetchReportResponse {
    let identity = try identity(request)
    let attempt = try attempt(request, identity.kind)
    // A download that was begun is finished and kept, whoever has left.
    let fetched = try await environment.shielded(
      "report", limit: .seconds(Self.limitSeconds)
    ) { [flow] in try await flow.fetch(identity, evidenceOf: attempt) }
    return GatewayV1.FetchReportResponse(
      report: GatewayV1.Report(fetched.report),
      lines: (fetched.summary?.countByType ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
        .map { GatewayV1.ReportLines(type: $0.key.word, count: UInt64($0.value)) },
      net: (fetched.summary?.net ?? [:]).sorted { $0.key.code < $1.key.code }
        .map { CommonV1.Money(currency: $0.key.code, amountMinor: $0.value) },
      evidence: fetched.evidence?.words ?? "")
  }

  func listReports(
    request: GatewayV1.ListReportsRequest, context: ServerContext
  ) async throws -> GatewayV1.ListReportsResponse {
    GatewayV1.ListReportsResponse(
      reports: try await flow.list(limit: Self.listMax).map(GatewayV1.Report.init(_:)))
  }

  private func identity(
    _ request: GatewayV1.FetchReportRequest
  ) throws(RPCFailure) -> ReportIdentity {
    guard let kind = ReportKind(request.kind) else {
      throw .invalid("kind", "REPORT_KIND_UNKNOWN", "This kind of report is not known.")
    }
    guard let account = flow.account(kind.gateway) else {
      throw .failedPrecondition(
        "GATEWAY_NOT_CONFIGURED", "The settings name no account at \(kind.gateway).")
    }
    guard kind.gateway == .stripe else {
      guard let name = ReportFileName(request.name), name.text == request.name, name.kind == kind
      else {
        throw .invalid("name", "REPORT_NAME_INVALID", "Adyen names no report of this kind like this.")
      }
      return ReportIdentity(account: account, kind: kind, name: name.text)
    }
    let period = try period(request)
    return ReportIdentity(
      account: account, kind: kind,
      name: "\(period.lowerBound.seconds)_\(period.upperBound.seconds)", period: period)
  }

  private func attempt(
    _ request: GatewayV1.FetchReportRequest, _ kind: ReportKind
  ) throws(RPCFailure) -> AttemptID? {
    guard !request.attemptID.isEmpty else { return nil }
    guard kind == .paymentAccounting, let id = AttemptID(request.attemptID) else {
      throw .invalid(
        "attempt_id", "ID_INVALID", "This is no attempt, or the report names no attempts.")
    }
    return id
  }

  private func period(
    _ request: GatewayV1.FetchReportRequest
  ) throws(RPCFailure) -> Range<Timestamp> {
    guard let start = request.periodStart.map(Timestamp.init(wire:)),
      let end = request.periodEnd.map(Timestamp.init(wire:)), start < end,
      end.seconds - start.seconds <= Self.periodDaysMax * 24 * 3_600,
      end <= environment.clock.now
    else {
      throw .invalid(
        "period_end", "REPORT_PERIOD_INVALID",
        "The period must be over, and at most \(Self.periodDaysMax) days long.")
    }
    return Timestamp(seconds: start.seconds)..<Timestamp(seconds: end.seconds)
  }
}

extension ReportKind {
  fileprivate init?(_ kind: GatewayV1.ReportKind) {
    switch kind {
    case .payoutReconciliation: self = .payoutReconciliation
    case .settlementDetail: self = .settlementDetail
    case .paymentAccounting: self = .paymentAccounting
    default: return nil
    }
  }

  fileprivate var wire: GatewayV1.ReportKind {
    switch self {
    case .payoutReconciliation: .payoutReconciliation
    case .settlementDetail: .settlementDetail
    case .paymentAccounting: .paymentAccounting
    }
  }
}

extension ReportEvidence {
  fileprivate var words: String {
    switch self {
    case .absent: "absent"
    case .undecided: "undecided"
    case .refused: "refused"
    case .authorized(let reference, let amount): "authorized \(amount) as \(reference)"
    case .canceled: "canceled"
    case .captured(let reference, let amount, let refunded):
      "captured \(amount) as \(reference)" + (refunded == 0 ? "" : ", refunded \(refunded)")
    case .contradictory: "contradictory"
    }
  }
}

extension GatewayV1.Report {
  init(_ report: StoredReport) {
    self.init(
      gateway: report.identity.account.gateway.rawValue,
      gatewayAccount: report.identity.account.account, kind: report.identity.kind.wire,
      name: report.identity.name, periodStart: report.identity.period?.lowerBound.wire,
      periodEnd: report.identity.period?.upperBound.wire,
      state: .init(rawValue: Int32(report.state.rawValue)), sha256: report.sha256 ?? [],
      bytes: UInt64(report.bytes ?? 0), lineCount: UInt64(report.rowCount ?? 0),
      detail: report.detail, createdAt: report.createdAt.wire, fetchedAt: report.fetchedAt?.wire)
  }
}
