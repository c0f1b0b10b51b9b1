import CWire
import Foundation
import Testing
import Wire

@Suite struct HostileTests {
  @Test func truncationAtEveryByteNeverCrashes() throws {
    var numbers = SeededNumbers(seed: runSeed)
    for _ in 0..<20 {
      let encoded = numbers.everything().encode()
      for length in 0..<encoded.count {
        _ = try? TestingV1.Everything(decoding: Array(encoded[..<length]), strict: true)
      }
    }
  }

  @Test func truncatedFieldsAreMalformed() {
    let encoded = TestingV1.Leaf(name: "abc").encode()
    for length in 1..<encoded.count {
      #expect(throws: WireError(.malformed)) {
        try TestingV1.Leaf(decoding: Array(encoded[..<length]), strict: true)
      }
    }
  }

  @Test func mutationsNeverCrashAndStayCanonical() throws {
    var numbers = SeededNumbers(seed: runSeed &+ 1)
    for _ in 0..<2_000 {
      var encoded = numbers.everything().encode()
      for _ in 0..<Int.random(in: 1...8, using: &numbers) where !encoded.isEmpty {
        let position = Int.random(in: 0..<encoded.count, using: &numbers)
        switch Int.random(in: 0..<3, using: &numbers) {
        case 0: encoded[position] = UInt8.random(in: 0...255, using: &numbers)
        case 1: encoded.remove(at: position)
        default: encoded.insert(UInt8.random(in: 0...255, using: &numbers), at: position)
        }
      }
      _ = try? TestingV1.Ruled(decoding: encoded, strict: true)
      guard let message = try? TestingV1.Everything(decoding: encoded, strict: true) else { continue }
      // Numbers that are not equal to themselves cannot be compared.
      let again = message.encode()
      #expect(try TestingV1.Everything(decoding: again, strict: true).encode() == again)
    }
  }

  @Test(arguments: [
    // A length beyond the end, beyond 32 bits and beyond 64 bits.
    [0x0A, 0x7F], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
    [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    // A varint without an end, field number 0, groups, a wrong wire type for a known field.
    [0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x00, 0x00],
    [0x0B, 0x0C], [0x0B], [0x08, 0x01],
  ] as [[UInt8]])
  func brokenFramingIsMalformed(encoded: [UInt8]) {
    #expect(throws: WireError(.malformed)) {
      try TestingV1.Leaf(decoding: encoded, strict: true)
    }
  }

  @Test func sizeIsLimitedBeforeAnythingElse() {
    let long = [UInt8](repeating: 0xFF, count: messageBytesDefault + 1)
    #expect(throws: WireError(.messageTooLong)) {
      try TestingV1.Leaf(decoding: long, strict: true)
    }
    #expect(TestingV1.Everything.bytesMax == 1_048_576)
    #expect(TestingV1.Leaf.bytesMax == messageBytesDefault)
  }

  @Test func messagesThatUnfoldAreStoppedByTheArena() throws {
    // Two bytes each on the wire, 32 and more in memory.
    func empties(_ count: Int) -> [UInt8] { (0..<2 * count).map { $0 % 2 == 0 ? 0x0A : 0 } }
    let limits = WireLimits(bytesMax: TestingV1.ManyEmpty.bytesMax)
    #expect(limits.memoryMax == 8 * 4_194_304)
    #expect(throws: WireError(.memoryExhausted)) {
      try TestingV1.ManyEmpty(decoding: empties(2_000_000), limits: limits, strict: true)
    }
    // A message as dense passes without the cap: it is the cap that stops it.
    let dense = empties(100_000)
    var tight = WireLimits(bytesMax: dense.count)
    #expect(throws: WireError(.memoryExhausted)) {
      try TestingV1.ManyEmpty(decoding: dense, limits: tight, strict: true)
    }
    tight.memoryMax = 1 << 30
    let message = try TestingV1.ManyEmpty(decoding: dense, limits: tight, strict: true)
    #expect(message.empties.count == 100_000)
  }

  @Test func arenaNeverExceedsItsLimit() {
    var numbers = SeededNumbers(seed: runSeed &+ 2)
    for _ in 0..<200 {
      let limit = Int.random(in: 0...300_000, using: &numbers)
      var arena = WireArena()
      wire_arena_init(&arena, limit)
      var taken = 0
      while true {
        let size = Int.random(in: 0...20_000, using: &numbers)
        guard let memory = wire_arena_allocate(&arena, size) else { break }
        #expect(UInt(bitPattern: memory) % 16 == 0)
        memset(memory, 0xAA, size)
        taken += size
      }
      #expect(arena.exhausted)
      // One first chunk is not counted exactly: every thread has it anyway.
      #expect(taken <= limit + 16 * 1024)
      wire_arena_destroy(&arena)
    }
  }

  @Test func arenaRefusesSizesThatOverflow() {
    var arena = WireArena()
    wire_arena_init(&arena, .max)
    #expect(wire_arena_allocate(&arena, Int(bitPattern: UInt.max)) == nil)
    #expect(wire_arena_allocate(&arena, Int.max) == nil)
    wire_arena_destroy(&arena)
  }

  @Test func deepMessagesEndAtTheContract() throws {
    // Nesting deeper than the contract's is an unknown field's content, which nothing parses.
    var encoded: [UInt8] = []
    for _ in 0..<2_000 { encoded = bytesField(2, encoded) }
    _ = try? TestingV1.Everything.Inner(decoding: encoded, strict: true)
    _ = try? TestingV1.Ruled(decoding: encoded, strict: true)
  }

  @Test func threadsShareNothing() async {
    await withTaskGroup(of: Bool.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var numbers = SeededNumbers(seed: runSeed &+ UInt64(worker))
          return (0..<100).allSatisfy { _ in
            let message = numbers.everything()
            let decoded = try? TestingV1.Everything(decoding: message.encode(), strict: true)
            return decoded == message
          }
        }
      }
      for await agrees in group { #expect(agrees) }
    }
  }
}
