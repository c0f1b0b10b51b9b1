import GRPCCore
import Glibc
import Logging
import ServiceKit
import Testing
import Transport
import Wire

/// What the interceptor counts.
struct CallMetricsTests {
  static let method = "tender.common.v1.Operations/GetStatus"

  static func call(
    _ registry: MetricRegistry, peer: PeerIdentity?, method: String = method,
    _ answer: @escaping @Sendable () throws -> StreamingServerResponse<[UInt8]>
  ) async -> RPCError.Code? {
    let interceptor = CallInterceptor(
      logger: MetricRegistryTests.logger, metrics: CallMetrics(registry), peer: { _ in peer })
    do {
      _ = try await withServerContextRPCCancellationHandle { handle in
        try await interceptor.intercept(
          request: StreamingServerRequest<[UInt8]>(
            metadata: [:], messages: RPCAsyncSequence(wrapping: AsyncThrowingStream { $0.finish() })),
          context: ServerContext(
            descriptor: MethodDescriptor(
              fullyQualifiedService: String(method.split(separator: "/")[0]),
              method: String(method.split(separator: "/")[1])),
            remotePeer: "test", localPeer: "test", cancellation: handle)
        ) { _, _ in try answer() }
      }
      return nil
    } catch {
      return (error as? RPCError)?.code ?? (error as? RPCFailure)?.code
    }
  }

  @Test func everyEndIsCounted() async {
    let registry = MetricRegistry()
    let person = PeerIdentity.operator("test")
    struct Odd: Error {}
    _ = await Self.call(registry, peer: person) { StreamingServerResponse(metadata: [:]) { _ in [:] } }
    _ = await Self.call(registry, peer: person) {
      StreamingServerResponse(error: RPCError(code: .unavailable, message: ""))
    }
    _ = await Self.call(registry, peer: person) { throw RPCFailure.notFound("X_NOT_FOUND", "") }
    _ = await Self.call(registry, peer: person) { throw Odd() }
    _ = await Self.call(registry, peer: nil) { throw Odd() }
    _ = await Self.call(registry, peer: person, method: "a.B/C") { throw Odd() }
    let seen = await MetricRegistryTests.values(registry, "tender_rpc_requests_total")
    #expect(
      seen.map { $0.labels.filter { $0.name != "service" }.map(\.value) } == [
        ["INTERNAL", "GetStatus"], ["NOT_FOUND", "GetStatus"], ["OK", "GetStatus"],
        ["PERMISSION_DENIED", "GetStatus"], ["PERMISSION_DENIED", "unknown"],
        ["UNAVAILABLE", "GetStatus"],
      ])
    #expect(seen.allSatisfy { $0.value == .number(1) })
    let running = await MetricRegistryTests.values(registry, "tender_rpc_in_flight")
    #expect(running.count == 2 && running.allSatisfy { $0.value == .number(0) })
  }

  /// The figure of ARCHITECTURE.md, in a build without optimisation and with a bound that only a
  /// lock, a lookup by text or an allocation for each label would break.
  @Test func countingACallIsCheap() {
    let registry = MetricRegistry()
    let calls = CallMetrics(registry)
    let count = 100_000
    func cpu() -> Int {
      var now = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
      return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }
    calls.begin(Self.method).end(nil)
    let started = cpu()
    for _ in 0..<count { calls.begin(Self.method).end(nil) }
    let each = (cpu() - started) / count
    print("counting a call: \(each) ns of CPU")
    #expect(each < 8_000)
  }
}
