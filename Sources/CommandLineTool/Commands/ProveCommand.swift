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
      PostgreSQL, faults of both gateways, notifications copied and out of order). Then everything \
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

  struct Answer: Encodable {
    let seeds: [SeedReport]
    let payments: Int
    let calls: Int
    let faults: Int
    let violations: Int
    let quiescedMilliseconds: Int64
    let paths: [String: Int]
    let notTaken: [String]
    let notProven: [String]
    let seconds: Int64
    let holds: Bool
  }

  func perform(_ output: Output) async throws -> ExitStatus {
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
    let first = seed ?? UInt64.random(in: 1...999_999)
    let start = MonotonicClock.milliseconds
    var reports: [SeedReport] = []
    var paths = RarePaths()
    for number in 0..<count {
      let isOver = MonotonicClock.milliseconds - start >= Int64(minutes) * 60_000
      if minutes > 0 && isOver { break }
      let seed = first &+ UInt64(number)
      let elapsed = (MonotonicClock.milliseconds - start) / 1000
      output.line("[\(number + 1)/\(count)] seed \(seed), \(elapsed) s")
      let run = String(MonotonicClock.wallMilliseconds, radix: 36)
      let (report, taken) = try await ServiceSession.with(checkout) { session in
        try await SeedRun(
          plan: ProvePlan(seed: seed, payments: payments, run: run), session: session,
          cluster: cluster, output: output
        ).run()
      }
      for line in report.lines { output.line(line) }
      reports.append(report)
      paths.add(taken)
    }
    let answer = Answer(reports, paths, seconds: (MonotonicClock.milliseconds - start) / 1000)
    try output.result(answer) { answer.lines }
    return answer.holds ? .succeeded : .differs
  }
}

extension SeedReport {
  var lines: [String] {
    problems.map { "  PROBLEM (seed \(seed)): \($0)" }
      + violations.map { "  VIOLATION (seed \(seed)): \($0.line)" }
      + [
        "  seed \(seed): \(payments) payments · \(calls) calls · \(outages + gatewayFaults) faults"
          + " · \(violations.count) violations · quiesced in \(quiescedMilliseconds / 1000) s"
      ]
      + (isClean
        ? [] : ["  repeat it: tender prove --seeds 1 --seed \(seed) --payments \(payments)"])
  }

  var isClean: Bool { problems.isEmpty && violations.isEmpty }
}

extension ProveCommand.Answer {
  init(_ reports: [SeedReport], _ paths: RarePaths, seconds: Int64) {
    let violations = reports.reduce(0) { $0 + $1.violations.count }
    self.init(
      seeds: reports, payments: reports.reduce(0) { $0 + $1.payments },
      calls: reports.reduce(0) { $0 + $1.calls },
      faults: reports.reduce(0) { $0 + $1.outages + $1.gatewayFaults }, violations: violations,
      quiescedMilliseconds: reports.map(\.quiescedMilliseconds).max() ?? 0,
      paths: Dictionary(uniqueKeysWithValues: paths.counts.map { ($0.key.rawValue, $0.value) }),
      notTaken: paths.missing.map(\.rawValue), notProven: paths.unproven.map(\.rawValue),
      seconds: seconds,
      holds: paths.missing.isEmpty && reports.allSatisfy(\.isClean))
  }

  var lines: [String] {
    let rare = paths.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let seconds = (quiescedMilliseconds + 999) / 1000
    return ["", "paths: \(rare.joined(separator: " · "))"]
      + (notProven.isEmpty
        ? [] : ["not taken by chance, so not proven: \(notProven.joined(separator: ", "))"])
      + notTaken.map { "NOT TAKEN: \($0): this run has proven nothing of it" }
      + [
        "\(seeds.count) seeds · \(payments) payments · \(Self.thousands(calls)) calls · "
          + "\(faults) faults · \(violations) violations · quiesced in ≤ \(seconds) s"
      ]
  }

  private static func thousands(_ number: Int) -> String {
    number < 1000
      ? String(number) : "\(number / 1000)," + String(String(1000 + number % 1000).dropFirst())
  }
}
