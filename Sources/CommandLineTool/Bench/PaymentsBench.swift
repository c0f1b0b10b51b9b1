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

  func run(_ output: Output) async throws -> [Measurement] {
    output.line("warming up: \(Self.warmUpSeconds) s at \(rate)/s")
    _ = try await load(seconds: Self.warmUpSeconds)
    _ = try await drain()
    let before = try await ServiceCosts.read(reads)
    let ownBefore = ServiceCosts.ownMicroseconds()
    output.line("measuring: \(seconds) s at \(rate)/s")
    let start = MonotonicClock.milliseconds
    let tally = try await load(seconds: seconds)
    let loadMilliseconds = MonotonicClock.milliseconds - start
    let own = ServiceCosts.ownMicroseconds() - ownBefore
    let drainMilliseconds = try await drain()
    let costs = try await ServiceCosts.read(reads) - before
    return rows(tally, costs, own, loadMilliseconds, drainMilliseconds)
  }

  private func rows(
    _ tally: Tally, _ costs: ServiceCosts, _ own: Double, _ load: Int64, _ drain: Int64
  ) -> [Measurement] {
    let made = Double(max(1, tally.succeeded))
    func milliseconds(_ percentile: Double) -> Double {
      Double(tally.latencies.valueAtPercentile(percentile)) / 1000
    }
    var rows = [
      Measurement(name: "offered", value: Double(rate), unit: "1/s"),
      Measurement(
        name: "succeeded", value: Double(tally.succeeded) / (Double(load) / 1000), unit: "1/s",
        bar: 200, aim: 1_000),
      Measurement(name: "processing", value: Double(tally.processing), unit: "payments"),
      Measurement(
        name: "not made", value: Double(tally.other + tally.failures.values.reduce(0, +)),
        unit: "payments"),
      Measurement(name: "p50", value: milliseconds(50), unit: "ms"),
      Measurement(name: "p99", value: milliseconds(99), unit: "ms", bar: 100),
      Measurement(name: "outboxes drained after", value: Double(drain), unit: "ms"),
      Measurement(
        name: "CPU of all services", value: costs.cpuSum / made / 1000, unit: "ms/payment", bar: 5,
        aim: 2),
      Measurement(name: "commits", value: costs.commitSum / made, unit: "1/payment"),
      Measurement(name: "CPU of the bench", value: own / made / 1000, unit: "ms/payment"),
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
