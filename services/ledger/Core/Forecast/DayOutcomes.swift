import Money

/// What a day may bring of the money of some days, each by itself.
///
/// What came on one day is paid at once, whatever its methods, as most payouts name none: its parts
/// are one event, the less likely never without the likelier.
struct DayOutcomes {
  struct Part {
    /// On which it came to the gateway.
    var from: CivilDate
    var low: Int64
    var high: Int64
    var probability: Double
  }

  typealias Amount = (from: CivilDate, amount: Int64, probability: Double)
  private typealias Step = (amount: Int64, probability: Double)

  /// Once there would be more outcomes, the smallest of the uncertain amounts count as what is
  /// expected of them: each doubles the outcomes at least.
  static let outcomesMax = 1_024
  /// Parts of one day of which the one is likelier by less are equally likely: what was seen of two
  /// methods with the same lags differs by roundings and a few days.
  static let sameProbability = 0.02

  private let outcomes: [(Int64, Double)]

  init(_ parts: [Amount]) {
    var certain: Int64 = 0
    var uncertain: [CivilDate: [Step]] = [:]
    for part in parts where part.amount > 0 {
      if part.probability >= 1 {
        certain &+= part.amount
      } else {
        uncertain[part.from, default: []].append((part.amount, part.probability))
      }
    }
    var (sums, count): ([Int64: Double], Int) = ([0: 1], 1)
    for steps in Self.largestFirst(uncertain) {
      count = min(count, Self.outcomesMax) * (steps.count + 1)
      if count > Self.outcomesMax {
        for step in steps {
          certain &+= Int64((Double(step.amount) * step.probability).rounded())
        }
      } else {
        sums = Self.add(steps, to: sums)
      }
    }
    outcomes = sums.sorted { $0.key < $1.key }.map { ($0.key &+ certain, $0.value) }
  }

  func quantile(_ share: Double) -> Int64 { LagDistribution.quantile(share, of: outcomes) ?? 0 }

  private static func largestFirst(_ days: [CivilDate: [Step]]) -> [[Step]] {
    days.map { (day: $0.key, steps: steps($0.value)) }
      .map { (day: $0.day, steps: $0.steps, sum: $0.steps.reduce(0) { $0 &+ $1.amount }) }
      .sorted { ($0.sum, $1.day) > ($1.sum, $0.day) }
      .map(\.steps)
  }

  /// The likeliest first.
  private static func steps(_ parts: [Step]) -> [Step] {
    var steps: [Step] = []
    for part in parts.sorted(by: { ($0.probability, $0.amount) > ($1.probability, $1.amount) }) {
      guard let last = steps.last, last.probability - part.probability < sameProbability else {
        steps.append(part)
        continue
      }
      let (first, second) = (Double(last.amount), Double(part.amount))
      steps[steps.count - 1] = (
        last.amount &+ part.amount,
        (first * last.probability + second * part.probability) / (first + second)
      )
    }
    return steps
  }

  private static func add(_ steps: [Step], to sums: [Int64: Double]) -> [Int64: Double] {
    var next: [Int64: Double] = [:]
    for (sum, probability) in sums.sorted(by: { $0.key < $1.key }) {
      var (came, reached) = (sum, 1.0)
      for step in steps {
        next[came, default: 0] += probability * (reached - step.probability)
        (came, reached) = (came &+ step.amount, step.probability)
      }
      next[came, default: 0] += probability * reached
    }
    return next
  }
}
