import GRPCCore
import TestSupport
import Testing

@testable import Transport

/// What peers send, bent at random: frames, headers, gRPC framing. Repeat a run with
/// TENDER_TEST_SEED; what broke something goes into `Corpus/`.
@Suite(.timeLimit(.minutes(2)))
struct FuzzTests {
  static let sessions = 4_000
  static let strings = 20_000
  /// Beyond what one frame of an entry can make nghttp2 send back.
  static let outputBytesMax = 1 << 20

  private static var limits: TransportLimits {
    var limits = TransportLimits()
    limits.messageBytesMax = 4_096
    limits.headerListBytesMax = 2_048
    limits.headerFieldsMax = 24
    limits.concurrentStreamsMax = 8
    return limits
  }

  @Test func theCorpusIsReadAsItWasMeant() throws {
    let expected: [(String, [SessionRecorder.Event])] = [
      ("unary", [
        .accepted(1, "test.Echo/Unary"), .message(1, [1, 2, 3]), .ended(1), .closed(1, 0),
      ]),
      ("split-message", [
        .accepted(1, "test.Echo/Unary"), .message(1, [9, 8, 7, 6]), .ended(1), .closed(1, 0),
      ]),
      ("compressed", [.accepted(1, "test.Echo/Unary"), .framing(1), .ended(1), .closed(1, 0)]),
      ("not-grpc", [.refused(1), .ended(1), .closed(1, 0)]),
      ("goodbye", [.goAway(0), .accepted(1, "test.Echo/Unary"), .ended(1), .closed(1, 0)]),
      ("reset", [.accepted(1, "test.Echo/Unary"), .closed(1, 8)]),
    ]
    for (name, events) in expected {
      let recorder = try SessionRecorder(role: .server, limits: Self.limits)
      _ = recorder.feed(try FuzzCorpus("frames/\(name)").entries[0])
      #expect(recorder.events == events, "\(name)")
    }
  }

  /// Whatever comes, in whatever pieces: the same events, no message above its limit, and an end.
  @Test func framesOfAnyKindAreSurvivedInAnyPieces() throws {
    let corpus = try FuzzCorpus.frames()
    var random = Seed.random("frames")
    for step in 0..<Self.sessions {
      let input = corpus.mutated(&random)
      let pieces = chunks(of: input, &random)
      // Nothing is sent before all has come: then the pieces make no difference at all.
      let whole = try SessionRecorder(role: .server, limits: Self.limits)
      _ = whole.feed(input, isFull: true)
      let cut = try SessionRecorder(role: .server, limits: Self.limits)
      for piece in pieces where !cut.feed(piece, isFull: true) { break }
      #expect(whole.eventsToGoodbye == cut.eventsToGoodbye, "step \(step): \(input)")
      #expect(whole.largestMessage <= Self.limits.messageBytesMax, "step \(step)")
      if whole.session != nil {
        #expect(try whole.output().count < Self.outputBytesMax, "step \(step)")
      }
      // Answers that go out in between change what comes after, and must break nothing.
      let answered = try SessionRecorder(role: .server, limits: Self.limits)
      for piece in pieces where !answered.feed(piece) { break }
      #expect(answered.largestMessage <= Self.limits.messageBytesMax, "step \(step)")
    }
  }

  @Test func answersOfAnyKindAreSurvived() throws {
    let corpus = try FuzzCorpus("answers")
    var random = Seed.random("answers")
    for step in 0..<Self.sessions {
      let client = try SessionRecorder(role: .client, limits: Self.limits)
      var headers = HeaderBlock()
      headers.add(":method", "POST")
      headers.add(":scheme", "https")
      headers.addPath(service: "test.Echo", method: "Unary")
      headers.add(":authority", "echo".utf8)
      let stream = try client.session?.submitRequest(headers)
      #expect(stream == 1)
      #expect(try client.output().count < Self.outputBytesMax)
      for piece in chunks(of: corpus.mutated(&random), &random) where !client.feed(piece) { break }
      #expect(client.largestMessage <= Self.limits.messageBytesMax, "step \(step)")
    }
  }

  @Test func framingDoesNotDependOnPieces() throws {
    let corpus = try FuzzCorpus("framing")
    var random = Seed.random("framing")
    for step in 0..<Self.strings {
      let input = corpus.mutated(&random)
      func cut(_ pieces: [[UInt8]]) -> ([[UInt8]], FramingError?, Bool) {
        var deframer = MessageDeframer(limit: 4_096)
        var messages: [[UInt8]] = []
        var failure: FramingError?
        for piece in pieces where failure == nil {
          let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
          defer { copy.deallocate() }
          copy.copyBytes(from: piece)
          do {
            try deframer.append(UnsafeRawBufferPointer(copy)) { messages.append($0) }
          } catch {
            failure = error
          }
        }
        return (messages, failure, failure == nil && deframer.isBetweenMessages)
      }
      let (whole, pieces) = (cut([input]), cut(chunks(of: input, &random)))
      #expect(whole == pieces, "step \(step): \(input)")
      // What was taken comes out again as it was framed.
      if whole.1 == nil, whole.2 {
        var buffer = OutboundBuffer()
        for message in whole.0 { buffer.append(message: message) }
        var out = [UInt8](repeating: 0, count: input.count)
        let taken = out.withUnsafeMutableBytes { buffer.take(into: $0) }
        #expect(taken == input.count && out == input, "step \(step)")
      }
    }
  }

  @Test func headersAreRefusedOrKeptButNeverTrap() throws {
    let corpus = try FuzzCorpus("headers")
    var random = Seed.random("headers")
    let methods = MethodTable(methods: EchoMethod.allCases.map(\.descriptor))
    for step in 0..<Self.strings {
      var request = RequestHeadParser(limits: Self.limits, methods: methods)
      var response = ResponseHeadParser(limits: Self.limits)
      response.begin()
      // Lines of `name value`.
      for line in corpus.mutated(&random).split(separator: UInt8(ascii: "\n")) {
        let name = Array(line.prefix { $0 != UInt8(ascii: " ") })
        let value = Array(line.dropFirst(name.count + 1))
        name.withUnsafeBufferPointer { name in
          value.withUnsafeBufferPointer { value in
            request.add(name, value)
            response.add(name, value)
          }
        }
        #expect(PercentEncoding.decode(value).utf8.count <= max(3, value.count * 3), "step \(step)")
        if let bytes = BinaryHeader.decode(value) {
          #expect(BinaryHeader.decode(BinaryHeader.encode(bytes)) == bytes, "step \(step)")
        }
        if let timeout = GRPCTimeout.parse(value) {
          #expect((0...GRPCTimeout.nanosecondsMax).contains(timeout), "step \(step)")
        }
      }
      if case .success(let head) = Result(catching: { try request.finish() }) {
        #expect(head.metadata.count <= Self.limits.headerFieldsMax * 64, "step \(step)")
        #expect(EchoMethod.allCases.contains { $0.descriptor == head.method }, "step \(step)")
      }
      _ = response.finish(isEndOfStream: Bool.random(using: &random))
    }
  }
}

extension FuzzCorpus {
  /// All of what a server may be sent.
  static func frames() throws -> FuzzCorpus {
    let names = ["unary", "split-message", "compressed", "not-grpc", "reset", "goodbye", "floods", "windows"]
    return FuzzCorpus(entries: try names.flatMap { try FuzzCorpus("frames/\($0)").entries })
  }

  init(entries: [[UInt8]]) {
    self.entries = entries
  }
}
