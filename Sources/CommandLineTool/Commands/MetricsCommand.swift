import ArgumentParser
import Wire

/// Prints what the services measure.
struct MetricsCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Print the services' metrics in Prometheus's text format.",
    discussion: "The label `job` names the service, and its process where there are several.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "Only this service, for example intents.") var service: String?

  struct Sample: Encodable {
    struct Bucket: Encodable {
      /// As Prometheus writes it: JSON has no infinity.
      let le: String
      let count: UInt64
    }

    let service: String
    let name: String
    let type: String
    let labels: [String: String]
    /// Of counters and gauges.
    let value: Double?
    let buckets: [Bucket]?
    let sum: Double?
    let count: UInt64?
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let services = try Self.services(service)
    let scrapes = try await ServiceSession.with(try Checkout.find()) { session in
      var scrapes: [PrometheusText.Scrape] = []
      let endpoints = try Endpoints.load(session.checkout)
      for service in services {
        for (name, address) in endpoints.replicas(of: service) {
          let families = try await session.call(service, at: address.port, as: .operator) {
            client in
            try await CommonV1.Operations.Client(wrapping: client)
              .listMetrics(CommonV1.ListMetricsRequest())
          }.families
          scrapes.append(.init(service: name, families: families))
        }
      }
      return scrapes
    }
    try output.result(scrapes.flatMap(Self.samples)) { PrometheusText.lines(scrapes) }
    return .succeeded
  }

  static func services(_ name: String?) throws(Failure) -> [PlatformService] {
    guard let name else { return PlatformService.allCases }
    guard let service = PlatformService(rawValue: name) else {
      let known = PlatformService.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure("no service is called \(name)", next: "give one of \(known)", status: .usage)
    }
    return [service]
  }

  static func samples(_ scrape: PrometheusText.Scrape) -> [Sample] {
    scrape.families.flatMap { family in
      family.series.map { series in
        let isHistogram = family.type == .histogram
        return Sample(
          service: scrape.service, name: family.name,
          type: PrometheusText.type(family.type),
          labels: Dictionary(series.labels.map { ($0.name, $0.value) }) { first, _ in first },
          value: isHistogram ? nil : series.value,
          buckets: isHistogram
            ? series.buckets.map {
              .init(le: PrometheusText.number($0.upperBound), count: $0.count)
            } : nil,
          sum: isHistogram ? series.sum : nil,
          count: isHistogram ? series.buckets.last?.count ?? 0 : nil)
      }
    }
  }
}
