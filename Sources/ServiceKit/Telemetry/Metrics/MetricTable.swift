import Synchronization

/// Instruments of one metric by a key of a closed list, each made when it is first needed. For what
/// happens a few times per payment; calls have `CallMetrics`.
package final class MetricTable<Key: Hashable & Sendable, Instrument: Sendable>: Sendable {
  private let make: @Sendable (Key) -> Instrument
  private let made = Mutex<[Key: Instrument]>([:])

  package init(_ make: @escaping @Sendable (Key) -> Instrument) {
    self.make = make
  }

  package subscript(_ key: Key) -> Instrument {
    made.withLock { made in
      if let known = made[key] { return known }
      let new = make(key)
      made[key] = new
      return new
    }
  }
}
