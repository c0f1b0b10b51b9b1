import Wire

/// Metrics as the Prometheus text exposition format, version 0.0.4.
enum PrometheusText {
  /// One scrape: what one service told.
  struct Scrape: Sendable {
    /// Becomes the label `job`, as a Prometheus server would set it.
    let service: String
    let families: [CommonV1.MetricFamily]
  }

  /// A family's lines stand together, whichever services it comes from.
  static func lines(_ scrapes: [Scrape]) -> [String] {
    var order: [String] = []
    var families: [String: (CommonV1.MetricFamily, [String])] = [:]
    for scrape in scrapes {
      for family in scrape.families {
        if families[family.name] == nil {
          order.append(family.name)
          families[family.name] = (family, [])
        }
        for series in family.series {
          families[family.name]?.1 += samples(family, series, scrape.service)
        }
      }
    }
    return order.sorted().flatMap { name -> [String] in
      guard let (family, samples) = families[name], !samples.isEmpty else { return [] }
      let help = family.help.isEmpty ? [] : ["# HELP \(name) \(escaped(family.help, quote: false))"]
      return help + ["# TYPE \(name) \(type(family.type))"] + samples
    }
  }

  static func type(_ type: CommonV1.MetricType) -> String {
    switch type {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    case .unspecified, .unrecognized: "untyped"
    }
  }

  private static func samples(
    _ family: CommonV1.MetricFamily, _ series: CommonV1.MetricSeries, _ service: String
  ) -> [String] {
    let labels = [("job", service)] + series.labels.map { ($0.name, $0.value) }
    guard family.type == .histogram else {
      return ["\(family.name)\(braces(labels)) \(number(series.value))"]
    }
    return series.buckets.map { bucket in
      let bound = [("le", number(bucket.upperBound))]
      return "\(family.name)_bucket\(braces(labels + bound)) \(bucket.count)"
    } + [
      "\(family.name)_sum\(braces(labels)) \(number(series.sum))",
      "\(family.name)_count\(braces(labels)) \(series.buckets.last?.count ?? 0)",
    ]
  }

  private static func braces(_ labels: [(String, String)]) -> String {
    "{" + labels.map { "\($0.0)=\"\(escaped($0.1, quote: true))\"" }.joined(separator: ",") + "}"
  }

  private static func escaped(_ text: String, quote: Bool) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quote: escaped += "\\\""
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }

  /// Whole numbers without a point.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    if let whole = Int64(exactly: value) { return String(whole) }
    return String(value)
  }
}
