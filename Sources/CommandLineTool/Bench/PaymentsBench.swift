import GRPCCore
import Histogram
import Synchronization
import Wire

/// Payments in an open loop: each starts on its time whether or not the ones before have ended, and
/// its latency counts from then.
struct PaymentsBench: Sendable {
  static let warmUpSeconds = 3
  static let drainSeconds: Int64 = 60
  /// What is unknown is looked at from 8 s after it was sent, what lost is given back from 10 s on.
  static let settleSeconds: Int64 = 12
  /// No payer waits longer, whatever the gateways do.
  static let answerMicrosecondsMax: Int64 = 5_000_000

  struct Tally: Sendable {
    var latencies = Histogram<UInt32>(highestTrackableValue: 600_000_000)
    var succeeded = 0
    var processing = 0
    var failed = 0
    var other = 0
    /// Of all of them, those that took longer than anybody may wait.
    var late = 0
    var refused: [String: Int] = [:]

    /// Refusals are waited for too.
    var asked: Int { succeeded + processing + failed + other + refused.values.reduce(0, +) }

    mutating func add(_ status: IntentsV1.PaymentIntentStatus, afterMicroseconds micros: Int64) {
      wait(micros)
      switch status {
      case .succeeded: succeeded += 1
      case .processing: processing += 1
      case .failed: failed += 1
      default: other += 1
      }
    }

    mutating func add(refusal reason: String, afterMicroseconds micros: Int64) {
      wait(micros)
      refused[reason, default: 0] += 1
    }

    private mutating func wait(_ micros: Int64) {
      _ = latencies.record(UInt64(max(1, micros)))
      if micros > PaymentsBench.answerMicrosecondsMax { late += 1 }
    }
  }

  /// What the payments of loads of one kind add up to.
  private final class Shared: Sendable {
    let tally = Mutex(Tally())
  }

  /// Loads of one kind with everything that they cost.
  private struct Measured {
    let shared = Shared()
    var costs = ServiceCosts()
    /// Of the bench itself.
    var ownMicroseconds = 0.0
    var loadMilliseconds: Int64 = 0
    /// The longest of them.
    var drainMilliseconds: Int64 = 0
  }

  let reads: Reads
  let method: String
  let rate: Int
  let seconds: Int
  /// Of so many percent of the payments' authorisations the first gateway makes a fault.
  var faultPercent = 0
  /// With faults: in so many pieces, which take turns with as many without.
  var rounds = 1
  /// What the faults are drawn by.
  var seed: UInt64 = 1

  /// With faults, the same load without them is what the figures are compared with, in the same
  /// minutes. Each piece has the cost of what it leaves to be done soon after.
  func run(_ output: Output) async throws -> [Measurement] {
    output.line("warming up: \(Self.warmUpSeconds) s at \(rate)/s")
    try await load(seconds: Self.warmUpSeconds, Shared())
    _ = try await drain()
    var clean = Measured()
    guard faultPercent > 0 else {
      output.line("measuring: \(seconds) s at \(rate)/s")
      try await measure(&clean, seconds: seconds)
      return rows(clean)
    }
    let simulator = try SimulatorControl(reads.session.checkout)
    var faulty = Measured()
    var faultsMet = 0
    let piece = seconds / rounds
    for round in 1...rounds {
      output.line(
        "round \(round) of \(rounds): \(piece) s at \(rate)/s without faults, then with "
          + "\(faultPercent) %")
      try await measure(&clean, seconds: piece)
      let rule = try simulator.add(
        SimulatorControl.Fault(
          percentOfAuthorizations: faultPercent, seed: seed &+ UInt64(round)))
      do {
        try await measure(&faulty, seconds: piece)
        faultsMet += try simulator.hits(of: rule)
      } catch {
        try simulator.remove(rule)
        throw error
      }
      try simulator.remove(rule)
    }
    return [Measurement(name: "met a fault", value: Double(faultsMet), unit: "payments")]
      + Self.compare(rows(faulty), with: rows(clean))
  }

  /// Each row beside the row of the same name.
  static func compare(_ rows: [Measurement], with references: [Measurement]) -> [Measurement] {
    let values = Dictionary(references.map { ($0.name, $0.value) }) { first, _ in first }
    return rows.map { row in
      var row = row
      row.reference = values[row.name]
      return row
    }
  }

  private func measure(_ measured: inout Measured, seconds: Int) async throws {
    let before = try await ServiceCosts.read(reads)
    let ownBefore = ServiceCosts.ownMicroseconds()
    let start = MonotonicClock.milliseconds
    try await load(seconds: seconds, measured.shared)
    measured.loadMilliseconds += MonotonicClock.milliseconds - start
    measured.ownMicroseconds += ServiceCosts.ownMicroseconds() - ownBefore
    measured.drainMilliseconds = max(measured.drainMilliseconds, try await drain())
    if faultPercent > 0 { try await Task.sleep(for: .seconds(Self.settleSeconds)) }
    measured.costs = measured.costs + (try await ServiceCosts.read(reads) - before)
  }

  private func rows(_ measured: Measured) -> [Measurement] {
    Self.rows(
      measured.shared.tally.withLock { $0 }, rate: rate,
      loadMilliseconds: measured.loadMilliseconds)
      + Self.rows(
        measured.costs, ownMicroseconds: measured.ownMicroseconds,
        drainMilliseconds: measured.drainMilliseconds,
        payments: measured.shared.tally.withLock { $0.asked })
  }

  /// What payers got.
  static func rows(_ tally: Tally, rate: Int, loadMilliseconds: Int64) -> [Measurement] {
    func milliseconds(_ percentile: Double) -> Double {
      Double(tally.latencies.valueAtPercentile(percentile)) / 1000
    }
    func payments(_ name: String, _ count: Int, bar: Double? = nil) -> Measurement {
      Measurement(name: name, value: Double(count), unit: "payments", bar: bar)
    }
    let perSecond = Double(tally.succeeded) / (Double(max(1, loadMilliseconds)) / 1000)
    return [
      Measurement(name: "offered", value: Double(rate), unit: "1/s"),
      Measurement(name: "succeeded", value: perSecond, unit: "1/s", bar: 200, aim: 1_000),
      payments("processing", tally.processing),
      payments("failed", tally.failed, bar: 0),
      payments("not made", tally.other + tally.refused.values.reduce(0, +), bar: 0),
      Measurement(name: "p50", value: milliseconds(50), unit: "ms"),
      Measurement(name: "p99", value: milliseconds(99), unit: "ms", bar: 100),
      Measurement(name: "p99.9", value: milliseconds(99.9), unit: "ms"),
      Measurement(name: "slowest", value: milliseconds(100), unit: "ms", bar: 5_000, aim: 3_000),
      payments("above 5 s", tally.late, bar: 0),
    ]
      + tally.refused.sorted { $0.key < $1.key }.map { payments("refused: \($0.key)", $0.value) }
  }

  /// What it cost, by payment.
  static func rows(
    _ costs: ServiceCosts, ownMicroseconds: Double, drainMilliseconds: Int64, payments: Int
  ) -> [Measurement] {
    let made = Double(max(1, payments))
    func cpu(_ of: String, _ microseconds: Double, bar: Double? = nil, aim: Double? = nil)
      -> Measurement
    {
      Measurement(
        name: "CPU of \(of)", value: microseconds / made / 1000, unit: "ms/payment", bar: bar,
        aim: aim)
    }
    var rows = [
      Measurement(
        name: "outboxes drained after", value: Double(drainMilliseconds), unit: "ms"),
      cpu("all services", costs.cpuSum, bar: 5, aim: 2),
      Measurement(name: "commits", value: costs.commitSum / made, unit: "1/payment"),
      cpu("the bench", ownMicroseconds),
    ]
    for service in PlatformService.allCases {
      rows.append(cpu(service.rawValue, costs.cpuMicroseconds[service] ?? 0))
      rows.append(
        Measurement(
          name: "commits of \(service.rawValue)", value: (costs.commits[service] ?? 0) / made,
          unit: "1/payment"))
    }
    return rows
  }

  private func load(seconds: Int, _ shared: Shared) async throws {
    let prefix = try CallKeys.fresh("bench")
    try await withThrowingTaskGroup(of: Void.self) { group in
      let start = MonotonicClock.microseconds
      for index in 0..<(rate * seconds) {
        let due = start + Int64(index) * 1_000_000 / Int64(rate)
        let pause = due - MonotonicClock.microseconds
        if pause > 500 { try await Task.sleep(for: .microseconds(pause)) }
        group.addTask {
          await one("\(prefix)-\(index)", due: due, shared)
        }
      }
      try await group.waitForAll()
    }
  }

  private func one(_ key: String, due: Int64, _ shared: Shared) async {
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: "EUR", amountMinor: 1_999), captureMethod: .automatic,
      paymentMethodID: method, confirm: true)
    do {
      let intent = try await PaymentCall.create(request, key: key, reads.session).message
      let micros = MonotonicClock.microseconds - due
      shared.tally.withLock { $0.add(intent.status, afterMicroseconds: micros) }
    } catch {
      let micros = MonotonicClock.microseconds - due
      let reason = (error as? CallFailure).map { "\($0.code)" } ?? "\(error)"
      shared.tally.withLock { $0.add(refusal: reason, afterMicroseconds: micros) }
    }
  }

  /// - Returns: milliseconds until nothing was unsent between the services.
  private func drain() async throws -> Int64 {
    let start = MonotonicClock.milliseconds
    while MonotonicClock.milliseconds - start < Self.drainSeconds * 1000 {
      if try await UnsentQueues.lines(reads).isEmpty { return MonotonicClock.milliseconds - start }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failure("outboxes are not empty after \(Self.drainSeconds) s", next: "see tender doctor")
  }
}
