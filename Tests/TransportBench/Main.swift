import Glibc
import GRPCCore
import Logging
import Reactor
import Transport

/// Measures unary echo calls over mutual TLS: CPU of each side's loop thread per call.
/// Arguments: folder with echo.pem, echo.key, caller.pem, caller.key, ca.pem; calls; in flight.
@main
struct TransportBench {
  static let method = MethodDescriptor(fullyQualifiedService: "bench.Echo", method: "Unary")
  static let payload = [UInt8](repeating: 7, count: 109)

  static func main() async throws {
    let arguments = CommandLine.arguments
    let folder = arguments[1]
    let calls = Int(arguments[2]) ?? 100_000
    let inFlight = Int(arguments[3]) ?? 32
    let server = EventLoop(name: "server")
    let client = EventLoop(name: "client")
    try server.start()
    try client.start()
    let serverTransport = HTTP2ServerTransport(
      loop: server, address: .loopback(port: 0), tls: try identity(folder, "echo"))
    try await withGRPCServer(transport: serverTransport, services: [Echo()]) { _ in
      let address = try await serverTransport.listeningAddress()
      let clientTransport = HTTP2ClientTransport(
        loop: client, addresses: [address], tls: try identity(folder, "caller"),
        expecting: .service("echo"))
      try await withGRPCClient(transport: clientTransport) { grpc in
        await run(grpc, on: client, calls: calls / 10, inFlight: inFlight)
        for _ in 0..<3 {
          let before = (await cpu(server), await cpu(client), MonotonicInstant.now)
          await run(grpc, on: client, calls: calls, inFlight: inFlight)
          let after = (await cpu(server), await cpu(client), MonotonicInstant.now)
          report(calls, before, after)
        }
      }
    }
  }

  private static func identity(_ folder: String, _ name: String) throws -> TLSIdentity {
    try TLSIdentity(
      chain: "\(folder)/\(name).pem", key: "\(folder)/\(name).key", authority: "\(folder)/ca.pem")
  }

  private static func run(
    _ client: GRPCClient<HTTP2ClientTransport>, on loop: EventLoop, calls: Int, inFlight: Int
  ) async {
    let workers = (0..<inFlight).map { _ in
      loop.spawn(name: "bench") {
        for _ in 0..<(calls / inFlight) {
          do {
            let size = try await client.unary(
              request: ClientRequest(message: payload), descriptor: method,
              serializer: Coder(), deserializer: Coder(), options: .defaults
            ) { try $0.message.count }
            precondition(size == payload.count)
          } catch {
            preconditionFailure("a call failed: \(error)")
          }
        }
      }
    }
    for worker in workers { await worker.value }
  }

  private static func cpu(_ loop: EventLoop) async -> Int64 {
    await withCheckedContinuation { continuation in
      loop.execute {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        continuation.resume(returning: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
      }
    }
  }

  private static func report(
    _ calls: Int, _ before: (Int64, Int64, MonotonicInstant),
    _ after: (Int64, Int64, MonotonicInstant)
  ) {
    let seconds = Double(before.2.duration(to: after.2).wholeNanoseconds) / 1e9
    let server = Double(after.0 - before.0) / Double(calls) / 1000
    let client = Double(after.1 - before.1) / Double(calls) / 1000
    print("server \(server) µs, client \(client) µs, \(Int(Double(calls) / seconds)) calls/s")
  }
}

struct Coder: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}

struct Echo: RegistrableRPCService {
  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: TransportBench.method, deserializer: Coder(), serializer: Coder()
    ) { request, _ in
      let single = try await ServerRequest(stream: request)
      return StreamingServerResponse(single: ServerResponse(message: single.message))
    }
  }
}
