import Money
import Synchronization

/// What a seed has shown.
struct SeedReport: Sendable, Equatable, Codable {
  var seed: UInt64
  var payments = 0
  var calls = 0
  var outages = 0
  var gatewayFaults = 0
  var quiescedMilliseconds: Int64 = 0
  var violations: [Violation] = []
  var problems: [String] = []
  var paths: [String: Int] = [:]
  /// What is known of the payments that violations and problems are about.
  var dossier: [String] = []
  /// Where the time went.
  var phases: [String: Int64] = [:]
  /// Crash points that were armed: whether they fired.
  var crashes: [String: Bool] = [:]
}

/// One seed from its plan to its verdict: load and outages, heal, quiesce, audit.
struct SeedRun: Sendable {
  static let webhooks = (duplicate: 0.3, late: 0.3, lateMilliseconds: Int64(3_000))
  static let secondsBetweenLines: Int64 = 5

  let plan: ProvePlan
  let focus: ProveFocus?
  let session: ServiceSession
  let cluster: Cluster
  let output: Output

  var supervisor: SupervisorState { SupervisorState(checkout: session.checkout) }

  /// What came to the merchants' endpoints.
  final class Inbox: Sendable {
    let events = Mutex<[ReceivedEvent]>([])
    let refused = Mutex<[String]>([])
  }

  func run() async throws -> SeedReport {
    let start = MonotonicClock.wallMilliseconds
    let simulator = try SimulatorControl(session.checkout)
    let chaos = SimulatorChaos(simulator: simulator)
    try simulator.removeFaults()
    try await closeBreakers()
    let merchants = try await makeMerchants()
    let inbox = Inbox()
    // Before anything happens to them: every event of theirs must come.
    let receivers = try await openReceivers(merchants, inbox)
    defer { for receiver in receivers { receiver.close() } }
    let methods = try await makeMethods(merchants)
    let queries = EvidenceQueries(
      cluster: cluster, checkout: session.checkout, merchants: merchants, start: start)
    let quiescence = Quiescence(
      session: session,
      collector: EvidenceCollector(session: session, simulator: simulator, merchants: merchants),
      queries: queries, chaos: chaos, supervisor: supervisor,
      arrived: { Set(inbox.events.withLock { $0.map(\.id) }) },
      ignoredQueues: try await oldNotifications())

    var report = SeedReport(seed: plan.seed, payments: plan.payments.count)
    let before = try chaos.counts()
    try chaos.begin(
      duplicate: Self.webhooks.duplicate, late: Self.webhooks.late,
      lateMilliseconds: Self.webhooks.lateMilliseconds, seed: plan.seed)
    let history = CallHistory()
    try await Departures(
      session: session, payments: plan.departures, merchants: merchants, methods: methods,
      history: history, simulator: simulator, queries: queries, seed: plan.seed
    ).run()
    let watch = watch(history, queries, merchants)
    report.phases["setup"] = MonotonicClock.wallMilliseconds - start
    #if TENDER_FAULTS
      let crashes = CrashPlan(seed: plan.seed, stands: plan.stands)
      let crashing = CrashRunner(checkout: session.checkout)
      crashing.clear()
      async let unarmed = crashing.run(crashes.planned) { output.line("  armed: \($0.line)") }
    #endif
    report.problems = try await load(merchants, methods, history, simulator, watch)
    #if TENDER_FAULTS
      report.problems += await unarmed
      report.crashes = crashing.settle(crashes.planned)
    #endif
    let notBroken = report.problems.count
    report.phases["load"] =
      MonotonicClock.wallMilliseconds - start - (report.phases["setup"] ?? 0)
    report.outages = plan.outages.count
    report.gatewayFaults = plan.payments.reduce(0) { $0 + $1.faults.count }

    try simulator.removeFaults()
    try chaos.end()
    output.line("  healed; waiting until nothing is under way")
    let state = try await quiesce(quiescence, "after the outages", &report)
    var notifications = try chaos.counts()
    notifications.duplicated -= before.duplicated
    notifications.late -= before.late
    report.quiescedMilliseconds = state.milliseconds
    await RepeatedCalls(
      session: session, plan: plan, merchants: merchants, methods: methods, history: history
    ).run()
    report.phases["quiescence"] = state.milliseconds
    let audited = MonotonicClock.wallMilliseconds
    let evidence = try await audit(quiescence, history, inbox, chaos, start, watch, &report)
    report.phases["audit"] = MonotonicClock.wallMilliseconds - audited
    report.calls = evidence.calls.count
    report.violations = Check.violations(in: evidence)
    report.dossier = Dossier(
      about: report.violations.map(\.line) + report.problems, in: evidence
    ).lines
    var paths = RarePaths(evidence, notifications: notifications)
    paths.add(plan.outages, problems: notBroken)
    for (path, count) in paths.counts { report.paths[path.rawValue] = count }
    return report
  }

  // MARK: Load

  /// - Returns: what could not be broken.
  private func load(
    _ merchants: [MerchantID], _ methods: [[String: String]], _ history: CallHistory,
    _ simulator: SimulatorControl, _ watch: LoadWatch
  ) async throws -> [String] {
    if let focus {
      for fault in focus.faults + plan.payments.flatMap(focus.faults) {
        _ = try simulator.add(fault)
      }
    }
    for fault in plan.payments.flatMap(\.faults) where focus == nil {
      _ = try simulator.add(
        SimulatorControl.Fault(
          fault.fault, amountMinor: fault.amountMinor, operation: fault.operation,
          count: fault.count))
    }
    let runner = OutageRunner(outage: Outage(supervisor: supervisor), simulator: simulator)
    return await withTaskGroup(of: [String]?.self) { group in
      group.addTask {
        await watch.run()
        return nil
      }
      group.addTask { await play(merchants, methods, history, runner) }
      var problems: [String] = []
      while let ended = await group.next() {
        guard let ended else { continue }
        problems = ended
        group.cancelAll()
      }
      return problems
    }
  }

  private func play(
    _ merchants: [MerchantID], _ methods: [[String: String]], _ history: CallHistory,
    _ runner: OutageRunner
  ) async -> [String] {
    let start = MonotonicClock.milliseconds
    return await withTaskGroup(of: [String].self) { group in
      group.addTask {
        await runner.run(plan.outages) {
          output.line("  \((MonotonicClock.milliseconds - start) / 1000) s: \($0.line)")
        }
      }
      for payment in plan.payments {
        let script = PaymentScript(
          session: session, payment: payment, merchant: merchants[payment.merchant],
          other: merchants[(payment.merchant + 1) % merchants.count],
          method: methods[payment.merchant][payment.method] ?? "", history: history,
          seed: plan.seed)
        group.addTask {
          do { try await Task.sleep(for: .milliseconds(payment.startMilliseconds)) } catch {
            return []
          }
          await script.run()
          history.endPayment()
          return []
        }
      }
      var problems: [String] = []
      var said = Self.secondsBetweenLines
      for await found in group {
        problems += found
        let seconds = (MonotonicClock.milliseconds - start) / 1000
        guard seconds >= said else { continue }
        said = seconds + Self.secondsBetweenLines
        let done = history.records.ended
        output.line("  \(seconds) s: \(done) of \(plan.payments.count) payments ended")
      }
      return problems
    }
  }

  private func watch(
    _ history: CallHistory, _ queries: EvidenceQueries, _ merchants: [MerchantID]
  ) -> LoadWatch {
    LoadWatch(
      session: session, queries: queries, history: history, seed: plan.seed
    ) { [session] intent, merchant in
      await PaymentScript.look(intent, session, merchants[merchant], history)
    }
  }

  func quiesce(
    _ quiescence: Quiescence, _ when: String, _ report: inout SeedReport
  ) async throws -> Quiescence.State {
    // What was not quiet before is not waited for as long again.
    let limit = report.problems.isEmpty ? Quiescence.limitSeconds : Self.secondsBetweenLines
    let state = try await quiescence.wait(seconds: limit) {
      output.line("  quiescing, \($0.milliseconds / 1000) s: \($0.line)")
    }
    if !state.isQuiet {
      report.problems.append(
        "\(when), not quiet within \(limit) s: \(state.line)")
    }
    return state
  }
}
