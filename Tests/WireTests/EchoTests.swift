import GRPCCore
import GRPCInProcessTransport
import Testing
import Wire

/// The testing contract's service, in memory.
private struct EchoService: TestingV1.Echo.SimpleServiceProtocol {
  func echo(
    request: TestingV1.EchoRequest, context: ServerContext
  ) async throws -> TestingV1.EchoResponse {
    .init(text: request.text, payload: request.payload)
  }

  func split(
    request: TestingV1.EchoRequest, response: RPCWriter<TestingV1.EchoResponse>,
    context: ServerContext
  ) async throws {
    for word in request.text.split(separator: " ") {
      try await response.write(.init(text: String(word)))
    }
  }

  func collect(
    request: RPCAsyncSequence<TestingV1.EchoRequest, any Error>, context: ServerContext
  ) async throws -> TestingV1.EchoResponse {
    var words: [String] = []
    for try await message in request { words.append(message.text) }
    return .init(text: words.joined(separator: " "))
  }

  func converse(
    request: RPCAsyncSequence<TestingV1.EchoRequest, any Error>,
    response: RPCWriter<TestingV1.EchoResponse>, context: ServerContext
  ) async throws {
    for try await message in request { try await response.write(.init(text: message.text)) }
  }

  func mirror(
    request: TestingV1.Everything, context: ServerContext
  ) async throws -> TestingV1.Everything { request }

  func check(request: TestingV1.Ruled, context: ServerContext) async throws -> TestingV1.Leaf {
    throw StatusDetails(
      code: .failedPrecondition, message: "another payload", reason: "IDEMPOTENCY_KEY_REUSED",
      retryAfterMilliseconds: 10)
  }

  func count(
    request: TestingV1.ManyEmpty, context: ServerContext
  ) async throws -> TestingV1.Leaf { .init(weight: Int64(request.empties.count)) }
}

/// Generated client and server together, over a transport in memory.
@Suite struct EchoTests {
  private func withEcho(
    _ body: (TestingV1.Echo.Client<InProcessTransport.Client>) async throws -> Void
  ) async throws {
    let transport = InProcessTransport()
    try await withGRPCServer(transport: transport.server, services: [EchoService()]) { _ in
      try await withGRPCClient(transport: transport.client) { client in
        try await body(TestingV1.Echo.Client(wrapping: client))
      }
    }
  }

  @Test func allFourKindsOfCalls() async throws {
    try await withEcho { echo in
      #expect(try await echo.echo(.init(text: "one")).text == "one")
      let words = try await echo.split(.init(text: "a b c")) { response in
        try await response.messages.reduce(into: [String]()) { $0.append($1.text) }
      }
      #expect(words == ["a", "b", "c"])
      let collected = try await echo.collect { writer in
        for word in ["x", "y"] { try await writer.write(.init(text: word)) }
      }
      #expect(collected.text == "x y")
      let answers = try await echo.converse { writer in
        for word in ["p", "q"] { try await writer.write(.init(text: word)) }
      } onResponse: { response in
        try await response.messages.reduce(into: [String]()) { $0.append($1.text) }
      }
      #expect(answers == ["p", "q"])
    }
  }

  @Test func largeMessagesPassWhereTheMethodAllowsThem() async throws {
    var numbers = SeededNumbers(seed: runSeed)
    var message = numbers.everything()
    message.bytesValue = [UInt8](repeating: 1, count: 500_000)
    let request = message
    try await withEcho { echo in
      let response = try await echo.mirror(request)
      #expect(response == request)
    }
  }

  @Test func refusedRequestsNameTheField() async throws {
    try await withEcho { echo in
      let request = TestingV1.Ruled(requiredText: "x", amountMinor: 5_000)
      let error = try #require(await failure { _ = try await echo.check(request) })
      #expect(error.code == .invalidArgument)
      #expect(StatusDetails(error)?.fieldViolations.map(\.field) == ["amount_minor"])
    }
  }

  @Test func errorsOfHandlersKeepTheirDetails() async throws {
    try await withEcho { echo in
      let request = TestingV1.Ruled(
        requiredText: "x", amountMinor: 5, color: .red, part: .init(currency: "EUR"),
        target: .targetName("t"))
      let error = try #require(await failure { _ = try await echo.check(request) })
      #expect(error.code == .failedPrecondition)
      let details = try #require(StatusDetails(error))
      #expect(details.reason == "IDEMPOTENCY_KEY_REUSED")
      #expect(details.retryAfterMilliseconds == 10)
    }
  }

  private func failure(_ body: () async throws -> Void) async -> RPCError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? RPCError
    }
  }
}
