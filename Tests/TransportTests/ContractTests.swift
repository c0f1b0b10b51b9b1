import GRPCCore
import Testing

/// What GRPCCore may rely on, over each transport.
@Suite(.timeLimit(.minutes(1)))
struct ContractTests {
  @Test(arguments: TransportKind.allCases)
  func unaryCallsCarryMessagesAndMetadata(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let metadata: Metadata = ["echo-text": "a b", "echo-raw-bin": [0, 255, 1], "other": "x"]
      let request = ClientRequest(message: Array("hello".utf8), metadata: metadata)
      let response = try await client.unary(
        request: request, descriptor: EchoMethod.unary.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { $0 }
      #expect(try response.message == Array("hello".utf8))
      #expect(Array(response.metadata[stringValues: "echo-text"]) == ["a b"])
      #expect(Array(response.metadata[binaryValues: "echo-raw-bin"]) == [[0, 255, 1]])
      #expect(Array(response.trailingMetadata[stringValues: "echo-text"]) == ["a b"])
    }
  }

  @Test(arguments: TransportKind.allCases, [0, 1, 16_383, 65_536, 1_000_000])
  func messagesOfEverySizeArrive(_ kind: TransportKind, _ size: Int) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let echoed = try await client.echo(bytes)
      #expect(echoed == bytes)
    }
  }

  @Test(arguments: TransportKind.allCases)
  func clientStreamingJoinsMessages(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let joined = try await client.clientStreaming(
        request: StreamingClientRequest { writer in
          for byte in UInt8(0)..<100 { try await writer.write([byte]) }
        },
        descriptor: EchoMethod.collect.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { try $0.message }
      #expect(joined == Array(0..<100))
    }
  }

  @Test(arguments: TransportKind.allCases)
  func serverStreamingKeepsOrder(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let messages = try await client.serverStreaming(
        request: ClientRequest(message: Array(0..<200)),
        descriptor: EchoMethod.expand.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { response in
        try await response.messages.reduce(into: [[UInt8]]()) { $0.append($1) }
      }
      #expect(messages == (0..<200).map { [UInt8($0)] })
    }
  }

  @Test(arguments: TransportKind.allCases)
  func bidirectionalStreamingAnswersEachMessage(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let (questions, ask) = AsyncStream.makeStream(of: [UInt8].self)
      let answers = try await client.bidirectionalStreaming(
        request: StreamingClientRequest { writer in
          for await question in questions { try await writer.write(question) }
        },
        descriptor: EchoMethod.bidirectional.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { response in
        // Each question waits for the answer to the one before.
        ask.yield([0])
        var answers: [[UInt8]] = []
        for try await answer in response.messages {
          answers.append(answer)
          if answers.count == 50 { ask.finish() } else { ask.yield([UInt8(answers.count)]) }
        }
        return answers
      }
      #expect(answers == (0..<50).map { [UInt8($0)] })
    }
  }

  @Test(arguments: TransportKind.allCases, Array(1...16))
  func everyStatusCodeArrives(_ kind: TransportKind, _ code: Int) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let error = await #expect(throws: RPCError.self) {
        _ = try await client.echo([UInt8(code)], .fail)
      }
      #expect(error?.code.rawValue == code)
      #expect(error?.message == "as asked: 100 % ünlucky\n")
      #expect(error.map { Array($0.metadata[binaryValues: "why-bin"]) } == [[1, 2]])
    }
  }

  @Test(arguments: TransportKind.allCases)
  func unknownMethodsAreUnimplemented(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let error = await #expect(throws: RPCError.self) {
        _ = try await client.unary(
          request: ClientRequest(message: []),
          descriptor: MethodDescriptor(fullyQualifiedService: "test.Echo", method: "Nothing"),
          serializer: BytesCoder(), deserializer: BytesCoder(), options: .defaults
        ) { try $0.message }
      }
      #expect(error?.code == .unimplemented)
    }
  }

  @Test(arguments: TransportKind.allCases)
  func callsRunSideBySide(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask {
            let bytes = [UInt8](repeating: UInt8(number), count: number)
            return try await client.echo(bytes) == bytes ? 1 : 0
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 200)
    }
  }
}
