import CoreMetrics
import GRPCCore
import Logging
import ServiceKit
import Testing
import Wire

struct MetricRegistryTests {
  static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  static func values(_ registry: MetricRegistry, _ name: String) async -> [MetricSeries] {
    await registry.families(logger).first { $0.name == name }?.series ?? []
  }

  static func number(_ registry: MetricRegistry, _ name: String) async -> Double? {
    guard case .number(let number) = await values(registry, name).first?.value else { return nil }
    return number
  }

  @Test func countsOfManyThreadsAddUp() async {
    let registry = MetricRegistry()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          // Everybody asks for it by name: there is one series.
          let counter = Counter(label: "c_total", dimensions: [("a", "1")], factory: registry)
          let level = Meter(label: "level", dimensions: [], factory: registry)
          let timer = Timer(
            label: "t_seconds", dimensions: [], preferredDisplayUnit: .seconds, factory: registry)
          for step in 0..<10_000 {
            counter.increment()
            level.increment(by: 1)
            timer.recordNanoseconds(step % 2 == 0 ? 2_000_000 : 20_000_000_000)
            level.decrement(by: 1)
          }
        }
      }
    }
    #expect(await Self.number(registry, "c_total") == 80_000)
    #expect(await Self.number(registry, "level") == 0)
    guard case .histogram(let times) = await Self.values(registry, "t_seconds").first?.value else {
      Issue.record("no histogram")
      return
    }
    #expect(times.count == 80_000)
    #expect(abs(times.sum - (40_000 * 0.002 + 40_000 * 20)) < 0.001)
    #expect(times.buckets.first { $0.upperBound == 0.001 }?.count == 0)
    #expect(times.buckets.first { $0.upperBound == 0.0025 }?.count == 40_000)
    #expect(times.buckets.last { $0.upperBound.isFinite }?.count == 40_000)
    #expect(times.buckets.last?.upperBound == .infinity)
  }

  @Test func aBoundBelongsToItsBucket() async {
    let registry = MetricRegistry()
    let sizes = Recorder(label: "size", dimensions: [], aggregate: true, factory: registry)
    for value in [1.0, 1.5, 1e9, .nan] { sizes.record(value) }
    guard case .histogram(let seen) = await Self.values(registry, "size").first?.value else {
      Issue.record("no histogram")
      return
    }
    #expect(seen.buckets.map(\.count).prefix(2) == [1, 2])
    #expect(seen.count == 3 && seen.sum == 1e9 + 2.5)
  }

  @Test func seriesAreBounded() async {
    let registry = MetricRegistry()
    for number in 0..<(MetricRegistry.seriesMax + 50) {
      Counter(label: "many_total", dimensions: [("n", "\(number)")], factory: registry).increment()
    }
    #expect(await Self.values(registry, "many_total").count == MetricRegistry.seriesMax)
    #expect(await Self.number(registry, "tender_metrics_series") == Double(MetricRegistry.seriesMax))
    #expect(await Self.number(registry, "tender_metrics_refused_series_total") == 50)
    // What is there goes on counting.
    Counter(label: "many_total", dimensions: [("n", "0")], factory: registry).increment()
    #expect(await Self.values(registry, "many_total").contains { $0.value == .number(2) })
  }

  @Test func aNameHasOneTypeAndDistinctLabels() async {
    let registry = MetricRegistry()
    Counter(label: "x", dimensions: [], factory: registry).increment()
    Meter(label: "x", dimensions: [("a", "b")], factory: registry).set(7)
    Counter(label: "y", dimensions: [("a", "1"), ("a", "2")], factory: registry).increment()
    #expect(await Self.values(registry, "x").map(\.value) == [.number(1)])
    #expect(await Self.values(registry, "y").isEmpty)
    #expect(await Self.number(registry, "tender_metrics_refused_series_total") == 2)
  }

  @Test func namesAndLabelsAreMadeFit() async {
    let registry = MetricRegistry()
    Counter(
      label: "9 lives.of-cats", dimensions: [("b:c", "ü"), ("a", String(repeating: "é", count: 100))],
      factory: registry
    ).increment()
    let series = await Self.values(registry, "_9_lives_of_cats")
    #expect(series.first?.labels.map(\.name) == ["a", "b_c"])
    #expect(series.first?.labels[0].value == String(repeating: "é", count: 64))
    #expect(series.first?.labels[1].value == "ü")
  }

  @Test func aSourceThatFailsIsLeftOutAndCounted() async {
    struct Away: Error {}
    let registry = MetricRegistry()
    registry.add("away") { throw Away() }
    registry.add("here") { [MetricFamily("here", .gauge, "", 4)] }
    #expect(await Self.number(registry, "here") == 4)
    let failures = await Self.values(registry, "tender_metrics_source_failures_total")
    #expect(
      failures == [
        MetricSeries([MetricLabel("source", "away")], .number(2)),
        MetricSeries([MetricLabel("source", "here")], .number(0)),
      ])
  }

  @Test func nothingThatAPeerSendsBecomesALabel() async {
    let registry = MetricRegistry()
    let calls = CallMetrics(registry)
    for number in 0..<2_000 { calls.begin("evil.\(number)/Method\(number)").end(.permissionDenied) }
    calls.begin("tender.ledger.v1.Ledger/Post").end(nil)
    calls.begin("tender.ledger.v1.Ledger/Post").end(.aborted)
    let running = calls.begin("tender.ledger.v1.Ledger/Post")
    let requests = await Self.values(registry, "tender_rpc_requests_total")
    #expect(
      requests.map { $0.labels.map(\.value) } == [
        ["ABORTED", "Post", "tender.ledger.v1.Ledger"], ["OK", "Post", "tender.ledger.v1.Ledger"],
        ["PERMISSION_DENIED", "unknown", "unknown"],
      ])
    #expect(requests.map(\.value) == [.number(1), .number(1), .number(2_000)])
    #expect(
      await Self.values(registry, "tender_rpc_in_flight").map(\.value) == [.number(1), .number(0)])
    running.end(nil)
    #expect(await Self.number(registry, "tender_rpc_in_flight") == 0)
  }

  /// The codes' names are those of gRPC, in its order.
  @Test(arguments: (0...16).compactMap(Status.Code.init(rawValue:)))
  func everyCodeHasItsName(_ code: Status.Code) async {
    let registry = MetricRegistry()
    CallMetrics(registry).begin("tender.ledger.v1.Ledger/Post").end(RPCError.Code(code))
    let labels = await Self.values(registry, "tender_rpc_requests_total").first?.labels
    let plain = { (text: String) in text.filter { $0 != "_" && $0 != " " }.lowercased() }
    let name = labels?.first { $0.name == "code" }?.value ?? ""
    // Swift calls one of them `internalError`.
    #expect(plain(name) == plain("\(code)").replacing("internalerror", with: "internal"))
  }
}
