/// How often live calls may ask again what they have asked: a share of the first sends, so that an
/// outage is not multiplied by those who wait for it. A bucket of tokens, in hundredths.
package struct RetryBudget: Sendable, Hashable {
  /// Retries per hundred first sends.
  package static let percent = 20
  /// The most that is saved up.
  package static let retriesMax = 100

  private var hundredths: Int

  package init() { hundredths = Self.retriesMax * 100 }

  package var retries: Int { max(0, hundredths / 100) }
  package var isEmpty: Bool { hundredths < 100 }

  /// A first send.
  package mutating func earn() {
    hundredths = min(hundredths + Self.percent, Self.retriesMax * 100)
  }

  package mutating func spend() { hundredths -= 100 }
}

/// How authorisations at an account ended, over the last ten minutes.
package struct SuccessWindow: Sendable, Hashable {
  package static let bucketMilliseconds: Int64 = 60_000
  package static let buckets: Int64 = 10
  /// With fewer nothing is known.
  package static let callsMin = 50

  private struct Bucket: Sendable, Hashable {
    var index: Int64
    var calls = 0
    var succeeded = 0
  }

  private var kept: [Bucket] = []

  package init() {}

  package mutating func record(succeeded: Bool, nowMilliseconds now: Int64) {
    let index = now / Self.bucketMilliseconds
    kept.removeAll { $0.index <= index - Self.buckets }
    if kept.last?.index != index { kept.append(Bucket(index: index)) }
    kept[kept.count - 1].calls += 1
    if succeeded { kept[kept.count - 1].succeeded += 1 }
  }

  package func counts(nowMilliseconds now: Int64) -> (calls: Int, succeeded: Int) {
    let first = now / Self.bucketMilliseconds - Self.buckets
    return kept.reduce((0, 0)) { sum, bucket in
      bucket.index > first ? (sum.0 + bucket.calls, sum.1 + bucket.succeeded) : sum
    }
  }

  /// nil while too little is known.
  package func permille(nowMilliseconds now: Int64) -> Int? {
    let (calls, succeeded) = counts(nowMilliseconds: now)
    return calls >= Self.callsMin ? succeeded * 1_000 / calls : nil
  }
}
