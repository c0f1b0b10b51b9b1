import Glibc
import Synchronization

/// Milliseconds since 1970 on the machine's clock.
func machineMilliseconds() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}

/// `2026-11-22T15:04:05+00:00`, the way Adyen writes times.
func isoTime(milliseconds: Int64) -> String {
  var seconds = time_t(milliseconds / 1000)
  var parts = tm()
  gmtime_r(&seconds, &parts)
  func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
  return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))+00:00"
}

/// `count` random characters of `alphabet`.
func randomText(_ count: Int, _ alphabet: StaticString) -> String {
  let size = UInt64(alphabet.utf8CodeUnitCount)
  return String(unsafeUninitializedCapacity: count) { bytes in
    var bits: UInt64 = 0
    for index in 0..<count {
      // Five characters from one draw: more than 32 spare bits, so the bias is negligible.
      if index % 5 == 0 { bits = SharedGenerator.next() }
      bytes[index] = alphabet.utf8Start[Int(bits % size)]
      bits /= size
    }
    return count
  }
}

let lettersAndDigits: StaticString =
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/// FNV-1a: compares requests and finds a torn journal line; nothing here needs more.
func hash64(_ bytes: some Sequence<UInt8>, seed: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
  var hash = seed
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return hash
}

/// The system's randomness once, then SplitMix64 over a shared counter: ids need to differ, not to
/// be secret, and a system call for each would show in the profile.
private enum SharedGenerator {
  private static let state = Atomic<UInt64>(UInt64.random(in: 0...(.max)))

  static func next() -> UInt64 {
    let step: UInt64 = 0x9e37_79b9_7f4a_7c15
    let before = state.wrappingAdd(step, ordering: .relaxed).oldValue
    var generator = SeededGenerator(seed: before)
    return generator.next()
  }
}

/// Eight bytes at a time, for the journal's lines.
func checksum64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(bytes.count)
  var offset = 0
  while offset + 8 <= bytes.count {
    hash =
      (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      &* 0x100_0000_01b3
    hash ^= hash >> 29
    offset += 8
  }
  for byte in bytes[offset...] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return hash
}

/// SplitMix64: a small generator whose whole state is the printed seed.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
