import GRPCCore
import GRPCInProcessTransport
import Reactor
import Testing
import Transport

/// The transports that keep the same contract. With the trait Comparison also the ecosystem's, and
/// either side of ours against the other side of that.
enum TransportKind: String, CaseIterable, Sendable {
  case tender
  case inProcess
  #if Comparison
    case nio
    case tenderClientOfNIO
    case nioClientOfTender
  #endif

  enum Maker {
    case tender
    case inProcess
    case nio
  }

  var client: Maker {
    switch self {
    case .tender: .tender
    case .inProcess: .inProcess
    #if Comparison
      case .nio, .nioClientOfTender: .nio
      case .tenderClientOfNIO: .tender
    #endif
    }
  }

  var server: Maker {
    switch self {
    case .tender: .tender
    case .inProcess: .inProcess
    #if Comparison
      case .nio, .tenderClientOfNIO: .nio
      case .nioClientOfTender: .tender
    #endif
    }
  }
}

// MARK: - Where the others keep less than ours

extension TransportKind {
  /// Whether a handler learns that its caller has left: in process nothing carries that, and a
  /// deadline only when it has not passed before the handler begins.
  var carriesTheEnd: Bool { self != .inProcess }

  /// Expects that a writer of this maker's waited for a reader. In process nothing ever waits; a
  /// writer of NIO's waits for what its loop has seen, and what was queued before has no bound.
  func expectBackPressure(by writer: Maker, _ expectation: () -> Void) {
    withKnownIssue("the writer was not held back", isIntermittent: writer == .nio) {
      expectation()
    } when: {
      writer != .tender
    }
  }
}

extension Harness {
  /// The echo service and a client of it over the transport.
  static func withEcho(
    _ kind: TransportKind, limits: TransportLimits = TransportLimits(),
    _ body: @Sendable (EchoClient, EchoProbe) async throws -> Void
  ) async throws {
    switch kind {
    case .tender:
      try await withServer(limits: limits) { server in
        try await withClient(of: [server.address], limits: limits) { client in
          try await body(client, server.probe)
        }
      }
    case .inProcess:
      let transport = InProcessTransport()
      let probe = EchoProbe()
      try await withGRPCServer(
        transport: transport.server, services: [EchoService(probe: probe)]
      ) { _ in
        try await withGRPCClient(transport: AnyClientTransport(base: transport.client)) {
          try await body($0, probe)
        }
      }
    #if Comparison
      case .nio:
        try await withNIOServer { port, probe in
          try await withNIOClient(port: port) { try await body($0, probe) }
        }
      case .tenderClientOfNIO:
        try await withNIOServer { port, probe in
          try await withClient(of: [.loopback(port: port)], limits: limits) {
            try await body($0, probe)
          }
        }
      case .nioClientOfTender:
        try await withServer(limits: limits) { server in
          try await withNIOClient(port: server.address.port ?? 0) {
            try await body($0, server.probe)
          }
        }
    #endif
    }
  }
}
