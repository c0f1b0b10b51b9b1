/// What is told of one metric at one moment: a name, and a value for each set of labels.
package struct MetricFamily: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// Only grows while the process lives.
    case counter
    case gauge
    case histogram
  }

  package var name: String
  /// What it says, in one sentence; empty for metrics of libraries.
  package var help: String
  package var kind: Kind
  package var series: [MetricSeries]

  package init(_ name: String, _ kind: Kind, _ help: String, _ series: [MetricSeries]) {
    self.name = name
    self.kind = kind
    self.help = help
    self.series = series
  }

  /// One number without labels.
  package init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    self.init(name, kind, help, [MetricSeries([], .number(value))])
  }
}

package struct MetricLabel: Sendable, Hashable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

package struct MetricSeries: Sendable, Hashable {
  package enum Value: Sendable, Hashable {
    case number(Double)
    case histogram(MetricHistogram)
  }

  /// In the order of their names.
  package var labels: [MetricLabel]
  package var value: Value

  package init(_ labels: [MetricLabel], _ value: Value) {
    self.labels = labels
    self.value = value
  }
}

package struct MetricHistogram: Sendable, Hashable {
  package struct Bucket: Sendable, Hashable {
    package var upperBound: Double
    /// Observations at or below the bound.
    package var count: UInt64
  }

  /// Rising bounds; the last one is infinite and its count is that of all observations.
  package var buckets: [Bucket]
  package var sum: Double

  package var count: UInt64 { buckets.last?.count ?? 0 }
}
