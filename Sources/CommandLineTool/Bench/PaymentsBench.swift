import GRPCCore
import Histogram
import Synchronization
import Wire

/// Payments in an open loop: each starts on its time whether or not the ones before have ended, and
/// its latency counts from then.
struct PaymentsBench: Sendable {
  static let warmUpSeconds = 3
  static let drainSeconds: Int64 = 60

  struct Tally: Sendable {
    var latencies = Histogram<UInt32>(highestTrackableValue: 600_000_000)
    var succeeded = 0
    var processing = 0
    var other = 0
    var failures: [String: Int] = [:]
  }

  /// What the payments of one load add up to.
  private final class Shared: Sendable {
    let tally = Mutex(Tally())
  }

  let reads: Reads
  let method: String
  let rate: Int
  let seconds: Int
  /// Of so many percent of the payments' authorisations the first gateway makes a fault.
  var faultPercent = 0

  /// One load with everything that it cost.
  private struct Measured {
    let tally: Tally
    let costs: ServiceCosts
    /// Of the bench itself.
    let ownMicroseconds: Double
    let loadMilliseconds: Int64
    let drainMilliseconds: Int64
  }

  /// With faults, the same load without them runs first and is what the figures are compared with.
  func run(_ output: Output) async throws -> [Measurement] {
    output.line("warming up: \(Self.warmUpSeconds) s at \(rate)/s")
    _ = try await load(seconds: Self.warmUpSeconds)
    _ = try await drain()
    output.line("measuring: \(seconds) s at \(rate)/s")
    let clean = try await measure()
    guard faultPercent > 0 else { return rows(clean) }
    output.line("the same with faults: \(faultPercent) % of authorisations")
    let simulator = try SimulatorControl(reads.session.checkout)
    let rule = try simulator.add(
      SimulatorControl.Fault(
        percentOfAuthorizations: faultPercent, seed: UInt64(rate * seconds)))
    let faulty: Measured
    do {
      faulty = try await measure()
    } catch {
      try simulator.remove(rule)
      throw error
    }
    try simulator.remove(rule)
    let reference = Dictionary(rows(clean).map { ($0.name, $0.value) }) { first, _ in first }
    return rows(faulty).map { row in
      var row = row
      row.reference = reference[row.name]
      return row
    }
  }

  private func measure() async throws -> Measured {
    let before = try await ServiceCosts.read(reads)
    let ownBefore = ServiceCosts.ownMicroseconds()
    let start = MonotonicClock.milliseconds
    let tally = try await load(seconds: seconds)
    let loadMilliseconds = MonotonicClock.milliseconds - start
    let own = ServiceCosts.ownMicroseconds() - ownBefore
    let drainMilliseconds = try await drain()
    let costs = try await ServiceCosts.read(reads) - before
    return Measured(
      tally: tally, costs: costs, ownMicroseconds: own, loadMilliseconds: loadMilliseconds,
      drainMilliseconds: drainMilliseconds)
  }

  private func rows(_ measured: Measured) -> [Measurement] {
    let (tally, costs) = (measured.tally, measured.costs)
    let made = Double(max(1, tally.succeeded))
    func milliseconds(_ percentile: Double) -> Double {
      Double(tally.latencies.valueAtPercentile(percentile)) / 1000
    }
    var rows = [
      Measurement(name: "offered", value: Double(rate), unit: "1/s"),
      Measurement(
        name: "succeeded", value: Double(tally.succeeded) / (Double(measured.loadMilliseconds) / 1000),
        unit: "1/s",
        bar: 200, aim: 1_000),
      Measurement(name: "processing", value: Double(tally.processing), unit: "payments"),
      Measurement(
        name: "not made", value: Double(tally.other + tally.failures.values.reduce(0, +)),
        unit: "payments"),
      Measurement(name: "p50", value: milliseconds(50), unit: "ms"),
      Measurement(name: "p99", value: milliseconds(99), unit: "ms", bar: 100),
      Measurement(name: "slowest", value: milliseconds(100), unit: "ms", bar: 5_000, aim: 3_000),
      Measurement(name: "outboxes drained after", value: Double(measured.drainMilliseconds), unit: "ms"),
      Measurement(
        name: "CPU of all services", value: costs.cpuSum / made / 1000, unit: "ms/payment", bar: 5,
        aim: 2),
      Measurement(name: "commits", value: costs.commitSum / made, unit: "1/payment"),
      Measurement(name: "CPU of the bench", value: measured.ownMicroseconds / made / 1000,
        unit: "ms/payment"),
    ]
    for service in PlatformService.allCases {
      rows.append(
        Measurement(
          name: "CPU of \(service.rawValue)",
          value: (costs.cpuMicroseconds[service] ?? 0) / made / 1000, unit: "ms/payment"))
      rows.append(
        Measurement(
          name: "commits of \(service.rawValue)", value: (costs.commits[service] ?? 0) / made,
          unit: "1/payment"))
    }
    for (reason, count) in tally.failures.sorted(by: { $0.key < $1.key }) {
      rows.append(Measurement(name: "refused: \(reason)", value: Double(count), unit: "payments"))
    }
    return rows
  }

  private func load(seconds: Int) async throws -> Tally {
    let shared = Shared()
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
    return shared.tally.withLock { $0 }
  }

  private func one(_ key: String, due: Int64, _ shared: Shared) async {
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: "EUR", amountMinor: 1_999), captureMethod: .automatic,
      paymentMethodID: method, confirm: true)
    do {
      let intent = try await PaymentCall.create(request, key: key, reads.session).message
      let micros = UInt64(max(1, MonotonicClock.microseconds - due))
      shared.tally.withLock {
        _ = $0.latencies.record(micros)
        switch intent.status {
        case .succeeded: $0.succeeded += 1
        case .processing: $0.processing += 1
        default: $0.other += 1
        }
      }
    } catch {
      let reason = (error as? CallFailure).map { "\($0.code)" } ?? "\(error)"
      shared.tally.withLock { $0.failures[reason, default: 0] += 1 }
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
