import GRPCCore
import Testing
import Wire

/// Bytes as a transport hands them over.
private struct Bytes: GRPCContiguousBytes {
  var storage: [UInt8]

  init(repeating byte: UInt8, count: Int) { storage = Array(repeating: byte, count: count) }
  init(_ storage: some Sequence<UInt8>) { self.storage = Array(storage) }

  var count: Int { storage.count }

  func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try storage.withUnsafeBytes(body)
  }

  mutating func withUnsafeMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    try storage.withUnsafeMutableBytes(body)
  }
}

@Suite struct StubTests {
  @Test func serializersAgree() throws {
    let request = TestingV1.EchoRequest(text: "x", payload: [1, 2])
    let bytes: Bytes = try WireSerializer<TestingV1.EchoRequest>().serialize(request)
    #expect(bytes.storage == request.encode())
    let deserializer = WireRequestDeserializer<TestingV1.EchoRequest>(
      TestingV1.Echo.Method.Echo.descriptor)
    #expect(try deserializer.deserialize(bytes) == request)
  }

  @Test func requestsAreStrictAndResponsesTolerant() throws {
    let bytes = Bytes(TestingV1.EchoRequest(text: "a\0").encode())
    let strict = WireRequestDeserializer<TestingV1.EchoRequest>(
      TestingV1.Echo.Method.Echo.descriptor)
    let error = try #require(throws: RPCError.self) { try strict.deserialize(bytes) }
    #expect(error.code == .invalidArgument)
    #expect(StatusDetails(error)?.fieldViolations.map(\.field) == ["text"])
    let tolerant = WireResponseDeserializer<TestingV1.EchoRequest>()
    #expect(try tolerant.deserialize(bytes).text == "a\0")
  }

  @Test func limitsAreTheMethodsOwn() throws {
    // Leaf is small everywhere; Count's request is large by its own rule.
    let big = Bytes([UInt8](repeating: 0, count: 70_000))
    let echo = WireRequestDeserializer<TestingV1.EchoRequest>(
      TestingV1.Echo.Method.Echo.descriptor)
    let error = try #require(throws: RPCError.self) { try echo.deserialize(big) }
    #expect(error.code == .resourceExhausted)
    let many = Bytes((0..<35_000).flatMap { _ in [0x0A, 0x00] as [UInt8] })
    let count = WireRequestDeserializer<TestingV1.ManyEmpty>(
      TestingV1.Echo.Method.Count.descriptor)
    #expect(try count.deserialize(many).empties.count == 35_000)
  }

  @Test func nothingLargerThanTheContractIsSent() throws {
    let huge = TestingV1.EchoResponse(payload: [UInt8](repeating: 1, count: 70_000))
    let error = try #require(throws: RPCError.self) {
      let _: Bytes = try WireSerializer<TestingV1.EchoResponse>().serialize(huge)
    }
    #expect(error.code == .resourceExhausted)
  }

  @Test func brokenResponsesAreInternal() throws {
    let error = try #require(throws: RPCError.self) {
      try WireResponseDeserializer<TestingV1.Leaf>().deserialize(Bytes([0x0A, 0x7F]))
    }
    #expect(error.code == .internalError)
  }
}
