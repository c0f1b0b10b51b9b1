package import CoreMetrics
package import GRPCCore
import Reactor
import Wire

/// Counts the calls of a process by method: how many run, how they ended, how long they took until
/// their answer was made. The methods are those of the contracts, and `unknown`; nothing that a peer
/// sends becomes a label.
package final class CallMetrics: Sendable {
  private let methods: [String: MethodMetrics]
  private let unknown: MethodMetrics

  package init(_ factory: any MetricsFactory & Sendable) {
    methods = MethodRules.table.keys.reduce(into: [:]) { methods, method in
      let parts = method.split(separator: "/")
      methods[method] = MethodMetrics(
        factory, service: String(parts.first ?? ""), method: String(parts.last ?? ""))
    }
    unknown = MethodMetrics(factory, service: "unknown", method: "unknown")
  }

  package static func describe(in registry: MetricRegistry) {
    registry.describe(MethodMetrics.requests, "Calls that ended, by gRPC status code.")
    registry.describe(
      MethodMetrics.duration, "Time of a call from its first message until its answer was made.")
    registry.describe(MethodMetrics.running, "Calls that run now.")
  }

  /// A call begins; `end` must follow.
  package func begin(_ method: String) -> RunningCall {
    RunningCall(methods[method] ?? unknown)
  }

  package struct RunningCall: Sendable {
    private let method: MethodMetrics
    private let started = MonotonicInstant.now

    fileprivate init(_ method: MethodMetrics) {
      self.method = method
      method.begin()
    }

    /// - Parameter code: nil for OK.
    package func end(_ code: RPCError.Code?) {
      method.end(code, nanoseconds: started.duration(to: .now).wholeNanoseconds)
    }
  }
}

/// The series of one method, each made when it is first needed: methods that nobody calls and codes
/// that nobody gets take no place. Reading and counting take no lock.
private final class MethodMetrics: Sendable {
  static let requests = "tender_rpc_requests_total"
  static let duration = "tender_rpc_duration_seconds"
  static let running = "tender_rpc_in_flight"
  static let codes = 17

  private final class Always: Sendable {
    let inFlight: Meter
    let duration: Timer

    init(_ factory: any MetricsFactory, _ labels: [(String, String)]) {
      inFlight = Meter(label: running, dimensions: labels, factory: factory)
      duration = Timer(
        label: MethodMetrics.duration, dimensions: labels, preferredDisplayUnit: .seconds,
        factory: factory)
    }
  }

  private let factory: any MetricsFactory & Sendable
  private let labels: [(String, String)]
  private let always = OnceReference<Always>()
  private let ended = InlineArray<17, OnceReference<Counter>> { _ in OnceReference() }

  init(_ factory: any MetricsFactory & Sendable, service: String, method: String) {
    self.factory = factory
    labels = [("service", service), ("method", method)]
  }

  func begin() {
    series.inFlight.increment(by: 1)
  }

  func end(_ code: RPCError.Code?, nanoseconds: Int64) {
    let series = series
    series.inFlight.decrement(by: 1)
    series.duration.recordNanoseconds(nanoseconds)
    counter(code?.rawValue ?? 0).increment()
  }

  private var series: Always {
    always.get { Always(factory, labels) }
  }

  private func counter(_ code: Int) -> Counter {
    // Codes are 0 to 16; a number beyond would be a newer library's.
    let place = (0..<Self.codes).contains(code) ? code : 2
    return ended[place].get {
      Counter(
        label: Self.requests, dimensions: labels + [("code", Self.names[place])], factory: factory)
    }
  }

  private static let names = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]
}
