import Foundation
import Testing
import Wire

/// Numbers that a seed repeats (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &self) == 0 }
}

/// The seed of a run: `TENDER_TEST_SEED`, or one of its own, printed so that it can be repeated.
let runSeed: UInt64 = {
  let given = ProcessInfo.processInfo.environment["TENDER_TEST_SEED"].flatMap(UInt64.init)
  let seed = given ?? UInt64.random(in: 0...UInt64.max)
  print("TENDER_TEST_SEED=\(seed)")
  return seed
}()

func hex(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}

func bytes(hex text: some StringProtocol) -> [UInt8] {
  let digits = Array(text.utf8).map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

// MARK: - Encodings by hand

func varint(_ value: UInt64) -> [UInt8] {
  var value = value
  var bytes: [UInt8] = []
  while value >= 0x80 {
    bytes.append(UInt8(value & 0x7F) | 0x80)
    value >>= 7
  }
  return bytes + [UInt8(value)]
}

func varintField(_ number: UInt64, _ value: UInt64) -> [UInt8] {
  varint(number << 3) + varint(value)
}

func bytesField(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
  varint(number << 3 | 2) + varint(UInt64(content.count)) + content
}

// MARK: - Random messages

extension SeededNumbers {
  mutating func text() -> String {
    let alphabet = ["a", "Z", "0", " ", "é", "ß", "漢", "🙂", "\"", "\\", "\n", "\u{7F}", "\u{2028}", "/"]
    let length = chance(4) ? 0 : Int.random(in: 1...24, using: &self)
    return (0..<length).map { _ in alphabet.randomElement(using: &self) ?? "" }.joined()
  }

  mutating func blob() -> [UInt8] {
    let length = chance(4) ? 0 : Int.random(in: 1...40, using: &self)
    return (0..<length).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  mutating func integer<N: FixedWidthInteger>(_ type: N.Type) -> N {
    switch Int.random(in: 0..<6, using: &self) {
    case 0: 0
    case 1: N.max
    case 2: N.min
    case 3: 1
    case 4: 0 &- 1
    default: N(truncatingIfNeeded: next())
    }
  }

  mutating func double() -> Double {
    [0, 1.5, -2.25, 1e300, -1e-300, .infinity, 3].randomElement(using: &self) ?? 0
  }

  mutating func color() -> TestingV1.Color {
    TestingV1.Color.allCases.randomElement(using: &self) ?? .red
  }

  mutating func some<T>(_ make: (inout SeededNumbers) -> T) -> T? {
    chance(2) ? nil : make(&self)
  }

  mutating func many<T>(_ make: (inout SeededNumbers) -> T) -> [T] {
    (0..<Int.random(in: 0...4, using: &self)).map { _ in make(&self) }
  }

  mutating func leaf() -> TestingV1.Leaf {
    .init(name: text(), weight: integer(Int64.self), tags: many { $0.text() })
  }

  mutating func inner() -> TestingV1.Everything.Inner {
    .init(label: text(), leaf: some { $0.leaf() }, leaves: many { $0.leaf() })
  }

  mutating func choice() -> TestingV1.Everything.Choice? {
    switch Int.random(in: 0..<8, using: &self) {
    case 0: .choiceText(text())
    case 1: .choiceBytes(blob())
    case 2: .choiceNumber(integer(Int64.self))
    case 3: .choiceFlag(chance(2))
    case 4: .choiceColor(color())
    case 5: .choiceLeaf(leaf())
    case 6: .choiceDouble(double())
    default: nil
    }
  }

  mutating func everything() -> TestingV1.Everything {
    var message = TestingV1.Everything()
    message.doubleValue = double()
    message.floatValue = Float([0, 1.5, -3.25, 7].randomElement(using: &self) ?? 0)
    message.int32Value = integer(Int32.self)
    message.int64Value = integer(Int64.self)
    message.uint32Value = integer(UInt32.self)
    message.uint64Value = integer(UInt64.self)
    message.sint32Value = integer(Int32.self)
    message.sint64Value = integer(Int64.self)
    message.fixed32Value = integer(UInt32.self)
    message.fixed64Value = integer(UInt64.self)
    message.sfixed32Value = integer(Int32.self)
    message.sfixed64Value = integer(Int64.self)
    message.boolValue = chance(2)
    message.stringValue = text()
    message.bytesValue = blob()
    message.color = color()
    message.kind = chance(2) ? .first : .unspecified
    message.inner = some { $0.inner() }
    message.createdAt = some {
      .init(seconds: Int64.random(in: 0...4_000_000_000, using: &$0), nanos: $0.chance(2) ? 0 : 5_000)
    }
    message.elapsed = some { .init(seconds: Int64.random(in: 0...99, using: &$0), nanos: 1_000_000) }
    fillPresence(&message)
    fillLists(&message)
    message.choice = choice()
    message.`default` = text()
    message.`in` = text()
    message.int = integer(Int32.self)
    message.`is` = chance(2)
    message.className2 = text()
    message.description = text()
    return message
  }

  private mutating func fillPresence(_ message: inout TestingV1.Everything) {
    message.optionalDouble = some { $0.double() }
    message.optionalInt32 = some { $0.integer(Int32.self) }
    message.optionalInt64 = some { $0.integer(Int64.self) }
    message.optionalUint64 = some { $0.integer(UInt64.self) }
    message.optionalBool = some { $0.chance(2) }
    message.optionalString = some { $0.text() }
    message.optionalBytes = some { $0.blob() }
    message.optionalColor = some { $0.color() }
    message.optionalLeaf = some { $0.leaf() }
  }

  private mutating func fillLists(_ message: inout TestingV1.Everything) {
    message.doubles = many { $0.double() }
    message.int32s = many { $0.integer(Int32.self) }
    message.sint64s = many { $0.integer(Int64.self) }
    message.fixed32s = many { $0.integer(UInt32.self) }
    message.bools = many { $0.chance(2) }
    message.strings = many { $0.text() }
    message.blobs = many { $0.blob() }
    message.colors = many { $0.color() }
    message.inners = many { $0.inner() }
    message.uint64s = many { $0.integer(UInt64.self) }
  }
}
