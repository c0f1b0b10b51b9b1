/// What an id names: gives the prefix of its text.
package protocol EntityKind: Sendable {
  /// The prefix without "_": lower-case letters, at most `EntityIDText.prefixLengthMax`.
  static func prefix(of bits: UInt128) -> StaticString
  /// The bits a fresh id gets, made from random ones: a kind may fix some.
  static func settle(_ bits: UInt128) -> UInt128
}

extension EntityKind {
  package static func settle(_ bits: UInt128) -> UInt128 { bits }
}

/// A 128-bit id, ordered by time: 48 bits of milliseconds since 1970, then 80 random bits.
///
/// As text: prefix, "_" and 28 lower-case letters (base 26, fixed width), so that text, bits and
/// bytes sort alike and no id can be taken for a card number. In SQL: `uuid`.
package struct EntityID<Kind: EntityKind>: Hashable, Comparable, Sendable {
  // Halves, not one UInt128: Swift 6.3.1 passes a UInt128 among the stack arguments of an async
  // function so that the function jumps to nowhere when it resumes.
  private let high: UInt64
  private let low: UInt64

  package init(bits: UInt128) {
    high = UInt64(truncatingIfNeeded: bits >> 64)
    low = UInt64(truncatingIfNeeded: bits)
  }

  package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

  /// A fresh id. Only the low 48 bits of the time and the low 80 bits of `random` count.
  package static func generate(milliseconds: Int64, random: UInt128) -> EntityID {
    let time = UInt128(UInt64(bitPattern: milliseconds) & 0xFFFF_FFFF_FFFF)
    let tail = random & (UInt128(1) << 80 - 1)
    return EntityID(bits: Kind.settle(time << 80 | tail))
  }

  /// A fresh id from a generator, which must be unpredictable outside tests.
  package static func generate(
    milliseconds: Int64,
    random: inout some RandomNumberGenerator
  ) -> EntityID {
    let (high, low) = (random.next(), random.next())
    return generate(milliseconds: milliseconds, random: UInt128(high) << 64 | UInt128(low))
  }

  /// A fresh id from the system's random numbers.
  package static func generate(milliseconds: Int64) -> EntityID {
    var random = SystemRandomNumberGenerator()
    return generate(milliseconds: milliseconds, random: &random)
  }

  /// When it was made, in milliseconds since 1970.
  package var milliseconds: Int64 { Int64(bits >> 80) }

  /// The smallest id of a moment: a bound for ranges and partitions.
  package static func first(at milliseconds: Int64) -> EntityID {
    EntityID(bits: UInt128(UInt64(bitPattern: milliseconds) & 0xFFFF_FFFF_FFFF) << 80)
  }

  package static func < (left: EntityID, right: EntityID) -> Bool { left.bits < right.bits }
}

// MARK: - Bytes

extension EntityID {
  /// Sixteen bytes, most significant first: what SQL's `uuid` holds.
  package var bytes: [UInt8] {
    var result = [UInt8](repeating: 0, count: 16)
    for index in 0..<16 {
      result[index] = UInt8(truncatingIfNeeded: bits >> UInt128(120 - 8 * index))
    }
    return result
  }

  /// From exactly sixteen bytes, most significant first.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    self.init(bits: bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
  }
}
