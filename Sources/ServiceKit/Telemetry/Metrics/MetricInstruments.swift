import CoreMetrics
import Synchronization

/// One counter series. It never goes down while the process lives.
final class CounterInstrument: CounterHandler {
  private let total = Atomic<Int64>(0)

  func increment(by amount: Int64) {
    guard amount > 0 else { return }
    total.wrappingAdd(amount, ordering: .relaxed)
  }

  func reset() { total.store(0, ordering: .relaxed) }

  var value: Double { Double(total.load(ordering: .relaxed)) }
}

/// One gauge series: the last value, or a level that is moved up and down.
final class GaugeInstrument: MeterHandler, RecorderHandler {
  private let bits = Atomic<UInt64>(0)

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
  func increment(by amount: Double) { add(amount) }
  func decrement(by amount: Double) { add(-amount) }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }

  private func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, original) = bits.compareExchange(
        expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }

  var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// One histogram series: counts in fixed buckets, and the sum. Timers record nanoseconds and show
/// seconds; recorders show what they recorded.
final class HistogramInstrument: TimerHandler, RecorderHandler {
  /// Upper bounds of the buckets below infinity.
  static let bounds = 14
  static let seconds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]
  static let amounts: [Double] = [
    1, 5, 10, 50, 100, 500, 1e3, 5e3, 1e4, 5e4, 1e5, 5e5, 1e6, 1e7,
  ]

  private let upper: [Double]
  private let counts = InlineArray<15, Atomic<UInt64>> { _ in Atomic(0) }
  private let total = Atomic<UInt64>(0)

  init(upper: [Double]) {
    precondition(upper.count == Self.bounds, "a histogram has \(Self.bounds) bounds")
    self.upper = upper
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1e9) }
  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    guard value.isFinite else { return }
    var place = 0
    while place < Self.bounds, value > upper[place] { place += 1 }
    counts[place].wrappingAdd(1, ordering: .relaxed)
    var old = total.load(ordering: .relaxed)
    while true {
      let (exchanged, original) = total.compareExchange(
        expected: old, desired: (Double(bitPattern: old) + value).bitPattern, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }

  var value: MetricHistogram {
    var below: UInt64 = 0
    var buckets: [MetricHistogram.Bucket] = []
    for place in 0...Self.bounds {
      below += counts[place].load(ordering: .relaxed)
      buckets.append(
        .init(upperBound: place < Self.bounds ? upper[place] : .infinity, count: below))
    }
    return MetricHistogram(
      buckets: buckets, sum: Double(bitPattern: total.load(ordering: .relaxed)))
  }
}
