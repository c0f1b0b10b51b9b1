import GRPCCore
import Reactor
import Transport

/// Bytes as they are.
struct BytesCoder: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
    Bytes(message)
  }

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}

enum EchoMethod: String, CaseIterable {
  /// The request's bytes; its `echo-*` metadata comes back in front and behind.
  case unary = "Unary"
  /// All requests' bytes, joined.
  case collect = "Collect"
  /// The request's bytes one by one.
  case expand = "Expand"
  /// Each request as it comes.
  case bidirectional = "Bidirectional"
  /// Fails with the status code in the first byte and a message.
  case fail = "Fail"
  /// Ends when it is cancelled, never by itself.
  case hang = "Hang"
  /// The caller's identity as text.
  case whoAmI = "WhoAmI"
  /// Reads nothing until `EchoProbe.release()`, then counts.
  case stall = "Stall"
  /// As many bytes as the request's eight say, in messages of 16 KiB.
  case pour = "Pour"

  var descriptor: MethodDescriptor {
    MethodDescriptor(fullyQualifiedService: "test.Echo", method: rawValue)
  }
}

struct EchoService: RegistrableRPCService {
  let probe: EchoProbe

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for method in EchoMethod.allCases {
      let probe = probe
      router.registerHandler(
        forMethod: method.descriptor, deserializer: BytesCoder(), serializer: BytesCoder()
      ) { request, context in
        try await EchoService.handle(method, request, context, probe)
      }
    }
  }

  private static func handle(
    _ method: EchoMethod, _ request: StreamingServerRequest<[UInt8]>, _ context: ServerContext,
    _ probe: EchoProbe
  ) async throws -> StreamingServerResponse<[UInt8]> {
    probe.count(.started)
    switch method {
    case .unary: return try await unary(request)
    case .collect:
      var all: [UInt8] = []
      for try await message in request.messages { all += message }
      return single(all)
    case .expand:
      let bytes = try await first(request)
      return StreamingServerResponse { writer in
        for byte in bytes { try await writer.write([byte]) }
        return [:]
      }
    case .bidirectional:
      return StreamingServerResponse { writer in
        for try await message in request.messages { try await writer.write(message) }
        return ["echo-count": "done"]
      }
    case .fail:
      let bytes = try await first(request)
      guard let status = Status.Code(rawValue: Int(bytes.first ?? 2)),
        let code = RPCError.Code(status)
      else { return single([]) }
      throw RPCError(code: code, message: "as asked: 100 % ünlucky\n", metadata: ["why-bin": [1, 2]])
    case .hang: return try await hang(context, probe)
    case .whoAmI:
      return single(Array((ConnectionContext.current?.peer.uri ?? "nobody").utf8))
    case .stall:
      await probe.waitForRelease()
      var count = 0
      for try await message in request.messages { count += message.count }
      return single(Array("\(count)".utf8))
    case .pour:
      let size = try await first(request).reduce(0) { $0 << 8 | Int($1) }
      return StreamingServerResponse { writer in
        var left = size
        while left > 0 {
          let count = min(left, 16 * 1024)
          try await writer.write([UInt8](repeating: 7, count: count))
          probe.add(poured: count)
          left -= count
        }
        return [:]
      }
    }
  }

  private static func unary(
    _ request: StreamingServerRequest<[UInt8]>
  ) async throws -> StreamingServerResponse<[UInt8]> {
    let bytes = try await first(request)
    var echoed = Metadata()
    for (key, value) in request.metadata where key.hasPrefix("echo-") {
      switch value {
      case .string(let text): echoed.addString(text, forKey: key)
      case .binary(let bytes): echoed.addBinary(bytes, forKey: key)
      }
    }
    let trailers = echoed
    return StreamingServerResponse(metadata: echoed) { writer in
      try await writer.write(bytes)
      return trailers
    }
  }

  private static func hang(
    _ context: ServerContext, _ probe: EchoProbe
  ) async throws -> StreamingServerResponse<[UInt8]> {
    probe.set(deadline: Deadline.current)
    do {
      try await context.cancellation.cancelled
    } catch {
      // The task was cancelled: that counts too.
      probe.count(.taskCancelled)
    }
    probe.count(.cancelled)
    throw RPCError(code: .cancelled, message: "cancelled")
  }

  private static func first(_ request: StreamingServerRequest<[UInt8]>) async throws -> [UInt8] {
    for try await message in request.messages { return message }
    throw RPCError(code: .invalidArgument, message: "no message")
  }

  private static func single(_ bytes: [UInt8]) -> StreamingServerResponse<[UInt8]> {
    StreamingServerResponse { writer in
      try await writer.write(bytes)
      return [:]
    }
  }
}
