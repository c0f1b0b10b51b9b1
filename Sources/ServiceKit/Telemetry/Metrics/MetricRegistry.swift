package import CoreMetrics
package import Logging
import Synchronization

/// The process's metrics: the factory behind swift-metrics, and what reads everything at one moment.
///
/// A series is made once and is an atomic number from then on; the lock is taken only when a series
/// is made or everything is read. Series are bounded: labels come from closed lists, and what would
/// be above the limits is counted in `tender_metrics_refused_series_total` and goes nowhere.
package final class MetricRegistry: MetricsFactory, Sendable {
  /// Series of one process; more are refused.
  package static let seriesMax = 1_000
  /// Bytes of one label's value; longer ones are cut.
  package static let labelBytesMax = 128

  /// Reads families that are kept elsewhere, for example the database client's counts.
  package typealias Source = @Sendable () async throws -> [MetricFamily]

  private enum Instrument: Sendable {
    case counter(CounterInstrument)
    case gauge(GaugeInstrument)
    case histogram(HistogramInstrument)

    var kind: MetricFamily.Kind {
      switch self {
      case .counter: .counter
      case .gauge: .gauge
      case .histogram: .histogram
      }
    }

    var value: MetricSeries.Value {
      switch self {
      case .counter(let counter): .number(counter.value)
      case .gauge(let gauge): .number(gauge.value)
      case .histogram(let histogram): .histogram(histogram.value)
      }
    }
  }

  private struct State {
    var families: [String: [[MetricLabel]: Instrument]] = [:]
    var help: [String: String] = [:]
    var seriesCount = 0
    var refused: Int64 = 0
    var sources: [(name: String, read: Source)] = []
    var failures: [String: Int64] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// Says what a metric means.
  package func describe(_ name: String, _ help: String) {
    state.withLock { $0.help[Self.name(name)] = help }
  }

  package func add(_ name: String, _ source: @escaping Source) {
    state.withLock { $0.sources.append((name, source)) }
  }

  /// Everything, by name. A source that fails is left out and counted.
  package func families(_ logger: Logger) async -> [MetricFamily] {
    var found = state.withLock { state in state.families.map { Self.family($0, $1, state.help) } }
    for source in state.withLock({ $0.sources }) {
      do {
        found += try await source.read()
      } catch {
        logger.warning(
          "metrics left out", metadata: ["source": "\(source.name)", "error": "\(error)"])
        state.withLock { $0.failures[source.name, default: 0] += 1 }
      }
    }
    return (found + own()).sorted { $0.name < $1.name }
  }

  private static func family(
    _ name: String, _ series: [[MetricLabel]: Instrument], _ help: [String: String]
  ) -> MetricFamily {
    MetricFamily(
      name, series.values.first?.kind ?? .gauge, help[name] ?? "",
      series.map { MetricSeries($0, $1.value) }.sorted { Self.precedes($0.labels, $1.labels) })
  }

  private static func precedes(_ one: [MetricLabel], _ other: [MetricLabel]) -> Bool {
    one.lexicographicallyPrecedes(other) { ($0.name, $0.value) < ($1.name, $1.value) }
  }

  /// What the registry says of itself.
  private func own() -> [MetricFamily] {
    state.withLock { state in
      [
        MetricFamily(
          "tender_metrics_series", .gauge, "Series in the registry; at most \(Self.seriesMax).",
          Double(state.seriesCount)),
        MetricFamily(
          "tender_metrics_refused_series_total", .counter,
          "Series that were not made: above the limit, or of another type than their name's.",
          Double(state.refused)),
        MetricFamily(
          "tender_metrics_source_failures_total", .counter,
          "Times a source could not be read and was left out.",
          state.sources.map {
            MetricSeries(
              [MetricLabel("source", $0.name)], .number(Double(state.failures[$0.name] ?? 0)))
          }),
      ]
    }
  }

  // MARK: Making series

  private func instrument(
    _ label: String, _ dimensions: [(String, String)], _ make: () -> Instrument
  ) -> Instrument? {
    let name = Self.name(label)
    let labels = dimensions.map { MetricLabel(Self.labelName($0.0), Self.cut($0.1)) }
      .sorted { $0.name < $1.name }
    return state.withLock { state in
      let family = state.families[name]
      if let known = family?[labels] { return known }
      let made = make()
      let isDistinct = zip(labels, labels.dropFirst()).allSatisfy { $0.name != $1.name }
      guard state.seriesCount < Self.seriesMax, isDistinct,
        family?.values.first.map({ $0.kind == made.kind }) ?? true
      else {
        state.refused += 1
        return nil
      }
      state.seriesCount += 1
      state.families[name, default: [:]][labels] = made
      return made
    }
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    guard case .counter(let counter) = instrument(label, dimensions, { .counter(.init()) }) else {
      return NOOPMetricsHandler.instance
    }
    return counter
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    guard case .gauge(let gauge) = instrument(label, dimensions, { .gauge(.init()) }) else {
      return NOOPMetricsHandler.instance
    }
    return gauge
  }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    let made = instrument(label, dimensions) {
      aggregate ? .histogram(.init(upper: HistogramInstrument.amounts)) : .gauge(.init())
    }
    switch made {
    case .gauge(let gauge): return gauge
    case .histogram(let histogram): return histogram
    case .counter, nil: return NOOPMetricsHandler.instance
    }
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    let made = instrument(label, dimensions) {
      .histogram(.init(upper: HistogramInstrument.seconds))
    }
    guard case .histogram(let histogram) = made else { return NOOPMetricsHandler.instance }
    return histogram
  }

  // Several holders may share a series, and a counter that begins anew would look like a restart:
  // series live as long as the process.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}

  // MARK: Names

  /// Letters, digits, `_` and `:`, as Prometheus has them; anything else becomes `_`.
  static func name(_ text: String) -> String { clean(text, colon: true) }
  static func labelName(_ text: String) -> String { clean(text, colon: false) }

  private static func clean(_ text: String, colon: Bool) -> String {
    var bytes = text.utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        byte
      case UInt8(ascii: ":") where colon: byte
      default: UInt8(ascii: "_")
      }
    }
    if bytes.isEmpty || bytes[0] < UInt8(ascii: ":") { bytes.insert(UInt8(ascii: "_"), at: 0) }
    return String(decoding: bytes.prefix(labelBytesMax), as: UTF8.self)
  }

  /// At most `labelBytesMax` bytes, at a character's end.
  private static func cut(_ text: String) -> String {
    guard text.utf8.count > labelBytesMax else { return text }
    var kept = text
    while kept.utf8.count > labelBytesMax { kept.removeLast() }
    return kept
  }
}
