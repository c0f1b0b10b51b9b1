import GRPCCore
import Reactor
import Wire

/// Unary calls over mutual TLS through the whole interceptor chain, so many in flight; in turns
/// with the same echo in gRPC C++, where that is given.
struct CallsBench: Sendable {
  static let inFlight = 32
  static let warmUpSeconds: Int64 = 2
  static let service = PlatformService.ledger
  static let referenceCalls = 60_000

  /// Processor time of a call, in microseconds.
  private struct Cost {
    var server: Double
    var client: Double
    var rate: Double
  }

  /// What Tests/TransportBench/reference prints.
  private struct ReferenceAnswer: Decodable {
    let server: Double
    let client: Double
    let rate: Double
  }

  let reads: Reads
  let seconds: Int
  let rounds: Int
  /// The executable of Tests/TransportBench/reference.
  let reference: String?

  func run(_ output: Output) async throws -> [Measurement] {
    output.line("warming up: \(Self.warmUpSeconds) s, \(Self.inFlight) in flight")
    _ = try await load(milliseconds: Self.warmUpSeconds * 1000)
    var costs: [Cost] = []
    var references: [Cost] = []
    for round in 1...rounds {
      output.line("round \(round) of \(rounds)")
      if let reference { references.append(try await runReference(reference)) }
      costs.append(try await measure())
    }
    func row(
      _ name: String, _ key: KeyPath<Cost, Double>, _ unit: String, bar: Double?, aim: Double?
    ) -> Measurement {
      let base = references.isEmpty ? nil : PostgresBench.median(references.map { $0[keyPath: key] })
      return Measurement(
        name: name, value: PostgresBench.median(costs.map { $0[keyPath: key] }), unit: unit,
        reference: base, bar: bar, aim: aim)
    }
    return [
      row("calls", \.rate, "1/s", bar: nil, aim: nil),
      row("CPU of the server", \.server, "µs/call", bar: 25, aim: 15),
      row("CPU of the client", \.client, "µs/call", bar: 25, aim: 15),
    ]
  }

  private func measure() async throws -> Cost {
    let before = try await reads.status(Self.service).cpuMicroseconds
    let ownBefore = ServiceCosts.ownMicroseconds()
    let start = MonotonicClock.milliseconds
    let calls = Double(max(1, try await load(milliseconds: Int64(seconds) * 1000)))
    let elapsed = Double(MonotonicClock.milliseconds - start) / 1000
    let own = ServiceCosts.ownMicroseconds() - ownBefore
    let server = Double(try await reads.status(Self.service).cpuMicroseconds - before)
    return Cost(server: server / calls, client: own / calls, rate: calls / elapsed)
  }

  /// The deployment's own certificates, so that both shake the same hands.
  private func runReference(_ program: String) async throws -> Cost {
    let text = try await Shell.check(
      "the reference", program,
      [
        reads.session.checkout.certificates, Self.service.rawValue, "operator",
        String(Self.referenceCalls), String(Self.inFlight),
      ])
    let answer = try JSONText.decode(ReferenceAnswer.self, from: text)
    return Cost(server: answer.server, client: answer.client, rate: answer.rate)
  }

  /// Health checks: the smallest call that passes every interceptor and no database.
  private func load(milliseconds: Int64) async throws -> Int {
    let end = MonotonicClock.milliseconds + milliseconds
    return try await reads.session.call(Self.service, as: .operator, within: .seconds(600)) {
      [loop = reads.session.loop] client in
      try await withTaskExecutorPreference(loop) {
        try await withThrowingTaskGroup(of: Int.self) { group in
          for _ in 0..<Self.inFlight {
            group.addTask {
              let health = GRPCHealthV1.Health.Client(wrapping: client)
              var calls = 0
              while MonotonicClock.milliseconds < end {
                _ = try await health.check(GRPCHealthV1.HealthCheckRequest())
                calls += 1
              }
              return calls
            }
          }
          return try await group.reduce(0, +)
        }
      }
    }
  }
}
