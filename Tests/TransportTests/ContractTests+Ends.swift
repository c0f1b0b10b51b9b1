import GRPCCore
import Synchronization
import Testing
import Transport

/// How calls end, and how one side holds the other back, over each transport.
extension ContractTests {
  @Test(arguments: TransportKind.allCases)
  func metadataOfAnyShapeArrives(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      var metadata: Metadata = ["echo-empty": ""]
      for number in 1...3 { metadata.addString("\(number)", forKey: "echo-many") }
      let lengths = 0...5
      for length in lengths {
        metadata.addBinary(Array(repeating: 0xFB, count: length), forKey: "echo-length\(length)-bin")
      }
      let response = try await client.unary(
        request: ClientRequest(message: [], metadata: metadata),
        descriptor: EchoMethod.unary.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { $0 }
      for received in [response.metadata, response.trailingMetadata] {
        #expect(Array(received[stringValues: "echo-empty"]) == [""])
        #expect(Array(received[stringValues: "echo-many"]) == ["1", "2", "3"])
        for length in lengths {
          #expect(
            Array(received[binaryValues: "echo-length\(length)-bin"])
              == [Array(repeating: 0xFB, count: length)])
        }
      }
    }
  }

  @Test(arguments: TransportKind.allCases)
  func aCallTimeoutEndsTheCallOnBothSides(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, probe in
      var options = CallOptions.defaults
      var timeout = Duration.milliseconds(50)
      // On a busy machine the time may be over before the handler has begun.
      while probe.number(of: .started) == 0 {
        timeout *= 2
        options.timeout = timeout
        let error = await #expect(throws: RPCError.self) {
          _ = try await client.echo([], .hang, options: options)
        }
        #expect(error?.code == .deadlineExceeded)
      }
      if kind.carriesTheEnd { await probe.wait(for: .cancelled) }
    }
  }

  @Test(arguments: TransportKind.allCases)
  func cancellingTheCallersTaskEndsTheCallOnBothSides(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, probe in
      await withTaskGroup(of: RPCError.Code?.self) { group in
        group.addTask {
          do {
            _ = try await client.echo([], .hang)
            return nil
          } catch {
            return (error as? RPCError)?.code
          }
        }
        await probe.wait(for: .started)
        group.cancelAll()
        let code = await group.next() ?? nil
        withKnownIssue("other clients throw a CancellationError, which GRPCCore makes UNKNOWN") {
          #expect(code == .cancelled)
        } when: {
          kind.client != .tender
        }
      }
      if kind.carriesTheEnd { await probe.wait(for: .cancelled) }
    }
  }

  /// The server refuses after the first of many messages; the caller learns the refusal, not that it
  /// could not write on.
  @Test(arguments: TransportKind.allCases)
  func anAnswerMayComeBeforeTheRequestHasEnded(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, _ in
      let code = UInt8(Status.Code.failedPrecondition.rawValue)
      let error = await #expect(throws: RPCError.self) {
        _ = try await client.clientStreaming(
          request: StreamingClientRequest { writer in
            for _ in 0..<10_000 {
              try await writer.write([code] + [UInt8](repeating: 0, count: 1024))
            }
          },
          descriptor: EchoMethod.fail.descriptor, serializer: BytesCoder(),
          deserializer: BytesCoder(), options: .defaults
        ) { try $0.message }
      }
      #expect(error?.code == .failedPrecondition)
    }
  }

  @Test(arguments: TransportKind.allCases)
  func aClosingClientFinishesItsCalls(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, probe in
      async let answer = client.echo([1, 2, 3], .stall)
      await probe.wait(for: .started)
      client.beginGracefulShutdown()
      await #expect(throws: (any Error).self) { _ = try await client.echo([]) }
      probe.release()
      let counted = try await answer
      #expect(counted == Array("3".utf8))
    }
  }

  @Test(arguments: TransportKind.allCases)
  func aRequestsWriterWaitsForItsReader(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, probe in
      let chunk = [UInt8](repeating: 1, count: 8 * 1024)
      let chunks = 512
      let sent = Mutex(0)
      async let answer = client.clientStreaming(
        request: StreamingClientRequest { writer in
          for _ in 0..<chunks {
            try await writer.write(chunk)
            sent.withLock { $0 += 1 }
          }
        },
        descriptor: EchoMethod.stall.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { try $0.message }
      await probe.wait(for: .started)
      try await BackPressureTests.waitUntilSteady { sent.withLock { $0 } }
      kind.expectBackPressure(by: kind.client) { #expect(sent.withLock { $0 } < chunks) }
      probe.release()
      let counted = try await answer
      #expect(counted == Array("\(chunks * chunk.count)".utf8))
    }
  }

  @Test(arguments: TransportKind.allCases)
  func aResponsesWriterWaitsForItsReader(_ kind: TransportKind) async throws {
    try await Harness.withEcho(kind) { client, probe in
      let size = 4 * 1024 * 1024
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * $0)) }
      let total = try await client.serverStreaming(
        request: ClientRequest(message: bytes), descriptor: EchoMethod.pour.descriptor,
        serializer: BytesCoder(), deserializer: BytesCoder(), options: .defaults
      ) { response in
        try await BackPressureTests.waitUntilSteady { probe.poured }
        kind.expectBackPressure(by: kind.server) { #expect(probe.poured < size) }
        return try await response.messages.reduce(0) { $0 + $1.count }
      }
      #expect(total == size)
    }
  }
}
