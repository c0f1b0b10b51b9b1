import ArgumentParser
import Wire

/// Proves by seed: never twice, never lost.
struct ProveCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "prove",
    abstract: "Break everything by seed, heal, and audit every promise from outside.",
    discussion: """
      Each seed is a plan: concurrent callers with duplicates, and a schedule of outages (kill -9 \
      of each service, a service that stands still for longer than any lease, an immediate stop of \
      PostgreSQL, wall clocks that are minutes or hours wrong, faults of both gateways, \
      notifications copied and out of order). Then everything \
      is healed, must come to rest within \(Quiescence.limitSeconds) s, and is audited by answers, \
      public reads, the test gateways' books, received webhooks and read-only SQL. Exit code 1 \
      where a promise was broken, or where a path that the run must have taken was not taken.
      """)
  static let seedsMax = 10_000
  static let longSeeds = 200
  static let paymentsMax = 500

  @OptionGroup var common: CommonOptions
  @Option(help: "How many seeds.") var seeds = 5
  @Option(help: "The first seed; the others follow it. Random without it.") var seed: UInt64?
  @Option(help: "Payments of each seed.") var payments = 80
  @Option(help: "Begin no further seed after so many minutes; 0: no limit.") var minutes = 0
  @Flag(help: "200 seeds.") var long = false
  @Option(
    help: "A file that keeps the seeds that have passed; with it, the same command goes on later.")
  var record: String?
  @Flag(help: "Print what is checked, by invariant, and run nothing.") var list = false
  @Option(help: "Dwell on one kind of failure: \(ProveFocus.names).")
  var focus: ProveFocus?

  struct Answer: Encodable {
    let seeds: [SeedReport]
    let payments: Int
    let calls: Int
    let faults: Int
    let violations: Int
    let quiescedMilliseconds: Int64
    let paths: [String: Int]
    let crashes: [String: Int]
    let notTaken: [String]
    let notProven: [String]
    let seconds: Int64
    let holds: Bool
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    if list {
      try output.result(CheckTable.rows) { CheckTable.lines }
      return .succeeded
    }
    let count = long ? Self.longSeeds : seeds
    guard (1...Self.seedsMax).contains(count), minutes >= 0,
      (ProvePlan.paymentsMin...Self.paymentsMax).contains(payments)
    else {
      throw Failure(
        "--seeds is 1 to \(Self.seedsMax), --payments \(ProvePlan.paymentsMin) to "
          + "\(Self.paymentsMax), --minutes 0 or more", next: "", status: .usage)
    }
    let checkout = try Checkout.find()
    try Outage.requireReady(checkout)
    guard let cluster = try Cluster.load(checkout) else {
      throw Failure("no cluster is set up in \(checkout.root)", next: "run deploy/up")
    }
    let terms = ProveRecord.Terms(
      payments: payments, focus: focus?.rawValue, build: Deployment.build(of: checkout))
    var known = try record.map { try ProveRecord($0, terms) }
    let first = seed ?? known?.first ?? UInt64.random(in: 1...999_999)
    let all = (0..<count).map { first &+ UInt64($0) }
    let left = all.filter { known?.passed[$0] == nil }
    let start = MonotonicClock.milliseconds
    Interruption.listen()
    var reports = all.compactMap { known?.passed[$0] }
    var paths = RarePaths()
    var crashes = CrashCounts()
    for report in reports {
      paths.add(report)
      crashes.add(report.crashes)
    }
    for (number, seed) in left.enumerated() {
      let elapsed = MonotonicClock.milliseconds - start
      if minutes > 0 && elapsed >= Int64(minutes) * 60_000 { break }
      output.line(ProveProgress(done: number, of: left.count, milliseconds: elapsed).line(seed))
      do {
        let report = try await prove(seed, checkout, cluster, output)
        for line in report.lines(payments) { output.line(line) }
        reports.append(report)
        paths.add(report)
        crashes.add(report.crashes)
        try known?.add(report)
      } catch is Interruption.Interrupted {
        try heal(checkout)
        // Which paths are missing says nothing of a run that was cut short.
        let answer = Answer(reports, paths, crashes, since: start)
        if !reports.isEmpty { try output.result(answer) { [answer.total] } }
        throw Failure(
          "interrupted in seed \(seed); nothing stands still and no fault is left",
          next: known == nil
            ? "go on with: tender prove --seed \(seed) --seeds \(left.count - number) "
              + "--payments \(payments)" : "the same command goes on", status: .differs)
      } catch {
        // Whatever ended it, the next person finds gateways that work.
        try? heal(checkout)
        output.line("  seed \(seed) could not be run to its end")
        throw error
      }
    }
    let answer = Answer(reports, paths, crashes, since: start)
    try output.result(answer) { answer.lines(crashes) }
    return answer.holds ? .succeeded : .differs
  }

  private func prove(
    _ seed: UInt64, _ checkout: Checkout, _ cluster: Cluster, _ output: Output
  ) async throws -> SeedReport {
    let run = String(MonotonicClock.wallMilliseconds, radix: 36)
    let plan = ProvePlan(seed: seed, payments: payments, run: run, focus: focus)
    return try await Interruption.during {
      try await ServiceSession.with(checkout) { session in
        try await SeedRun(
          plan: plan, focus: focus, session: session, cluster: cluster, output: output
        ).run()
      }
    }
  }

  private func heal(_ checkout: Checkout) throws {
    let simulator = try SimulatorControl(checkout)
    #if TENDER_FAULTS
      CrashRunner(checkout: checkout).clear()
    #endif
    try simulator.removeFaults()
    try SimulatorChaos(simulator: simulator).end()
  }
}

/// How far a run is, and how long the rest will take at its pace.
struct ProveProgress: Sendable, Equatable {
  let done: Int
  let count: Int
  let milliseconds: Int64

  init(done: Int, of count: Int, milliseconds: Int64) {
    (self.done, self.count, self.milliseconds) = (done, count, milliseconds)
  }

  /// Nil before the first one has ended.
  var leftMilliseconds: Int64? {
    done == 0 ? nil : milliseconds / Int64(done) * Int64(count - done)
  }

  func line(_ seed: UInt64) -> String {
    "[\(done + 1)/\(count)] seed \(seed), \(Self.text(milliseconds))"
      + (leftMilliseconds.map { "; about \(Self.text($0)) left" } ?? "")
  }

  private static func text(_ milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    guard seconds >= 60 else { return "\(seconds) s" }
    let minutes = seconds / 60
    return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }
}

extension SeedReport {
  func lines(_ payments: Int) -> [String] {
    problems.map { "  PROBLEM (seed \(seed)): \($0)" }
      + violations.map { "  VIOLATION (seed \(seed)): \($0.line)" } + dossier.map { "    \($0)" }
      + [
        "  seed \(seed): \(payments) payments · \(calls) calls · \(outages + gatewayFaults) faults"
          + " · \(violations.count) violations · quiesced in \(quiescedMilliseconds / 1000) s ("
          + phases.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value / 1000) s" }
          .joined(separator: ", ") + ")"
      ]
      + (isClean
        ? [] : ["  repeat it: tender prove --seeds 1 --seed \(seed) --payments \(payments)"])
  }

  var isClean: Bool { problems.isEmpty && violations.isEmpty }
}

extension ProveCommand.Answer {
  init(_ reports: [SeedReport], _ paths: RarePaths, _ crashes: CrashCounts, since start: Int64) {
    let missing = paths.missing(seeds: reports.count)
    let violations = reports.reduce(0) { $0 + $1.violations.count }
    self.init(
      seeds: reports, payments: reports.reduce(0) { $0 + $1.payments },
      calls: reports.reduce(0) { $0 + $1.calls },
      faults: reports.reduce(0) { $0 + $1.outages + $1.gatewayFaults }, violations: violations,
      quiescedMilliseconds: reports.map(\.quiescedMilliseconds).max() ?? 0,
      paths: Dictionary(uniqueKeysWithValues: paths.counts.map { ($0.key.rawValue, $0.value) }),
      crashes: crashes.fired,
      notTaken: missing.map(\.rawValue) + crashes.missing.map { "crash \($0)" },
      notProven: paths.unproven(seeds: reports.count).map(\.rawValue),
      seconds: (MonotonicClock.milliseconds - start) / 1000,
      holds: missing.isEmpty && crashes.missing.isEmpty && reports.allSatisfy(\.isClean))
  }

  func lines(_ crashes: CrashCounts) -> [String] {
    let rare = paths.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return ["", "paths: \(rare.joined(separator: " · "))"] + crashes.lines
      + (notProven.isEmpty
        ? [] : ["not taken by chance, so not proven: \(notProven.joined(separator: ", "))"])
      + notTaken.map { "NOT TAKEN: \($0): this run has proven nothing of it" }
      + [total]
  }

  fileprivate var total: String {
    let seconds = (quiescedMilliseconds + 999) / 1000
    return "\(seeds.count) seeds · \(payments) payments · \(Self.thousands(calls)) calls · "
      + "\(faults) faults · \(violations) violations · quiesced in ≤ \(seconds) s"
  }

  private static func thousands(_ number: Int) -> String {
    number < 1000
      ? String(number) : "\(number / 1000)," + String(String(1000 + number % 1000).dropFirst())
  }
}
