import ArgumentParser
import Glibc
import GRPCCore
import Wire

/// Looks for what could be wrong, and says what to do about each.
struct Doctor: Command {
  static let configuration = CommandConfiguration(
    abstract: "Check the deployment; each finding names its next step.")
  static let leastFreeBytes: Int64 = 1 << 30

  @OptionGroup var common: CommonOptions

  struct Finding: Encodable {
    let check: String
    let isFine: Bool
    let detail: String
    let nextStep: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let checkout = try Checkout.find()
    try checkout.requireDeployed()
    var findings = [space(checkout)]
    findings.append(try supervisor(checkout))
    findings += try programs(checkout)
    findings.append(try await database(checkout))
    findings += try await certificates(checkout)
    findings += try await gateways(checkout)
    findings += try await books(checkout)
    for service in [PlatformService.intents, .vault, .webhooks, .billing] {
      findings += try await alerts(of: service, checkout)
    }
    try output.result(findings) {
      findings.map {
        $0.isFine
          ? "ok    \($0.check): \($0.detail)"
          : "WRONG \($0.check): \($0.detail); \($0.nextStep)"
      }
    }
    return findings.allSatisfy(\.isFine) ? .succeeded : .unavailable
  }

  private func space(_ checkout: Checkout) -> Finding {
    let free = Files.freeBytes(checkout.home) ?? 0
    return Finding(
      check: "disk", isFine: free >= Self.leastFreeBytes, detail: "\(free >> 20) MiB free",
      nextStep: "free some space under \(checkout.home)")
  }

  private func supervisor(_ checkout: Checkout) throws -> Finding {
    let owner = try SupervisorState(checkout: checkout).owner()
    return Finding(
      check: "supervisor", isFine: owner != nil,
      detail: owner.map { "process \($0.pid)" } ?? "does not run", nextStep: "run deploy/up")
  }

  private func programs(_ checkout: Checkout) throws -> [Finding] {
    guard try SupervisorState(checkout: checkout).owner() != nil else { return [] }
    return try SupervisorState(checkout: checkout).reports().map { report in
      Finding(
        check: report.name, isFine: report.state == "ready",
        detail: report.state == "ready"
          ? "ready, \(report.restarts) restarts"
          : "\(report.state), last end: \(report.lastExit ?? "none")",
        nextStep: "see \(checkout.log(report.name))")
    }
  }

  private func database(_ checkout: Checkout) async throws -> Finding {
    guard let cluster = try Cluster.load(checkout) else {
      return Finding(
        check: "database", isFine: false, detail: "was never made", nextStep: "run deploy/up")
    }
    guard try await cluster.answers(checkout) else {
      return Finding(
        check: "database", isFine: false, detail: "takes no queries",
        nextStep: "see \(checkout.log("postgres"))")
    }
    let facts = try await cluster.sql(
      """
      select current_setting('server_version') || ', data checksums '
        || current_setting('data_checksums') || ', fsync ' || current_setting('fsync')
        || ', ' || (select count(*) from pg_stat_activity where usename is not null)
        || ' of ' || current_setting('max_connections') || ' connections';
      """, database: Cluster.database, checkout)
    return Finding(
      check: "database", isFine: facts.contains("data checksums on"),
      detail: facts.filter { !$0.isNewline }, nextStep: "make a new cluster: tender down --purge")
  }

  /// What keeps payments from where the rules send them: open breakers, what people have forced, a
  /// version of the rules that a process cannot use.
  static let gatewayAlerts: Set = [
    "gateway_breaker_open", "gateway_override", "routing_version_unusable",
  ]

  /// What gateway-router says, asked once: of gateways, of recovery, of notifications.
  private func gateways(_ checkout: Checkout) async throws -> [Finding] {
    guard try SupervisorState(checkout: checkout).owner() != nil else { return [] }
    let log = checkout.log("gateway-router")
    do {
      let alerts = try await openAlerts(of: .gateway, checkout)
      return Self.gatewayFindings(alerts, log: log) + (try await recovery(checkout))
        + Self.recoveryFindings(alerts) + Self.notificationFindings(alerts)
    } catch let error as CallFailure {
      return [
        Finding(
          check: "gateways, recovery and notifications", isFine: false, detail: error.message,
          nextStep: "see \(log)")
      ]
    }
  }

  static func gatewayFindings(_ alerts: [CommonV1.Alert], log: String) -> [Finding] {
    let open = alerts.filter { gatewayAlerts.contains($0.kind) }
    guard !open.isEmpty else {
      return [
        Finding(
          check: "gateways", isFine: true, detail: "no breaker is open, nothing is forced",
          nextStep: "")
      ]
    }
    return open.map {
      Finding(
        check: "gateway \($0.subject)", isFine: false, detail: $0.message,
        nextStep: "see tender routing health, and \(log)")
    }
  }

  /// What ledger says of the books: changed rows, drift, facts that it could not book, days that it
  /// could not seal.
  private func books(_ checkout: Checkout) async throws -> [Finding] {
    guard try SupervisorState(checkout: checkout).owner() != nil else { return [] }
    let next =
      "see tender ledger verify, tender ledger drift, tender ledger seals, and \(checkout.log("ledger"))"
    do {
      let open = try await openAlerts(of: .ledger, checkout)
      let schedules = try await ServiceSession.with(checkout) { try await $0.reconSchedules() }
      let compared = schedules.map { Self.finding($0) }
      guard !open.isEmpty else {
        return [Finding(check: "books", isFine: true, detail: "no alert is open", nextStep: "")]
          + compared
      }
      return open.map {
        Finding(
          check: "books, \($0.kind) \($0.subject)", isFine: false, detail: $0.message,
          nextStep: next)
      } + compared
    } catch let error as CallFailure {
      return [Finding(check: "books", isFine: false, detail: error.message, nextStep: next)]
    }
  }

  /// The open alerts of a service that has no check of its own.
  private func alerts(
    of service: PlatformService, _ checkout: Checkout
  ) async throws -> [Finding] {
    guard try SupervisorState(checkout: checkout).owner() != nil else { return [] }
    let next = "see \(checkout.log(service.rawValue))"
    do {
      return try await openAlerts(of: service, checkout).map {
        Finding(
          check: "\(service.rawValue), \($0.kind) \($0.subject)", isFine: $0.severity != .critical,
          detail: $0.message, nextStep: next)
      }
    } catch let error as CallFailure {
      return [
        Finding(check: service.rawValue, isFine: false, detail: error.message, nextStep: next)
      ]
    }
  }

  private func openAlerts(
    of service: PlatformService, _ checkout: Checkout
  ) async throws -> [CommonV1.Alert] {
    try await ServiceSession.with(checkout) { session in
      try await session.call(service, as: .operator) { client in
        try await CommonV1.Operations.Client(wrapping: client)
          .listAlerts(CommonV1.ListAlertsRequest())
      }.alerts
    }
  }

  private func certificates(_ checkout: Checkout) async throws -> [Finding] {
    let store = CertificateStore(checkout: checkout)
    let identities = CertificateStore.identities(
      merchant: try DemoMerchant.id(checkout), operator: Users.name(geteuid()))
    var old: [String] = []
    for identity in identities where try await store.isDue(identity.name) {
      old.append(identity.name)
    }
    return [
      Finding(
        check: "certificates", isFine: old.isEmpty,
        detail: old.isEmpty
          ? "\(identities.count) valid" : "due for renewal: \(old.joined(separator: ", "))",
        nextStep: "run tender certificates")
    ] + (try await store.furtherOperators()).map(Self.finding)
  }

  /// Until when a further operator's certificate is valid, and who renews it.
  static func finding(_ certificate: OperatorCertificate) -> Finding {
    let owner = certificate.isOurs ? "" : ", by another authority"
    return Finding(
      check: "certificate \(certificate.identity.name)", isFine: !certificate.isDue,
      detail: "until \(certificate.ends)\(owner)",
      nextStep: certificate.isOurs
        ? "run tender certificates"
        : "have its authority issue a new one and put it in its place, or remove it")
  }
}
