import GRPCCore
import Reactor
import Wire

/// Unary calls over mutual TLS through the whole interceptor chain, so many in flight.
struct CallsBench: Sendable {
  static let inFlight = 32
  static let warmUpSeconds: Int64 = 2
  static let service = PlatformService.ledger
  /// gRPC C++ with completion queues, in microseconds of CPU a call, as noted when the transport was
  /// chosen: on another day of the same kind of machine, not in this run.
  static let referenceServer = 16.0
  static let referenceClient = 17.0

  let reads: Reads
  let seconds: Int

  func run(_ output: Output) async throws -> [Measurement] {
    output.line("warming up: \(Self.warmUpSeconds) s, \(Self.inFlight) in flight")
    _ = try await load(milliseconds: Self.warmUpSeconds * 1000)
    let before = try await reads.status(Self.service).cpuMicroseconds
    let ownBefore = ServiceCosts.ownMicroseconds()
    let start = MonotonicClock.milliseconds
    output.line("measuring: \(seconds) s")
    let calls = Double(max(1, try await load(milliseconds: Int64(seconds) * 1000)))
    let elapsed = Double(MonotonicClock.milliseconds - start) / 1000
    let own = ServiceCosts.ownMicroseconds() - ownBefore
    let server = Double(try await reads.status(Self.service).cpuMicroseconds - before)
    return [
      Measurement(name: "calls", value: calls / elapsed, unit: "1/s"),
      Measurement(
        name: "CPU of the server", value: server / calls, unit: "µs/call",
        reference: Self.referenceServer, bar: 25, aim: 15),
      Measurement(
        name: "CPU of the client", value: own / calls, unit: "µs/call",
        reference: Self.referenceClient, bar: 25, aim: 15),
    ]
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
