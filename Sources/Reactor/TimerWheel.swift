/// A pending timer. Touch it only on its loop.
package final class TimerToken: @unchecked Sendable {
  fileprivate let tick: Int64
  fileprivate let sequence: UInt64
  fileprivate var work: (() -> Void)?
  fileprivate var discarded: (() -> Void)?
  fileprivate var index = 0
  fileprivate var wheel: TimerWheel?

  fileprivate init(
    tick: Int64, sequence: UInt64, wheel: TimerWheel, work: @escaping () -> Void
  ) {
    self.tick = tick
    self.sequence = sequence
    self.wheel = wheel
    self.work = work
  }

  /// The work will not run, even if its time has come in this very turn. Idempotent.
  package func cancel() {
    work = nil
    discarded = nil
    wheel?.remove(self)
  }

  /// Runs the work, at most once over the token's life.
  func fire() {
    guard let work else { return }
    self.work = nil
    discarded = nil
    work()
  }
}

/// Timers in slots of 10 ms. Arming and cancelling are O(1); a timer never fires early, and at most
/// one slot late on an idle loop. Times are nanoseconds of one monotonic clock.
final class TimerWheel {
  static let tickNanoseconds: Int64 = 10_000_000
  private static let slotCount = 1024
  private static let wordCount = slotCount / 64

  private var slots = [[TimerToken]](repeating: [], count: slotCount)
  private var occupied = [UInt64](repeating: 0, count: wordCount)
  private var lastTick: Int64
  private var nextSequence: UInt64 = 0
  private(set) var count = 0

  init(now: MonotonicInstant) {
    lastTick = now.nanoseconds / Self.tickNanoseconds
  }

  /// - Parameter now: read from the clock for this call: a time cached earlier in the turn would
  ///   expire short timers at once.
  /// - Parameter discarded: called instead of `work` when the wheel is emptied.
  func arm(
    after duration: Duration, now: MonotonicInstant, discarded: (() -> Void)? = nil,
    _ work: @escaping () -> Void
  ) -> TimerToken {
    let due = now.advanced(by: max(.zero, duration)).nanoseconds
    let (whole, rest) = due.quotientAndRemainder(dividingBy: Self.tickNanoseconds)
    let tick = max(rest > 0 ? whole + 1 : whole, lastTick + 1)
    let token = TimerToken(tick: tick, sequence: nextSequence, wheel: self, work: work)
    token.discarded = discarded
    nextSequence += 1
    let slot = Self.slot(of: tick)
    token.index = slots[slot].count
    slots[slot].append(token)
    occupied[slot / 64] |= 1 << UInt64(slot % 64)
    count += 1
    return token
  }

  fileprivate func remove(_ token: TimerToken) {
    guard token.wheel != nil else { return }
    token.wheel = nil
    let slot = Self.slot(of: token.tick)
    let last = slots[slot].removeLast()
    if last !== token {
      slots[slot][token.index] = last
      last.index = token.index
    }
    if slots[slot].isEmpty { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
    count -= 1
  }

  /// Takes out what is due, in the order of time, then of arming.
  func expire(now: MonotonicInstant) -> [TimerToken] {
    let tick = now.nanoseconds / Self.tickNanoseconds
    guard tick > lastTick else { return [] }
    let first = lastTick + 1
    lastTick = tick
    guard count > 0 else { return [] }
    var due: [TimerToken] = []
    for candidate in max(first, tick - Int64(Self.slotCount) + 1)...tick {
      let slot = Self.slot(of: candidate)
      guard occupied[slot / 64] & (1 << UInt64(slot % 64)) != 0 else { continue }
      due += slots[slot].filter { $0.tick <= tick }
    }
    for token in due { remove(token) }
    return due.count < 2 ? due : due.sorted { ($0.tick, $0.sequence) < ($1.tick, $1.sequence) }
  }

  /// How long the loop may sleep, in milliseconds rounded up; nil without timers. May be shorter
  /// than the next timer needs (its slot is shared with later rounds), never longer.
  func millisecondsToNext(now: MonotonicInstant) -> Int32? {
    guard count > 0 else { return nil }
    let base = Self.slot(of: lastTick + 1)
    var distance: Int64 = 0
    while distance < Int64(Self.slotCount) {
      let slot = (base + Int(distance)) % Self.slotCount
      let word = occupied[slot / 64] >> UInt64(slot % 64)
      if word != 0 {
        distance += Int64(word.trailingZeroBitCount)
        break
      }
      distance += Int64(64 - slot % 64)
    }
    let due = (lastTick + 1 + distance) * Self.tickNanoseconds
    return Int32(clamping: max(0, (due - now.nanoseconds + 999_999) / 1_000_000))
  }

  /// Drops everything; nothing of it fires afterwards.
  func removeAll() {
    let dropped = Array(slots.joined())
    slots = [[TimerToken]](repeating: [], count: Self.slotCount)
    occupied = [UInt64](repeating: 0, count: Self.wordCount)
    count = 0
    for token in dropped {
      let discarded = token.discarded
      token.wheel = nil
      token.cancel()
      discarded?()
    }
  }

  private static func slot(of tick: Int64) -> Int { Int(tick & Int64(slotCount - 1)) }
}
