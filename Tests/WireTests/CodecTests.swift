import Testing
import Wire

@Suite struct CodecTests {
  @Test func emptyMessageIsEmpty() throws {
    #expect(TestingV1.Everything().encode() == [])
    #expect(try TestingV1.Everything(decoding: [], strict: true) == TestingV1.Everything())
  }

  @Test func knownBytes() {
    let leaf = TestingV1.Leaf(name: "ab", weight: -1, tags: ["", "x"])
    #expect(leaf.encode() == [0x0A, 2, 0x61, 0x62, 0x10, 1, 0x1A, 0, 0x1A, 1, 0x78])
  }

  @Test func randomMessagesReturn() throws {
    var numbers = SeededNumbers(seed: runSeed)
    for _ in 0..<300 {
      let message = numbers.everything()
      let encoded = message.encode()
      for strict in [false, true] {
        #expect(try TestingV1.Everything(decoding: encoded, strict: strict) == message)
      }
    }
  }

  @Test func presenceOfDefaultsSurvives() throws {
    let present = TestingV1.Everything(
      optionalInt32: 0, optionalBool: false, optionalString: "", optionalBytes: [],
      optionalColor: .unspecified, optionalLeaf: .init())
    let decoded = try TestingV1.Everything(decoding: present.encode(), strict: true)
    #expect(decoded == present)
    #expect(decoded.optionalInt64 == nil)
    #expect(decoded != TestingV1.Everything())
  }

  @Test(arguments: [
    TestingV1.Everything.Choice.choiceText(""), .choiceBytes([]), .choiceNumber(0),
    .choiceFlag(false), .choiceColor(.unspecified), .choiceLeaf(.init()), .choiceDouble(0),
  ])
  func choiceOfDefaultsSurvives(choice: TestingV1.Everything.Choice) throws {
    let message = TestingV1.Everything(choice: choice)
    #expect(!message.encode().isEmpty)
    #expect(try TestingV1.Everything(decoding: message.encode(), strict: true).choice == choice)
  }

  @Test func lastMemberOfAChoiceWins() throws {
    let encoded = varintField(73, 5) + bytesField(71, [0x78]) + varintField(74, 1)
    let message = try TestingV1.Everything(decoding: encoded, strict: true)
    #expect(message.choice == .choiceFlag(true))
  }

  @Test func nulIsKeptWhenTolerantAndRefusedWhenStrict() throws {
    let encoded = TestingV1.Leaf(name: "a\0b").encode()
    #expect(try TestingV1.Leaf(decoding: encoded, strict: false).name == "a\0b")
    #expect(throws: WireError(.containsNUL, at: "name")) {
      try TestingV1.Leaf(decoding: encoded, strict: true)
    }
  }

  @Test func unknownFieldsAreTolerated() throws {
    let known = TestingV1.Leaf(name: "n", weight: 7).encode()
    let unknown = varintField(1000, 9) + bytesField(1001, [1, 2, 3]) + known + varintField(9, 1)
    for strict in [false, true] {
      #expect(
        try TestingV1.Leaf(decoding: unknown, strict: strict) == .init(name: "n", weight: 7))
    }
  }

  @Test func unknownEnumsAreRefusedWhenStrict() throws {
    let encoded = varintField(16, 77)
    let message = try TestingV1.Everything(decoding: encoded, strict: false)
    #expect(message.color == .unrecognized(77))
    #expect(message.encode() == encoded)
    #expect(throws: WireError(.unknownEnum, at: "color")) {
      try TestingV1.Everything(decoding: encoded, strict: true)
    }
    #expect(throws: WireError(.unknownEnum, at: "colors[1]")) {
      try TestingV1.Everything(decoding: bytesField(58, [1, 77]), strict: true)
    }
    let negative = varintField(16, UInt64(bitPattern: -1))
    let tolerant = try TestingV1.Everything(decoding: negative, strict: false)
    #expect(tolerant.color == .unrecognized(-1))
  }

  @Test func casesLoseThePrefixOfTheirEnum() {
    #expect(TestingV1.Color.darkGreen.rawValue == 2)
    #expect(TestingV1.Color.darkGreen.protoName == "COLOR_DARK_GREEN")
    #expect(TestingV1.Color(rawValue: 1000) == .blue)
    #expect(TestingV1.Color.allCases.count == 4)
    #expect(GRPCHealthV1.HealthCheckResponse.ServingStatus.notServing.rawValue == 2)
  }

  @Test func packedAndUnpackedListsAreRead() throws {
    let unpacked = varintField(52, 1) + varintField(52, 2)
    #expect(try TestingV1.Everything(decoding: unpacked, strict: true).int32s == [1, 2])
    #expect(TestingV1.Everything(int32s: [1, 2]).encode() == bytesField(52, [1, 2]))
  }

  @Test func submessagesThatOccurTwiceAreMerged() throws {
    let first = bytesField(18, TestingV1.Everything.Inner(label: "a").encode())
    let second = bytesField(
      18, TestingV1.Everything.Inner(leaf: .init(name: "n")).encode())
    let message = try TestingV1.Everything(decoding: first + second, strict: true)
    #expect(message.inner == .init(label: "a", leaf: .init(name: "n")))
  }
}
