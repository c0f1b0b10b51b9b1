import Foundation

/// The seed of this test run: printed once, and taken from TENDER_TEST_SEED to repeat a run.
package enum Seed {
  package static let current: UInt64 = {
    let given = ProcessInfo.processInfo.environment["TENDER_TEST_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 1...UInt64(Int64.max))
    print("TENDER_TEST_SEED=\(seed)")
    return seed
  }()

  /// A generator of its own for each purpose, so that tests do not disturb each other's sequence.
  package static func random(_ purpose: StaticString) -> SeededRandom {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(purpose)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return SeededRandom(seed: current ^ hash)
  }
}

/// SplitMix64: small, fast, repeatable; for tests only.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
