import Testing
import Wire

@testable import CommandLineTool

/// https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
struct PrometheusTextTests {
  static func counter(_ value: Double, _ labels: [CommonV1.MetricLabel]) -> CommonV1.MetricFamily {
    CommonV1.MetricFamily(
      name: "calls_total", help: "Calls; a \\ and\na line.", type: .counter,
      series: [CommonV1.MetricSeries(labels: labels, value: value)])
  }

  @Test func familiesOfSeveralServicesStandTogether() {
    let times = CommonV1.MetricFamily(
      name: "a_seconds", help: "", type: .histogram,
      series: [
        CommonV1.MetricSeries(
          labels: [.init(name: "m", value: "x")],
          buckets: [
            .init(upperBound: 0.005, count: 1), .init(upperBound: 1, count: 3),
            .init(upperBound: .infinity, count: 4),
          ], sum: 12.25)
      ])
    let lines = PrometheusText.lines([
      .init(
        service: "intents",
        families: [Self.counter(3, [.init(name: "code", value: "\"a\"\\\n")]), times]),
      .init(service: "ledger", families: [Self.counter(1e15, [])]),
    ])
    #expect(
      lines == [
        "# TYPE a_seconds histogram",
        #"a_seconds_bucket{job="intents",m="x",le="0.005"} 1"#,
        #"a_seconds_bucket{job="intents",m="x",le="1"} 3"#,
        #"a_seconds_bucket{job="intents",m="x",le="+Inf"} 4"#,
        #"a_seconds_sum{job="intents",m="x"} 12.25"#,
        #"a_seconds_count{job="intents",m="x"} 4"#,
        #"# HELP calls_total Calls; a \\ and\na line."#,
        "# TYPE calls_total counter",
        #"calls_total{job="intents",code="\"a\"\\\n"} 3"#,
        #"calls_total{job="ledger"} 1000000000000000"#,
      ])
  }

  @Test func aFamilyWithoutSeriesSaysNothing() {
    let empty = CommonV1.MetricFamily(name: "x", help: "x", type: .gauge)
    #expect(PrometheusText.lines([.init(service: "ledger", families: [empty])]) == [])
  }

  @Test(arguments: [
    (0.0, "0"), (-2.5, "-2.5"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    (1e-07, "1e-07"),
  ])
  func numbers(_ value: Double, _ text: String) {
    #expect(PrometheusText.number(value) == text)
  }

  @Test func oneServiceOrAll() throws {
    #expect(try MetricsCommand.services("vault-token") == [.vault])
    #expect(try MetricsCommand.services(nil).count == 6)
    let failure = #expect(throws: Failure.self) { try MetricsCommand.services("vault") }
    #expect(failure?.status == .usage && failure?.nextStep.contains("vault-token") == true)
  }
}
